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

// killedStore returns the directory of a store as a killed process leaves it, with k only in the
// tail file.
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
	want(t, exitGood, "check", dir).wants(t, tail, "1 command", "are missing from the log")
	want(t, exitGood, "check", "--json", dir).wants(t, `"kind":"tail"`, `"missing":`)
	want(t, exitGood, "stat", dir).wants(t, "appendonly.aof.tail", "tail")
	want(t, exitGood, "dump", dir).wants(t, "in the tail")
	if r := perdureIn(t, "n\n", "repair", dir); r.code != exitDamaged {
		t.Fatalf("repair with the answer n: exit status %d, want %d", r.code, exitDamaged)
	}
	want(t, exitGood, "repair", "--yes", dir).wants(t, "to the log, removed", "data directory, ok")
	if _, err := os.Lstat(tail); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Lstat of the tail file after repair = %v, want ErrNotExist", err)
	}
	want(t, exitGood, "dump", dir).wants(t, "in the tail")
}

func TestDamagedTail(t *testing.T) {
	dir, tail := killedStore(t)
	data := read(t, tail)
	at := strings.Index(data, "in the tail")
	check(t, os.WriteFile(tail, []byte(data[:at]+"I"+data[at+1:]), 0o600))
	want(t, exitDamaged, "check", dir).wants(t, "checksum", "perdure repair")
	want(t, exitGood, "repair", "--yes", dir).wants(t, tail+".kept-1", "data directory, ok")
	want(t, exitGood, "check", dir)
}
