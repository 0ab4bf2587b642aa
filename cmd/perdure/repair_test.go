package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perduredb/perdure"
)

func TestRepair(t *testing.T) {
	dir := store(t)
	path := incr(t, dir)
	whole := read(t, path)
	torn := "*3\r\n$3\r\nSET\r\n$4\r\nto"
	appendTo(t, path, torn)
	before := want(t, exitGood, "dump", dir)
	if !strings.Contains(before.stderr, "skipped torn tail") {
		t.Errorf("dump: stderr %q, want a warning about the torn tail", before.stderr)
	}
	want(t, exitDamaged, "check", dir).wants(t, "torn", "perdure repair")

	for _, answer := range []string{"n\n", "", "nonsense\n"} {
		r := perdureIn(t, answer, "repair", dir)
		if r.code != exitDamaged || read(t, path) != whole+torn {
			t.Fatalf("repair with answer %q: exit status %d, want %d and an unchanged file", answer, r.code, exitDamaged)
		}
		r.wants(t, "[y/N]", path, "save them in", "nothing changed")
	}
	r := perdureIn(t, "y\n", "repair", dir)
	if r.code != exitGood {
		t.Fatalf("repair with answer y: exit status %d, want 0\n%s%s", r.code, r.stdout, r.stderr)
	}
	r.wants(t, "data directory, ok")
	if got := read(t, path); got != whole {
		t.Errorf("%d bytes after repair, want %d", len(got), len(whole))
	}
	saved, err := filepath.Glob(path + ".cut-*")
	check(t, err)
	if len(saved) != 1 || read(t, saved[0]) != torn {
		t.Errorf("saved files = %q, want one with the torn tail", saved)
	}
	if after := want(t, exitGood, "dump", dir); after.stdout != before.stdout {
		t.Error("dump after repair differs, want the dump before")
	}
	want(t, exitGood, "repair", dir).wants(t, "data directory, ok")
}

func TestRepairSingleFile(t *testing.T) {
	path := write(t, "a.aof", selects+setKV+multi+setKV)
	want(t, exitGood, "repair", "--yes", path).wants(t, "truncated at offset 50, saved 42 bytes")
	if read(t, path) != selects+setKV || read(t, path+".cut-50") != multi+setKV {
		t.Error("files after repair differ, want the log divided at offset 50")
	}
}

func TestRepairRefuses(t *testing.T) {
	dir := store(t)
	dump := filepath.Join(dir, dumpName)
	want(t, exitGood, "repair", dump).wants(t, "nothing to repair")
	check(t, os.WriteFile(dump, []byte(read(t, dump)[:30]), 0o600))
	want(t, exitDamaged, "repair", "--yes", dump).wants(t, "cannot be repaired", "offset")
	want(t, exitDamaged, "repair", "--yes", dir) // the log is intact, but the dump is not

	s, err := perdure.Open(store(t))
	check(t, err)
	defer s.Close()
	other := store(t)
	open, err := perdure.Open(other)
	check(t, err)
	defer open.Close()
	want(t, exitFailed, "repair", "--yes", other).wants(t, "locked by")
}
