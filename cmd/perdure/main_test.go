package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
)

// result is the outcome of one run of the program.
type result struct {
	code           int
	stdout, stderr string
}

// perdureRun runs the program in this process.
func perdureRun(t *testing.T, args ...string) result {
	t.Helper()
	return perdureIn(t, "", args...)
}

func perdureIn(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(context.Background(), args, strings.NewReader(stdin), &stdout, &stderr)
	if text := stdout.String() + stderr.String(); strings.Contains(text, ": perdure: ") {
		t.Errorf("perdure %s: output %q, want perdure: only at the start of a line", strings.Join(args, " "), text)
	}
	return result{code, stdout.String(), stderr.String()}
}

// want runs the program and fails on another exit status.
func want(t *testing.T, code int, args ...string) result {
	t.Helper()
	r := perdureRun(t, args...)
	if r.code != code {
		t.Fatalf("perdure %s: exit %d, want %d\n%s%s", strings.Join(args, " "), r.code, code, r.stdout, r.stderr)
	}
	return r
}

func (r result) wants(t *testing.T, texts ...string) result {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(r.stdout+r.stderr, text) {
			t.Errorf("want %q in:\n%s%s", text, r.stdout, r.stderr)
		}
	}
	return r
}

// never is an expiry in the far future.
var never = time.Date(2099, 1, 2, 3, 4, 5, 678e6, time.UTC)

// store makes a data directory with a log and a dump, depending on opts.
func store(t *testing.T, opts ...perdure.Option) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	fill(t, dir, "v", opts...)
	return dir
}

// fill writes keys with values that begin with word.
func fill(t *testing.T, dir, word string, opts ...perdure.Option) {
	t.Helper()
	s, err := perdure.Open(dir, opts...)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		check(t, s.Set(fmt.Sprintf("key:%02d", i), []byte(word+strings.Repeat("x", i))))
	}
	check(t, s.Set("ttl", []byte(word), perdure.ExpireAt(never)))
	check(t, s.Set("\xff\x00", []byte("\xfe"+word)))
	check(t, s.Set("", []byte("")))
	check(t, s.DB(3).Set("k", []byte("<three>")))
	_, err = s.Incr("n")
	check(t, err)
	check(t, s.Update(func(tx *perdure.Tx) error {
		return errors.Join(tx.Set("a", []byte("1")), tx.DB(2).Set("b", []byte("2")))
	}))
	check(t, s.Close())
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	check(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	check(t, err)
	return string(content)
}

// tree returns the contents of every file below a directory.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	check(t, filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			files[path] = read(t, path)
		}
		return err
	}))
	return files
}

// incr returns the newest incremental file of a data directory.
func incr(t *testing.T, dir string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, logDirName, "*.incr.aof"))
	check(t, err)
	if len(found) == 0 {
		t.Fatalf("%s has 0 incremental files, want at least 1", dir)
	}
	return found[len(found)-1]
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	check(t, os.WriteFile(path, []byte(read(t, path)+text), 0o600))
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{
		{}, {"foo"}, {"check"}, {"check", "-x", "y"}, {"repair"}, {"repair", "a", "b"}, {"dump"}, {"dump", ""},
		{"dump", "a", "b"}, {"stat"}, {"convert", "a"}, {"convert", "--to", "tar", "a", "b"},
		{"convert", "--commands", "a", "b.rdb"}, {"restore", "a"}, {"restore", "--log", "--no-log", "a", "b"},
		{"help", "foo"}, {"convert", "a", "b.foo"}, {"convert", "--rdb-version", "8", "a", "b.rdb"},
	} {
		r := want(t, exitUsage, args...)
		if !strings.HasPrefix(r.stderr, "perdure: ") || strings.Count(r.stderr, "\n") != 1 {
			t.Errorf("perdure %v: stderr %q, want one line with a prefix", args, r.stderr)
		}
	}
	want(t, exitGood, "help").wants(t, "restore BACKUP DIR")
	want(t, exitGood, "help", "dump").wants(t, "usage: perdure dump")
	want(t, exitGood, "version").wants(t, "perdure ")
	for _, c := range commands() {
		want(t, exitGood, c.name, "-h").wants(t, "usage: perdure "+c.name, c.args)
		want(t, exitGood, c.name, "x", "--help").wants(t, "usage: perdure "+c.name)
	}
}

func TestFlagsAnywhere(t *testing.T) {
	dir := store(t)
	for _, args := range [][]string{{"check", dir, "--json"}, {"check", "--json", dir}, {"check", "--json", "--", dir}} {
		r := want(t, exitGood, args...)
		if !json.Valid([]byte(r.stdout)) {
			t.Errorf("perdure %v: stdout %q, want JSON", args, r.stdout)
		}
	}
	want(t, exitFailed, "check", "--", "--json")
}

// TestReadingChangesNothing runs every read-only command on every kind of PATH.
func TestReadingChangesNothing(t *testing.T) {
	dir := store(t)
	appendTo(t, incr(t, dir), "*3\r\n$3\r\nSET\r\n")
	before := tree(t, dir)
	for _, path := range []string{
		dir, filepath.Join(dir, logDirName), filepath.Join(dir, logDirName, logName+manifestSuffix),
		filepath.Join(dir, dumpName), incr(t, dir),
	} {
		for _, args := range [][]string{{"check"}, {"dump"}, {"stat"}, {"check", "--json"}, {"stat", "--json"}} {
			if r := perdureRun(t, append(args, path)...); r.code == exitFailed {
				t.Errorf("perdure %v %s: exit status %d, want another: %s", args, path, r.code, r.stderr)
			}
		}
		out := filepath.Join(t.TempDir(), "out.rdb")
		want(t, exitGood, "convert", path, out)
		if r := perdureIn(t, "n\n", "repair", path); r.code == exitFailed {
			t.Errorf("repair %s: exit status %d, want another: %s", path, r.code, r.stderr)
		}
	}
	after := tree(t, dir)
	for path, content := range before {
		if after[path] != content {
			t.Errorf("read-only commands changed %s, want no change", path)
		}
	}
	if len(before) != len(after) {
		t.Errorf("%d files after read-only commands, want %d", len(after), len(before))
	}
}

// otherNames returns the option for a log with other names than the default ones.
func otherNames() perdure.Option {
	return perdure.WithAppendLog(aof.New(aof.Dirname("log"), aof.Filename("my file.aof")))
}

func TestOtherNames(t *testing.T) {
	dir := store(t, otherNames(), perdure.WithSaveRules())
	want(t, exitGood, "check", dir).wants(t, "my file.aof.1.base.rdb")
	want(t, exitGood, "dump", dir).wants(t, `{"db":3,"key":"k","type":"string","value":"<three>"}`)
}

func TestSymlinks(t *testing.T) {
	dir := store(t)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(filepath.Join(dir, dumpName), link); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	want(t, exitGood, "check", link)
	want(t, exitGood, "dump", link)
}
