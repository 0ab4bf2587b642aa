package main

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/perduredb/perdure/internal/redistest"
)

// TestJSONLinesRoundTripThroughServer converts large collections of a server to JSON lines and
// back. A server that validates every value loads and saves them, and the data must be unchanged.
func TestJSONLinesRoundTripThroughServer(t *testing.T) {
	dir := t.TempDir()
	s := redistest.Start(t, dir)
	for i := range 1500 {
		n := strconv.Itoa(i)
		long := strings.Repeat("\xff\x00", i%40)
		s.Send("RPUSH", "list", n, long, "-"+n)
		s.Send("SADD", "set", n+long)
		s.Send("HSET", "hash", "f"+n, long+n)
		s.Send("ZADD", "zset", fmt.Sprint(float64(i)/7), n, "-"+n+"e-300", "m"+n)
		s.Send("XADD", "stream", fmt.Sprintf("%d-%d", int64(1700000000000)+int64(i*i), i), "f", n, long, "g"+long)
	}
	for _, c := range []string{"ZADD zset inf a -inf b", "RPUSH huge " + strings.Repeat("x", 100000), "XDEL stream 1700000000001-1",
		"XGROUP CREATE stream g 0", "XGROUP CREATE stream none $", "XREADGROUP GROUP g c1 COUNT 300 STREAMS stream >", "XREADGROUP GROUP g c2 COUNT 5 STREAMS stream >",
		"XACK stream g 1700000000004-2", "XADD empty 5-5 f v", "XDEL empty 5-5", "SELECT 9", "SADD ints 1 -70000 5000000000", "PEXPIREAT ints 4102444800000"} {
		s.Send(strings.Fields(c)...)
	}
	for _, r := range s.Flush() {
		if r.Err {
			t.Fatal(r.Text)
		}
	}
	s.Must("FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('f', function() return 7 end)")
	s.Must("SAVE")
	s.Kill()
	dump, lines := filepath.Join(dir, dumpName), filepath.Join(dir, "x.jsonl.zst")
	want(t, exitGood, "convert", dump, lines)
	want(t, exitGood, "diff", dump, lines)
	// Version 9 has no functions.
	want(t, exitUnsupported, "convert", "--rdb-version", "9", lines, filepath.Join(dir, "9.rdb")).wants(t, "function libraries in version 9")
	back := filepath.Join(t.TempDir(), dumpName)
	want(t, exitGood, "convert", "--rdb-version", "10", lines, back)
	redistest.Run(t, "redis-check-rdb", back)
	s = redistest.Start(t, filepath.Dir(back), "--sanitize-dump-payload", "yes")
	if n := s.Must("XLEN", "stream").Int(); n != 1499 {
		t.Errorf("XLEN stream = %d, want 1499", n)
	}
	if n := s.Must("FCALL", "f", "0").Int(); n != 7 {
		t.Errorf("FCALL f = %d, want 7", n)
	}
	s.Must("SAVE")
	s.Kill()
	want(t, exitGood, "diff", dump, back)
}
