package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/perduredb/perdure/internal/redistest"
)

const (
	setA      = "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n"
	setB      = "*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$1\r\n2\r\n"
	multiLine = multi
	execLine  = "*1\r\n$4\r\nEXEC\r\n"
	baseA     = "file appendonly.aof.1.base.aof seq 1 type b\n"
	incrA     = "file appendonly.aof.1.incr.aof seq 1 type i\n"
	incrB     = "file appendonly.aof.2.incr.aof seq 2 type i\n"
	first     = "appendonly.aof.1.incr.aof"
	second    = "appendonly.aof.2.incr.aof"
	baseN     = "appendonly.aof.1.base.aof"
)

// tails lists damaged tails of a log, from docs/durability.md and from Redis's tests. Each follows
// a complete command.
var tails = []struct {
	name, tail string
	torn       bool // a crash explains it, so Open also truncates it
}{
	{"inside a command", setB[:20], true},
	{"one byte", "*", true},
	{"inside the first header", "*3\r", true},
	{"before the last CR LF", setB[:len(setB)-2], true},
	{"between CR and LF", setB[:len(setB)-1], true},
	{"inside a transaction", multiLine + setB, true},
	{"inside a command of a transaction", multiLine + setB + setB[:9], true},
	{"inside EXEC", multiLine + setB + execLine[:7], true},
	{"inside the last byte of EXEC", multiLine + setB + execLine[:len(execLine)-1], true},
	{"inside MULTI", multiLine[:5], true},
	{"NUL bytes", strings.Repeat("\x00", 5000), true},
	{"a command and NUL bytes", setB[:11] + strings.Repeat("\x00", 300), true},
	{"an annotation without its end", "#TS:17000", true},
	{"other bytes", "!!! and more of them", false},
	{"other bytes before a whole command", "xx" + setB, false},
	{"a length that no file has", "*3\r\n$3\r\nSET\r\n$1000000000000\r\nb", false},
	{"no arguments", "*0\r\n" + setB, false},
	{"LF alone", strings.ReplaceAll(setB, "\r\n", "\n"), false},
	{"EXEC alone", execLine, false},
	{"MULTI twice and no EXEC", multiLine + multiLine + setB, true},
}

// TestRepairTails repairs each tail in the last file of a log: an incremental file, a base file
// without incremental files, and a single file. Repair saves the removed bytes. Check then reports
// no damage, and a server loads the intact command.
func TestRepairTails(t *testing.T) {
	for _, c := range tails {
		t.Run(c.name, func(t *testing.T) {
			for layout, name := range map[string]string{incrA: first, baseA: baseN, baseA + incrA: first, "": logName} {
				dir := t.TempDir()
				path := logAt(t, dir, layout, name, setA+c.tail)
				if layout == baseA+incrA {
					check(t, os.WriteFile(filepath.Join(dir, logDirName, baseN), []byte(setA), 0o600))
				}
				r := want(t, exitDamaged, "check", dir)
				word := "damaged  "
				if c.torn {
					word = "torn     "
				}
				r.wants(t, word+path+": offset ", "intact up to offset 27", "perdure repair")
				want(t, exitGood, "repair", "--yes", dir).wants(t, "truncated at offset 27, saved "+count(int64(len(c.tail)), "byte")+" in ")
				if got := read(t, path); got != setA {
					t.Errorf("%s after repair = %q, want %q", name, got, setA)
				}
				if got := read(t, path+".cut-27"); got != c.tail {
					t.Errorf("%s.cut-27 = %q, want %q", name, got, c.tail)
				}
				want(t, exitGood, "check", dir)
				want(t, exitGood, "repair", dir)
			}
			dir := t.TempDir()
			logAt(t, dir, incrA, first, setA+c.tail)
			want(t, exitGood, "repair", "--yes", dir)
			server := redistest.Start(t, dir, "--appendonly", "yes")
			if n := server.Must("DBSIZE").Int(); n != 1 || server.Must("GET", "a").Text != "1" {
				t.Errorf("server after repair has %d keys, want 1 with the value 1", n)
			}
			server.Kill()
		})
	}
}

// logAt makes a log with a manifest, or a single file if manifest is empty.
func logAt(t *testing.T, dir, manifest, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if manifest != "" {
		log := filepath.Join(dir, logDirName)
		check(t, os.Mkdir(log, 0o700))
		check(t, os.WriteFile(filepath.Join(log, logName+manifestSuffix), []byte(manifest), 0o600))
		path = filepath.Join(log, name)
	}
	check(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// TestRepairRefusesEarlierDamage checks that repair changes no file where truncation would lose
// later data. A server truncates an earlier file before it refuses it.
func TestRepairRefusesEarlierDamage(t *testing.T) {
	for name, c := range map[string]struct{ manifest, damaged, whole string }{
		"short earlier incremental file":     {incrA + incrB, first, second},
		"short base before incremental file": {baseA + incrA, baseN, first},
		"short RDB before incremental file":  {"file b.1.base.rdb seq 1 type b\n" + incrA, "b.1.base.rdb", first},
		"short RDB as only file":             {"file b.1.base.rdb seq 1 type b\n", "b.1.base.rdb", ""},
	} {
		dir := t.TempDir()
		text := setA + setB[:9]
		if strings.HasSuffix(c.damaged, ".rdb") {
			text = "REDIS0009\xfe\x00\x00\x01a"
		}
		path := logAt(t, dir, c.manifest, c.damaged, text)
		if c.whole != "" { // after an empty file, too, the damaged file is not the last one
			check(t, os.WriteFile(filepath.Join(filepath.Dir(path), c.whole), nil, 0o600))
		}
		before := tree(t, dir)
		want(t, exitDamaged, "check", dir).wants(t, c.damaged+": offset ", "truncating here would lose the data after it")
		want(t, exitDamaged, "repair", "--yes", dir).wants(t, "not repairable")
		for file, content := range tree(t, dir) {
			if before[file] != content {
				t.Errorf("%s: repair changed %s, want no change", name, file)
			}
		}
		if name := strconv.Quote(name); len(tree(t, dir)) != len(before) {
			t.Errorf("%s: %d files after repair, want %d", name, len(tree(t, dir)), len(before))
		}
	}
}
