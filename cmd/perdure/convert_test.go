package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perduredb/perdure"
)

// forms lists a name for every format that convert writes.
var forms = []string{"x.rdb", "x.zst", "x.rdb.zst", "x.aof", "x.jsonl", "x.jsonl.zst", "data", logDirName}

// TestConvertPairs converts every format to every other and compares the keys.
func TestConvertPairs(t *testing.T) {
	dir := store(t)
	all := want(t, exitGood, "dump", dir).stdout
	var sources []string
	for _, name := range forms {
		path := filepath.Join(t.TempDir(), name)
		want(t, exitGood, "convert", dir, path).wants(t, path)
		sources = append(sources, path)
	}
	commands := filepath.Join(t.TempDir(), "c.aof")
	want(t, exitGood, "convert", "--commands", dir, commands)
	if !strings.HasPrefix(read(t, commands), "*2\r\n$6\r\nSELECT\r\n") {
		t.Errorf("convert --commands = %.40q, want a SELECT first", read(t, commands))
	}
	sources = append(sources, commands)
	for _, src := range sources {
		for _, name := range forms {
			dst := filepath.Join(t.TempDir(), name)
			want(t, exitGood, "convert", src, dst)
			want(t, exitGood, "check", dst)
			if r := want(t, exitGood, "dump", dst); r.stdout != all {
				t.Errorf("dump after convert %s %s differs, want that of the original", src, name)
			}
			if left, _ := filepath.Glob(filepath.Join(filepath.Dir(dst), "temp-*")); len(left) > 0 {
				t.Errorf("convert %s %s left %v, want no file", src, name, left)
			}
		}
	}
}

// TestConvertedDirOpens opens a data directory that convert has written, and writes to it.
func TestConvertedDirOpens(t *testing.T) {
	for _, flags := range [][]string{nil, {"--commands"}} {
		dst := filepath.Join(t.TempDir(), "new")
		want(t, exitGood, append([]string{"convert", filepath.Join(store(t), dumpName), dst}, flags...)...)
		s, err := perdure.Open(dst)
		check(t, err)
		if v, err := s.Get("key:05"); string(v) != "vxxxxx" {
			t.Errorf("Get(%q) = %q, %v, want %q", "key:05", v, err, "vxxxxx")
		}
		if r := s.Recovery(); r.Source != "aof" || r.Cut != 0 {
			t.Errorf("Recovery() = %+v, want source aof without truncation", r)
		}
		check(t, s.Set("more", []byte("1")))
		check(t, s.Close())
		want(t, exitGood, "check", dst)
	}
}

func TestConvertOverwritesNothing(t *testing.T) {
	dir := store(t)
	for _, name := range forms {
		dst := filepath.Join(t.TempDir(), name)
		check(t, os.WriteFile(dst, []byte("mine"), 0o600))
		want(t, exitFailed, "convert", dir, dst).wants(t, "exists")
		if read(t, dst) != "mine" {
			t.Errorf("%s after a refused convert = %.40q, want \"mine\"", name, read(t, dst))
		}
	}
	want(t, exitFailed, "convert", filepath.Join(dir, dumpName), dir).wants(t, "exists")
	want(t, exitGood, "convert", "--to", "dump", dir, filepath.Join(t.TempDir(), "odd.name"))
}

func TestConvertDamagedWritesNothing(t *testing.T) {
	dir := store(t)
	dump := filepath.Join(dir, dumpName)
	content := []byte(read(t, dump))
	content[len(content)-20] ^= 1
	check(t, os.WriteFile(dump, content, 0o600))
	for _, name := range forms {
		dst := filepath.Join(t.TempDir(), name)
		want(t, exitDamaged, "convert", dump, dst).wants(t, "offset")
		left, err := os.ReadDir(filepath.Dir(dst))
		check(t, err)
		if len(left) > 0 {
			t.Errorf("convert to %s left %v, want no files", name, left)
		}
	}
}
