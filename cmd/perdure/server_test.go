package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/internal/redistest"
)

// selected sends a command to database db.
func selected(s *redistest.Server, db string, args ...string) redistest.Reply {
	s.Must("SELECT", db)
	r := s.Must(args...)
	s.Must("SELECT", "0")
	return r
}

// TestRedisAcceptsConverted passes the files that convert and restore write to redis-check-rdb,
// redis-check-aof, and redis-server.
func TestRedisAcceptsConverted(t *testing.T) {
	dir := store(t)
	out := t.TempDir()
	for _, args := range [][]string{
		{filepath.Join(out, "dump", dumpName)},
		{filepath.Join(out, "data")},
		{filepath.Join(out, "commands"), "--commands"},
		{filepath.Join(out, "single", logName)},
		{filepath.Join(out, "plain", logName), "--commands"},
	} {
		dst := args[0]
		if name := filepath.Base(dst); name == dumpName || name == logName {
			check(t, os.Mkdir(filepath.Dir(dst), 0o700))
		}
		want(t, exitGood, append([]string{"convert", dir}, args...)...)
		switch filepath.Base(dst) {
		case dumpName:
			redistest.Run(t, "redis-check-rdb", dst)
			wantLoaded(t, filepath.Dir(dst), "no")
		case logName:
			redistest.Run(t, "redis-check-aof", dst)
			wantLoaded(t, filepath.Dir(dst), "yes")
		default:
			redistest.Run(t, "redis-check-aof", filepath.Join(dst, logDirName, logName+manifestSuffix))
			wantLoaded(t, dst, "yes")
		}
	}
	restored := filepath.Join(t.TempDir(), "data")
	fill(t, restored, "old")
	want(t, exitGood, "restore", dir, restored)
	wantLoaded(t, restored, "yes")
	wantLoaded(t, restored, "no")
}

// wantLoaded starts a server on a directory and queries the keys that fill writes.
func wantLoaded(t *testing.T, dir, appendonly string) {
	t.Helper()
	s := redistest.Start(t, dir, "--appendonly", appendonly)
	defer s.Kill()
	if n := s.Must("DBSIZE").Int(); n != 25 {
		t.Errorf("%s: DBSIZE = %d, want 25", dir, n)
	}
	if v := s.Must("GET", "key:05").Text; v != "vxxxxx" {
		t.Errorf("%s: GET key:05 = %q, want %q", dir, v, "vxxxxx")
	}
	if v := selected(s, "3", "GET", "k").Text; v != "<three>" {
		t.Errorf("%s: GET k in database 3 = %q, want %q", dir, v, "<three>")
	}
	if at := s.Must("PEXPIRETIME", "ttl").Int(); at != never.UnixMilli() {
		t.Errorf("%s: PEXPIRETIME ttl = %d, want %d", dir, at, never.UnixMilli())
	}
}

// TestRedisDirectory reads, repairs, and restores a data directory of Redis with collections in the
// base file.
func TestRedisDirectory(t *testing.T) {
	dir := t.TempDir()
	s := redistest.Start(t, dir, "--appendonly", "yes", "--appendfsync", "always", "--appendfilename", "their.aof")
	s.Must("SET", "s", "one")
	s.Must("RPUSH", "list", "a", "b")
	selected(s, "5", "HSET", "hash", "f", "v")
	s.Must("FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('f', function() return 1 end)")
	s.Must("BGREWRITEAOF")
	s.Wait("aof_rewrite_in_progress", "0")
	s.Must("SET", "s", "two", "PXAT", "4071006245678")
	s.Must("INCR", "n")
	s.Must("SAVE")
	s.Kill()

	lines := `{"db":0,"key":"list","type":"list","value":["a","b"]}
{"db":0,"key":"n","type":"string","value":"1"}
{"db":0,"key":"s","type":"string","value":"two","expireAtMs":4071006245678}
{"db":5,"key":"hash","type":"hash","value":{"f":"v"}}
`
	want(t, exitGood, "check", dir).wants(t, "their.aof.")
	want(t, exitGood, "stat", dir).wants(t, "4 keys", "list", "hash")
	appendTo(t, incr(t, dir), "*3\r\n$3\r\nSET\r\n$1\r\nx")
	want(t, exitDamaged, "check", dir).wants(t, "torn")
	want(t, exitGood, "repair", "--yes", dir)
	for _, path := range []string{dir, filepath.Join(dir, dumpName)} {
		if r := want(t, exitGood, "dump", path); r.stdout != lines {
			t.Errorf("dump %s =\n%s, want\n%s", path, r.stdout, lines)
		}
	}
	// All data, including the function library, is restored to a new directory for a server.
	restored := filepath.Join(t.TempDir(), "data")
	want(t, exitGood, "restore", filepath.Join(dir, logDirName), restored)
	s = redistest.Start(t, restored, "--appendonly", "yes")
	if list := s.Must("LRANGE", "list", "0", "-1").Elements; len(list) != 2 || list[1].Text != "b" {
		t.Errorf("LRANGE list = %v, want a and b", list)
	}
	if v := selected(s, "5", "HGET", "hash", "f").Text + s.Must("GET", "s").Text; v != "vtwo" {
		t.Errorf("HGET hash f and GET s = %q, want %q", v, "vtwo")
	}
	if n := s.Must("FCALL", "f", "0").Int(); n != 1 {
		t.Errorf("FCALL f = %d, want 1", n)
	}
	s.Kill()
	opened, err := perdure.Open(restored)
	check(t, err)
	check(t, opened.Close())
}
