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
	if !strings.Contains(before.stderr, "torn end passed over") {
		t.Errorf("dump does not tell of the torn end: %q", before.stderr)
	}
	want(t, exitDamaged, "check", dir).wants(t, "torn", "perdure repair")

	for _, answer := range []string{"n\n", "", "nonsense\n"} {
		r := perdureIn(t, answer, "repair", dir)
		if r.code != exitDamaged || read(t, path) != whole+torn {
			t.Fatalf("answer %q: exit %d", answer, r.code)
		}
		r.wants(t, "[y/N]", path, "keep them in", "nothing was changed")
	}
	r := perdureIn(t, "y\n", "repair", dir)
	if r.code != exitGood {
		t.Fatalf("%s%s", r.stdout, r.stderr)
	}
	r.wants(t, "good")
	if got := read(t, path); got != whole {
		t.Errorf("%d bytes left of %d", len(got), len(whole))
	}
	saved, err := filepath.Glob(path + ".cut-*")
	check(t, err)
	if len(saved) != 1 || read(t, saved[0]) != torn {
		t.Errorf("the bytes that were cut: %q", saved)
	}
	if after := want(t, exitGood, "dump", dir); after.stdout != before.stdout {
		t.Error("repair has changed the data")
	}
	want(t, exitGood, "repair", dir).wants(t, "good")
}

func TestRepairSingleFile(t *testing.T) {
	path := write(t, "a.aof", selects+setKV+multi+setKV)
	want(t, exitGood, "repair", "--yes", path).wants(t, "cut at offset 50, 42 bytes kept")
	if read(t, path) != selects+setKV || read(t, path+".cut-50") != multi+setKV {
		t.Error("wrong bytes")
	}
}

func TestRepairRefuses(t *testing.T) {
	dir := store(t)
	dump := filepath.Join(dir, dumpName)
	want(t, exitGood, "repair", dump).wants(t, "nothing to repair")
	check(t, os.WriteFile(dump, []byte(read(t, dump)[:30]), 0o600))
	want(t, exitDamaged, "repair", "--yes", dump).wants(t, "cannot be repaired", "offset")
	want(t, exitDamaged, "repair", "--yes", dir) // the log is good, the dump is not

	s, err := perdure.Open(store(t))
	check(t, err)
	defer s.Close()
	other := store(t)
	open, err := perdure.Open(other)
	check(t, err)
	defer open.Close()
	want(t, exitFailed, "repair", "--yes", other).wants(t, "locked by")
}
