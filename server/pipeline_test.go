package server_test

import (
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/redistest"
	"github.com/perduredb/perdure/internal/resp"
)

// counting is a listener whose connections count their writes.
type counting struct {
	net.Listener
	writes atomic.Int64
}

func (l *counting) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return &countingConn{c, l}, err
}

type countingConn struct {
	net.Conn
	l *counting
}

func (c *countingConn) Write(p []byte) (int, error) {
	c.l.writes.Add(1)
	return c.Conn.Write(p)
}

// TestPipelineTakesOneWriteAndOneSync sends commands in one packet to a store that syncs each
// write.
func TestPipelineTakesOneWriteAndOneSync(t *testing.T) {
	store, err := perdure.Open(t.TempDir(), perdure.WithAppendLog(aof.New(aof.Fsync(aof.Always))), perdure.WithSaveRules())
	if err != nil {
		t.Fatalf("Open = %v, want nil", err)
	}
	defer store.Close()
	socket := filepath.Join(t.TempDir(), "s")
	inner, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	l := &counting{Listener: inner}
	serveOn(t, l, store)
	c := dial(t, socket)
	c.do("SET", "first", "1")
	writes, syncs := l.writes.Load(), store.Stats().Fsyncs
	c.send(strings.Repeat("SET k v\r\n", 50) + strings.Repeat("GET k\r\n", 50))
	for range 100 {
		c.reply()
	}
	if n := l.writes.Load() - writes; n != 1 {
		t.Errorf("100 commands took %d writes, want 1", n)
	}
	if n := store.Stats().Fsyncs - syncs; n > 2 {
		t.Errorf("50 SETs took %d syncs, want at most 2", n)
	}
}

// TestLargeValuesAreRedis compares the replies about values that are copied without locks.
func TestLargeValuesAreRedis(t *testing.T) {
	redis := dial(t, redistest.Start(t, "").Socket)
	dir := t.TempDir()
	store := withLog(t, dir)
	ours := dial(t, serve(t, store))
	a, b := strings.Repeat("a", 1<<20), strings.Repeat("bc", 3<<18)
	for _, words := range [][]string{
		{"SET", "a", a}, {"GET", "a"}, {"GETSET", "a", b}, {"SETEX", "c", "100000", a}, {"SETNX", "d", b}, {"SETNX", "d", a}, {"APPEND", "a", a},
		{"MGET", "a", "none", "c", "d"}, {"SET", "a", "small", "GET"}, {"SET", "a", a, "GET", "KEEPTTL"}, {"SET", "c", a, "NX"},
		{"STRLEN", "a"}, {"GETRANGE", "a", "1000", "-10"}, {"SETRANGE", "a", "2000000", "xyz"}, {"BITCOUNT", "a"}, {"BITOP", "XOR", "e", "a", "d"},
		{"COPY", "a", "f"}, {"RENAME", "f", "g"}, {"MOVE", "g", "1"}, {"MSET", "h", a, "i", b}, {"MSETNX", "h", b}, {"INCR", "a"},
		{"MULTI"}, {"GET", "a"}, {"SET", "a", b}, {"GET", "a"}, {"GETDEL", "c"}, {"INCR", "a"}, {"MSET", "a", a, "c", b}, {"PING"}, {"GET", "c"},
		{"EXEC"}, {"GETEX", "a", "EX", "1000"}, {"GET", "a"}, {"EXISTS", "a", "c", "d", "e", "h", "i"},
	} {
		if got, want := ours.do(words...), redis.do(words...); got != want {
			t.Errorf("%.50q: %d bytes %.60q, want %d bytes %.60q", words, len(got), got, len(want), want)
		}
	}
	ours.do("PERSIST", "a")
	redis.do("PERSIST", "a")
	want := dataOf(redis)
	if got := dataOf(ours); len(got) != len(want) || !same(got, want) {
		t.Error("the data differs from that of redis-server")
	}
	if err := store.Close(); err != nil {
		t.Fatalf("Close = %v, want nil", err)
	}
	if got := dataOf(dial(t, redistest.Start(t, dir, "--appendonly", "yes").Socket)); !same(got, want) {
		t.Error("redis-server loads other data from the log")
	}
}

// same compares data without times.
func same(got, want map[string]string) bool {
	for key, value := range want {
		g, _, _ := strings.Cut(got[key], "\r\n:")
		if w, _, _ := strings.Cut(value, "\r\n:"); g != w {
			return false
		}
	}
	return len(got) == len(want)
}

// TestCommandsInPieces sends every byte of a pipeline alone.
func TestCommandsInPieces(t *testing.T) {
	c := dial(t, serve(t, memory(t)))
	pipeline := resp.AppendCommand(resp.AppendCommand(nil, "SET", "k", "a\r\nb"), "GET", "k")
	for i := range pipeline {
		c.send(string(pipeline[i : i+1]))
	}
	if got := c.reply() + c.reply(); got != "+OK\r\n$4\r\na\r\nb\r\n" {
		t.Errorf("replies = %q, want OK and the value", got)
	}
}
