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

// tails are what a log may end with, docs/durability.md and Redis's own tests: every one of them
// behind a whole command. cut is where repair cuts, from the end of that command.
var tails = []struct {
	name, tail string
	torn       bool // a crash explains it: Open does the same
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

// TestRepairTails repairs each of them in the last file of a log, as an increment, a base without
// increments and a single file. What is cut off is kept, the result checks clean, a server starts
// on it and has what was whole.
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
				r.wants(t, word+path+": offset ", "whole up to offset 27", "perdure repair")
				want(t, exitGood, "repair", "--yes", dir).wants(t, "cut at offset 27, "+count(int64(len(c.tail)), "byte")+" kept in")
				if got := read(t, path); got != setA {
					t.Errorf("%s: %q is left", name, got)
				}
				if got := read(t, path+".cut-27"); got != c.tail {
					t.Errorf("%s: %q is kept", name, got)
				}
				want(t, exitGood, "check", dir)
				want(t, exitGood, "repair", dir)
			}
			dir := t.TempDir()
			logAt(t, dir, incrA, first, setA+c.tail)
			want(t, exitGood, "repair", "--yes", dir)
			server := redistest.Start(t, dir, "--appendonly", "yes")
			if n := server.Must("DBSIZE").Int(); n != 1 || server.Must("GET", "a").Text != "1" {
				t.Errorf("the server has %d keys", n)
			}
			server.Kill()
		})
	}
}

// logAt makes a log with that manifest, or a single file for none.
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

// TestRepairLeavesAlone leaves what cutting would lose more of: nothing is touched. (A server cuts
// an earlier file short before it refuses it.)
func TestRepairLeavesAlone(t *testing.T) {
	for name, c := range map[string]struct{ manifest, damaged, whole string }{
		"an earlier increment is short":         {incrA + incrB, first, second},
		"a base is short, an increment follows": {baseA + incrA, baseN, first},
		"a base is an RDB that ends":            {"file b.1.base.rdb seq 1 type b\n" + incrA, "b.1.base.rdb", first},
		"the only file is an RDB that ends":     {"file b.1.base.rdb seq 1 type b\n", "b.1.base.rdb", ""},
	} {
		dir := t.TempDir()
		text := setA + setB[:9]
		if strings.HasSuffix(c.damaged, ".rdb") {
			text = "REDIS0009\xfe\x00\x00\x01a"
		}
		path := logAt(t, dir, c.manifest, c.damaged, text)
		if c.whole != "" { // an empty file too makes the one before it not the last
			check(t, os.WriteFile(filepath.Join(filepath.Dir(path), c.whole), nil, 0o600))
		}
		before := tree(t, dir)
		want(t, exitDamaged, "check", dir).wants(t, c.damaged+": offset ", "it cannot be cut away")
		want(t, exitDamaged, "repair", "--yes", dir).wants(t, "not repairable")
		for file, content := range tree(t, dir) {
			if before[file] != content {
				t.Errorf("%s: %s has changed", name, file)
			}
		}
		if name := strconv.Quote(name); len(tree(t, dir)) != len(before) {
			t.Error(name, "files came or went")
		}
	}
}
