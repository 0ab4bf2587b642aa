package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
)

// killedStore is the directory of a store as a killed process leaves it: k is in the tail file only.
func killedStore(t *testing.T) (dir, tail string) {
	t.Helper()
	open := filepath.Join(t.TempDir(), "open")
	s, err := perdure.Open(open, perdure.WithSaveRules(),
		perdure.WithAppendLog(aof.New(aof.LogMode(aof.Ring), aof.RingDelay(time.Hour))))
	check(t, err)
	defer s.Close()
	if stats := s.Stats(); stats.LogMode != "ring" {
		t.Skip(stats.LogModeReason)
	}
	check(t, s.Set("k", []byte("in the tail")))
	dir = filepath.Join(t.TempDir(), "killed")
	check(t, os.CopyFS(dir, os.DirFS(open)))
	return dir, filepath.Join(dir, "appendonlydir", "appendonly.aof.tail")
}

func TestTail(t *testing.T) {
	dir, tail := killedStore(t)
	want(t, exitGood, "check", dir).wants(t, tail, "1 command", "that the log lacks")
	want(t, exitGood, "check", "--json", dir).wants(t, `"kind":"tail"`, `"missing":`)
	want(t, exitGood, "stat", dir).wants(t, "appendonly.aof.tail", "tail")
	want(t, exitGood, "dump", dir).wants(t, "in the tail")
	if r := perdureIn(t, "n\n", "repair", dir); r.code != exitDamaged {
		t.Fatalf("exit %d", r.code)
	}
	want(t, exitGood, "repair", "--yes", dir).wants(t, "merged", "good")
	if _, err := os.Lstat(tail); !errors.Is(err, os.ErrNotExist) {
		t.Error("the tail file is still there")
	}
	want(t, exitGood, "dump", dir).wants(t, "in the tail")
}

func TestDamagedTail(t *testing.T) {
	dir, tail := killedStore(t)
	data := read(t, tail)
	at := strings.Index(data, "in the tail")
	check(t, os.WriteFile(tail, []byte(data[:at]+"I"+data[at+1:]), 0o600))
	want(t, exitDamaged, "check", dir).wants(t, "checksum", "perdure repair")
	want(t, exitGood, "repair", "--yes", dir).wants(t, tail+".kept-1", "good")
	want(t, exitGood, "check", dir)
}
