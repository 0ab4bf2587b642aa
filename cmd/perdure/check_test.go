package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
)

const (
	setKV   = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n"
	selects = "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n"
	multi   = "*1\r\n$5\r\nMULTI\r\n"
)

func TestCheckGood(t *testing.T) {
	dir := store(t)
	want(t, exitGood, "check", dir).wants(t, "data directory, ok", dumpName, "base.rdb", "incr.aof", "27 keys")
	r := want(t, exitGood, "check", "--json", dir, filepath.Join(dir, dumpName))
	lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
	if len(lines) != 2 {
		t.Fatalf("check --json printed %q, want 2 lines", r.stdout)
	}
	var c checked
	check(t, json.Unmarshal([]byte(lines[0]), &c))
	if !c.OK || c.Form != formDir || len(c.Files) != 3 {
		t.Errorf("check --json = %+v, want ok and 3 files in a data directory", c)
	}
}

func TestCheckDamage(t *testing.T) {
	for _, test := range []struct{ name, file, content, what string }{
		{"torn command", "a.aof", selects + setKV + "*3\r\n$3\r\nSE", "a.aof: offset 50: file ends inside a command"},
		{"torn transaction", "a.aof", selects + multi + setKV, "offset 23: file ends inside a transaction"},
		{"garbage", "a.aof", selects + "garbage of some length", "offset 23: found 'g', want '*'"},
		{"not a dump", "a.rdb", "REDIX0009", "offset 0: want REDIS or VALKEY"},
		{"empty dump", "a.rdb", "", "a.rdb: offset 0: "},
		{"short dump", "a.rdb", "REDIS0009\xfa", "a.rdb: offset 10: "},
		{"bad manifest", "a.aof.manifest", "file a\n", "a.aof.manifest: offset 0: "},
		{"missing file", "a.aof.manifest", "file a.aof.1.base.rdb seq 1 type b\n", "a.aof.1.base.rdb: offset 0: listed in the manifest, but missing"},
		{"not zstd", "a.rdb.zst", "nonsense", "a.rdb.zst: offset "},
		{"base", "a.aof.1.base.rdb", "REDIS0009\x07", "offset 10: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := write(t, test.file, test.content)
			want(t, exitDamaged, "check", path).wants(t, test.what, "DAMAGED")
			r := want(t, exitDamaged, "check", "--json", path)
			var c checked
			check(t, json.Unmarshal([]byte(r.stdout), &c))
			if c.OK || len(c.Files) != 1 || c.Files[0].Problem == nil {
				t.Errorf("check --json = %s, want one file with a problem", r.stdout)
			}
			if strings.HasSuffix(test.file, ".aof") && c.Files[0].Problem.Torn != strings.HasPrefix(test.name, "torn") {
				t.Errorf("check --json = %s, want torn = %v", r.stdout, strings.HasPrefix(test.name, "torn"))
			}
		})
	}
}

// TestCheckEveryByte flips bytes of a dump and of its compressed form, and truncates both. Check
// must detect every change.
func TestCheckEveryByte(t *testing.T) {
	dir := store(t)
	dump := filepath.Join(dir, dumpName)
	zst := filepath.Join(t.TempDir(), "d.zst")
	want(t, exitGood, "convert", dump, zst)
	want(t, exitGood, "check", zst).wants(t, "27 keys")
	all := want(t, exitGood, "dump", dump).stdout
	for _, path := range []string{dump, zst} {
		content := read(t, path)
		for i := 16; i < len(content); i += 7 {
			broken := []byte(content)
			broken[i] ^= 0x10
			check(t, os.WriteFile(path, broken, 0o600))
			// A few bits of a compressed file do not affect the content.
			if r := perdureRun(t, "check", path); r.code == exitGood &&
				(path == dump || want(t, exitGood, "dump", path).stdout != all) {
				t.Errorf("check %s with byte %d changed succeeded, want damage", path, i)
			}
			check(t, os.WriteFile(path, []byte(content[:i]), 0o600))
			want(t, exitDamaged, "check", path)
		}
	}
}

func TestCheckUnreadable(t *testing.T) {
	want(t, exitFailed, "check", write(t, "a.txt", "hello")).wants(t, "not a dump")
	want(t, exitFailed, "check", t.TempDir()).wants(t, "directory contains neither dump.rdb nor a log")
	newer := write(t, "a.rdb", "REDIS0099\xc8\xff"+strings.Repeat("\x00", 8))
	want(t, exitUnsupported, "check", newer).wants(t, "not supported")
	// With several paths, each has its line, and the exit status is the worst.
	r := want(t, exitUnsupported, "check", "--json", filepath.Join(store(t), dumpName), newer)
	for _, line := range strings.Split(strings.TrimSpace(r.stdout), "\n") {
		if !json.Valid([]byte(line)) {
			t.Errorf("check --json printed %q, want valid JSON", line)
		}
	}
}

// TestCheckLogDamage changes a byte that is declared synced. Repair must refuse to truncate there.
func TestCheckLogDamage(t *testing.T) {
	dir := store(t)
	content := []byte(read(t, incr(t, dir)))
	content[len(content)/2] ^= 1
	check(t, os.WriteFile(incr(t, dir), content, 0o600))
	r := want(t, exitDamaged, "check", dir)
	r.wants(t, "incr.aof: offset ", "damaged")
	if strings.Contains(r.stdout, "repair") {
		t.Errorf("check suggests a repair, want no suggestion:\n%s", r.stdout)
	}
	want(t, exitDamaged, "repair", "--yes", dir).wants(t, "not repairable")
	want(t, exitDamaged, "dump", dir).wants(t, "offset ")
	if _, err := perdure.Open(dir); err == nil {
		t.Error("Open of a damaged log = nil error, want an error")
	}
}

// TestCheckComparesBaseWithManifest truncates a base file of commands after a command, so that it
// is intact but shorter. Open and check detect that from the size in the manifest.
func TestCheckComparesBaseWithManifest(t *testing.T) {
	dir := t.TempDir()
	s, err := perdure.Open(dir, perdure.WithAppendLog(aof.New(aof.RDBBase(false))))
	check(t, err)
	check(t, s.Set("a", []byte("1")))
	check(t, s.Set("b", []byte("2")))
	check(t, s.Rewrite(t.Context()))
	check(t, s.Close())
	bases, err := filepath.Glob(filepath.Join(dir, "appendonlydir", "*.base.aof"))
	check(t, err)
	content := read(t, bases[0])
	check(t, os.WriteFile(bases[0], []byte(content[:strings.LastIndex(content, "*3\r\n")]), 0o600))
	want(t, exitDamaged, "check", dir).wants(t, "the manifest says", "Open fails")
	want(t, exitDamaged, "repair", "--yes", dir).wants(t, "not repairable")
	if _, err := perdure.Open(dir); err == nil {
		t.Error("Open of a damaged log = nil error, want an error")
	}
}
