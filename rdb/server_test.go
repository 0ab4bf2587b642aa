package rdb_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/perduredb/perdure/internal/redistest"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// server is a redis-server whose replies are returned as text.
type server struct {
	*redistest.Server
}

// serve starts a redis-server with the dump p, if any. The server runs until the test ends.
func serve(t *testing.T, p []byte) *server {
	t.Helper()
	redistest.Tool(t, "redis-server")
	dir := t.TempDir()
	if p != nil {
		if err := os.WriteFile(filepath.Join(dir, "dump.rdb"), p, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return &server{redistest.Start(t, dir, "--databases", "80", "--list-max-listpack-size", "4", "--stream-node-max-entries", "3")}
}

// do sends one command and returns the reply: the bytes of a bulk string, the line with its type
// byte, or the last element of an array.
func (s *server) do(args ...string) string { return text(s.Do(args...)) }

func text(r redistest.Reply) string {
	switch {
	case r.Null:
		return "$-1"
	case r.Elements != nil:
		return text(r.Elements[len(r.Elements)-1])
	}
	return r.Text
}

// must is like do for a command that must not fail.
func (s *server) must(args ...string) string { return text(s.Must(args...)) }

// stringsOfAllSizes returns strings of many sizes, compressible or not, and integers, some with an
// expiry, in several databases.
func stringsOfAllSizes() *data {
	rng := rand.New(rand.NewPCG(11, 12))
	d := new(data)
	add := func(value string) {
		e := str(len(d.entries)%3, fmt.Sprintf("key:%d", len(d.entries)), value, 0)
		if len(d.entries)%4 == 0 {
			e.ExpireAtMs = 4102444800000 + int64(len(d.entries))
		}
		d.entries = append(d.entries, e)
	}
	for _, n := range []int{0, 1, 20, 21, 63, 64, 65, 100, 263, 264, 300, 8192, 16383, 16384, 17_000, 70_000, 400_000} {
		random := make([]byte, n)
		for i := range random {
			random[i] = byte(rng.Uint32())
		}
		add(string(random))
		add(strings.Repeat("ab", n)[:n])
		add(strings.Repeat("the quick brown fox "+string(random[:n/30]), 1+n/20)[:n])
	}
	for _, n := range []int64{0, 1, -1, 127, 128, -128, -129, 32767, 32768, -32768, -32769, 1<<31 - 1, 1 << 31, -1 << 31, -1<<31 - 1, 1<<63 - 1} {
		add(strconv.FormatInt(n, 10))
	}
	d.entries = append(d.entries, str(77, "12345", "x", 0), str(77, strings.Repeat("long key ", 30), "x", 0), str(77, "", "empty key", 0))
	return d
}

// TestServerLoadsDump loads a dump of Encode into a server, in each version that it supports.
func TestServerLoadsDump(t *testing.T) {
	want := stringsOfAllSizes()
	for _, opts := range [][]rdb.Option{nil, {rdb.Version(10)}, {rdb.Compression(false)}, {rdb.Checksum(false)}} {
		p := mustEncode(t, want, opts...)
		checkRDB(t, p)
		s := serve(t, p)
		for _, e := range want.entries {
			s.must("SELECT", strconv.Itoa(e.DB))
			if got := s.do("GET", string(e.Key)); got != string(e.Value) {
				t.Errorf("GET %s = %d bytes, want the %d bytes of the dump", e.Key[:min(len(e.Key), 20)], len(got), len(e.Value))
			}
			expiry := max(e.ExpireAtMs, -1)
			if expiry == 0 {
				expiry = -1
			}
			if got := s.do("PEXPIRETIME", string(e.Key)); got != fmt.Sprintf(":%d", expiry) {
				t.Errorf("PEXPIRETIME %s = %s, want %d", e.Key, got, expiry)
			}
		}
		s.must("SELECT", "77")
		if n := s.do("DBSIZE"); n != ":3" {
			t.Errorf("DBSIZE of database 77 = %s, want :3", n)
		}
	}
}

// TestServerDumpSurvivesCopy decodes and encodes a dump of a server with every type. A second
// server loads the copy, and must return equal DUMP payloads.
func TestServerDumpSurvivesCopy(t *testing.T) {
	s := serve(t, nil)
	want := stringsOfAllSizes()
	for _, e := range want.entries {
		s.must("SELECT", strconv.Itoa(e.DB))
		s.must("SET", string(e.Key), string(e.Value))
		if e.ExpireAtMs != 0 {
			s.must("PEXPIREAT", string(e.Key), strconv.FormatInt(e.ExpireAtMs, 10))
		}
	}
	s.must("SELECT", "5")
	names := makeAggregates(s)
	s.must("FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('f', function() return 1 end)")
	s.must("SAVE")
	p, err := os.ReadFile(filepath.Join(s.Dir, "dump.rdb"))
	if err != nil {
		t.Fatal(err)
	}

	var h rdb.Header
	read := mustDecode(t, p, rdb.HeaderTo(&h))
	if h.Version != "RDB 10" || !strings.HasPrefix(h.Server, "7.0.") || h.AOFBase || len(read.extras) != 1 {
		t.Errorf("header = %+v, %d extras, want RDB 10 of a 7.0 server and 1 extra", h, len(read.extras))
	}
	found := make(map[string]snapshot.Entry)
	for _, e := range read.entries {
		found[fmt.Sprint(e.DB, " ", string(e.Key))] = e
	}
	for _, e := range want.entries {
		if got := found[fmt.Sprint(e.DB, " ", string(e.Key))]; !bytes.Equal(got.Value, e.Value) || got.ExpireAtMs != e.ExpireAtMs || got.Type != 0 {
			t.Errorf("%s: decoded %d bytes, want the %d bytes of the server", e.Key, len(got.Value), len(e.Value))
		}
	}

	again := mustEncode(t, read)
	checkRDB(t, again)
	other := serve(t, again)
	other.must("SELECT", "5")
	for _, name := range names {
		dump := s.must("DUMP", name)
		if got := other.must("DUMP", name); got != dump {
			t.Errorf("%s: DUMP on the second server = %q, want %q", name, got, dump)
		}
		kind, value, err := rdb.ParseDump([]byte(dump))
		if e := found["5 "+name]; err != nil || kind != e.Type || !bytes.Equal(value, e.Value) {
			t.Errorf("%s: ParseDump = type %d, %v, want type %d and the value in the dump", name, kind, err, e.Type)
		}
		if got := other.do("RESTORE", "copy:"+name, "0", string(rdb.AppendDump(nil, kind, value))); got != "+OK" {
			t.Errorf("%s: RESTORE of AppendDump = %s, want +OK", name, got)
		} else if s.must("DEBUG", "DIGEST-VALUE", name) != other.must("DEBUG", "DIGEST-VALUE", "copy:"+name) {
			t.Errorf("%s: digest after RESTORE of AppendDump differs, want the original's", name)
		}
	}
	if got := other.must("FCALL", "f", "0"); got != ":1" {
		t.Errorf("FCALL f = %s, want :1", got)
	}
}

// makeAggregates creates keys of every type and encoding of a 7.0 server, and returns their names.
func makeAggregates(s *server) (names []string) {
	add := func(name string, commands ...[]string) {
		for _, c := range commands {
			s.must(c...)
		}
		names = append(names, name)
	}
	many := func(command, key string, n int, element func(i int) []string) []string {
		c := []string{command, key}
		for i := range n {
			c = append(c, element(i)...)
		}
		return c
	}
	word := func(i int) []string { return []string{fmt.Sprintf("word:%d", i)} }
	pair := func(i int) []string { return []string{fmt.Sprintf("field:%d", i), strings.Repeat("v", i%90)} }
	score := func(i int) []string { return []string{fmt.Sprintf("%d.5", i), fmt.Sprintf("m%d", i)} }
	add("list", many("RPUSH", "list", 30, word))
	add("list:long", []string{"RPUSH", "list:long", "a", strings.Repeat("x", 20_000), "b"})
	add("set:int", many("SADD", "set:int", 20, func(i int) []string { return []string{strconv.Itoa(i * 99_999)} }))
	add("set", many("SADD", "set", 1, word))
	add("hash", many("HSET", "hash", 20, pair))
	add("hash:one", []string{"HSET", "hash:one", "f", strings.Repeat("y", 100)})
	add("zset", many("ZADD", "zset", 20, score))
	add("zset:long", many("ZADD", "zset:long", 200, score))
	var stream [][]string
	for i := range 10 {
		stream = append(stream, []string{"XADD", "stream", fmt.Sprintf("%d-1", i+1), "f", strconv.Itoa(i), "g", "text"})
	}
	stream = append(stream, []string{"XGROUP", "CREATE", "stream", "group", "0"}, []string{"XDEL", "stream", "4-1"})
	add("stream", stream...)
	s.must("XGROUP", "CREATECONSUMER", "stream", "group", "consumer")
	s.must("XCLAIM", "stream", "group", "consumer", "0", "2-1", "FORCE", "JUSTID")
	return names
}

// checkRDB runs redis-check-rdb on a dump, if it is installed.
func checkRDB(t *testing.T, p []byte) {
	t.Helper()
	path, err := exec.LookPath("redis-check-rdb")
	if err != nil {
		t.Log("SKIPPED: redis-check-rdb is not installed")
		return
	}
	file := filepath.Join(t.TempDir(), "dump.rdb")
	if err := os.WriteFile(file, p, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(path, file).CombinedOutput(); err != nil {
		t.Errorf("redis-check-rdb = %v, want nil\n%s", err, out)
	}
}
