package rdb_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/perduredb/perdure/internal/redistest"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// written returns the dump that fill writes.
func written(t *testing.T, version int, fill func(w *rdb.Writer)) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := rdb.NewWriter(&b, rdb.Version(version))
	if err != nil {
		t.Fatal(err)
	}
	fill(w)
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

// TestServerLoadsNewValues writes new values of every type in each version of a 7.0 server, and
// compares each with a value that the server creates from commands.
func TestServerLoadsNewValues(t *testing.T) {
	odd := oddStrings()
	var bytesOf [][]byte
	var fields []rdb.HashField
	var scored []rdb.ScoredMember
	commands := map[string][]string{"string": {"SET", "string", "text"}, "integer": {"SET", "integer", "-70000"},
		"list": {"RPUSH", "list"}, "set": {"SADD", "set"}, "hash": {"HSET", "hash"}, "zset": {"ZADD", "zset"}}
	for i, s := range odd {
		score := float64(i%9-4) * 0.25
		bytesOf = append(bytesOf, []byte(s))
		fields = append(fields, rdb.HashField{Name: []byte(s), Value: []byte(odd[len(odd)-1-i])})
		scored = append(scored, rdb.ScoredMember{Member: []byte(s), Score: score})
		commands["list"] = append(commands["list"], s)
		commands["set"] = append(commands["set"], s)
		commands["hash"] = append(commands["hash"], s, odd[len(odd)-1-i])
		commands["zset"] = append(commands["zset"], fmt.Sprint(score), s)
	}
	values := map[string]rdb.Value{
		"string": rdb.String("text"), "integer": rdb.String("-70000"), "list": must(rdb.NewList(bytesOf...)), "set": must(rdb.NewSet(bytesOf...)),
		"hash": must(rdb.NewHash(fields...)), "zset": must(rdb.NewSortedSet(scored...)),
	}
	for _, version := range []int{9, 10} {
		p := written(t, version, func(w *rdb.Writer) {
			w.Write(&rdb.Aux{Name: "redis-ver", Value: "7.0.15"})
			if version == 10 {
				w.Write(rdb.NewFunction([]byte("#!lua name=lib\nredis.register_function('f', function() return 7 end)")))
			}
			for name, v := range values {
				e := &rdb.Entry{Entry: snapshot.Entry{DB: 2, Key: []byte(name), ExpireAtMs: 4102444800000}}
				if err := w.WriteValue(e, v); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.WriteValue(&rdb.Entry{Entry: snapshot.Entry{DB: 3, Key: []byte("k")}}, bigStream(t)); err != nil {
				t.Fatal(err)
			}
		})
		checkRDB(t, p)
		s := serve(t, p)
		s.must("SELECT", "2")
		for name, c := range commands {
			if got := s.must("PEXPIRETIME", name); got != ":4102444800000" {
				t.Errorf("PEXPIRETIME %s = %s, want :4102444800000", name, got)
			}
			s.must("PERSIST", name) // a digest covers the expiry
			digest := s.must("DEBUG", "DIGEST-VALUE", name)
			s.must("DEL", name)
			s.must(c...)
			if got := s.must("DEBUG", "DIGEST-VALUE", name); got != digest {
				t.Errorf("version %d: digest of %s after commands = %s, want %s",
					version, name, got, digest)
			}
		}
		s.must("SELECT", "3")
		compareStream(t, s)
		if version == 10 && s.must("FCALL", "f", "0") != ":7" {
			t.Error("FCALL f returned another value, want 7")
		}
	}
}

// TestServerLoadsReencoded re-encodes each shape that a 7.0 server can store. The server, which
// validates payloads, must load all of them.
func TestServerLoadsReencoded(t *testing.T) {
	for _, version := range []int{9, 10} {
		var keys []string
		p := written(t, version, func(w *rdb.Writer) {
			for i, sh := range shapes() {
				// The server has no modules, and no types from after 7.0.
				if sh.kind == 7 || sh.kind > 21 {
					continue
				}
				v := must(rdb.DecodeValue(sh.kind, sh.payload))
				key := fmt.Sprintf("%s:%d:%s", rdb.TypeName(sh.kind), i, print(v))
				keys = append(keys, key)
				if err := w.WriteValue(&rdb.Entry{Entry: snapshot.Entry{Key: []byte(key)}}, v); err != nil {
					t.Fatal(sh.name, err)
				}
			}
		})
		checkRDB(t, p)
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "dump.rdb"), p, 0o600); err != nil {
			t.Fatal(err)
		}
		s := &server{redistest.Start(t, dir, "--sanitize-dump-payload", "yes")}
		for _, key := range keys {
			name, text, _ := strings.Cut(key, " ")
			_, v := dumped(t, s, key)
			got := print(v)
			if kind, _, _ := strings.Cut(name, ":"); kind == "set" || kind == "hash" || kind == "zset" {
				got = sorted(got)
				text = sorted(kind + " " + text)
			} else if kind == "list" {
				text = kind + " " + text
			} else {
				got, text = "", ""
				if s.must("XLEN", key) != ":3" {
					t.Errorf("XLEN %.40s = %s, want :3", key, s.must("XLEN", key))
				}
			}
			if got != text {
				t.Errorf("version %d, %.40s: got\n%s\nwant\n%s", version, key, got, text)
			}
		}
	}
}

// sorted returns the fields of s in order, to compare printed sets, hashes, and sorted sets.
func sorted(s string) string {
	fields := strings.Fields(s)
	slices.Sort(fields)
	return strings.Join(fields, " ")
}

// TestServerUsage writes idle times and access counters, loads them into a server with the matching
// maxmemory policy, and reads those that the server writes.
func TestServerUsage(t *testing.T) {
	p := written(t, 9, func(w *rdb.Writer) {
		for i, u := range []rdb.Usage{{}, {HasIdle: true, Idle: 70_000}, {HasFreq: true, Freq: 200}, {HasFreq: true}} {
			if err := w.Write(&rdb.Entry{Entry: snapshot.Entry{Key: []byte{'a' + byte(i)}, Value: []byte("v")}, Usage: u}); err != nil {
				t.Fatal(err)
			}
		}
	})
	for policy, want := range map[string]string{"allkeys-lru": "b:idle", "allkeys-lfu": "c:200 d:0"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "dump.rdb"), p, 0o600); err != nil {
			t.Fatal(err)
		}
		s := &server{redistest.Start(t, dir, "--maxmemory-policy", policy)}
		switch policy {
		case "allkeys-lru":
			if n, err := strconv.Atoi(s.must("OBJECT", "IDLETIME", "b")[1:]); err != nil || n < 70_000 || n > 70_100 {
				t.Errorf("OBJECT IDLETIME b = %d, %v, want about 70000", n, err)
			}
		case "allkeys-lfu":
			if c, d := s.must("OBJECT", "FREQ", "c"), s.must("OBJECT", "FREQ", "d"); c != ":200" || d != ":0" {
				t.Errorf("OBJECT FREQ = %s and %s, want :200 and :0", c, d)
			}
		}
		s.must("SAVE")
		saved, err := os.ReadFile(filepath.Join(dir, "dump.rdb"))
		if err != nil {
			t.Fatal(err)
		}
		all, err := entries(read(t, saved))
		if err != nil || len(all) != 4 {
			t.Fatalf("%d entries, %v, want 4", len(all), err)
		}
		var got []string
		for _, e := range all {
			if e.HasIdle && e.Idle >= 70_000 {
				got = append(got, string(e.Key)+":idle")
			}
			if e.HasFreq && e.Freq != 5 {
				got = append(got, fmt.Sprintf("%s:%d", e.Key, e.Freq))
			}
			if e.HasIdle != (policy == "allkeys-lru") || e.HasFreq != (policy == "allkeys-lfu") {
				t.Errorf("%s: Usage = %+v, want the kind of policy %s", e.Key, e.Usage, policy)
			}
		}
		if text := sorted(strings.Join(got, " ")); text != want {
			t.Errorf("%s: usage = %s, want %s", policy, text, want)
		}
	}
}
