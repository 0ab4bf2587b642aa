package rdb_test

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/perduredb/perdure/internal/redistest"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// oddStrings returns elements at the limits of encodings: integers, lengths, and bytes.
func oddStrings() (all []string) {
	for _, n := range []int64{0, 1, 12, 13, 127, 128, 4095, 4096, 32767, 32768, 1<<23 - 1, 1 << 23, 1<<31 - 1, 1 << 31, math.MaxInt64} {
		all = append(all, strconv.FormatInt(n, 10), strconv.FormatInt(-n-1, 10))
	}
	for _, n := range []int{0, 1, 62, 63, 64, 120, 126, 127, 128, 253, 254, 255, 4094, 4095, 4096, 16370, 16376, 16377, 16378, 16379, 16384, 40_000} {
		all = append(all, strings.Repeat("x", n), "\xff\x00"+strings.Repeat("y\x80", n/2))
	}
	slices.Sort(all)
	return slices.Compact(append(all, "007", "-0", "+1", "1.5", " 1"))
}

// dumped gets the value of a key with DUMP, and decodes it.
func dumped(t *testing.T, s *server, key string) (snapshot.Type, rdb.Value) {
	t.Helper()
	kind, payload, err := rdb.ParseDump([]byte(s.must("DUMP", key)))
	if err != nil {
		t.Fatalf("ParseDump of %s = %v, want nil", key, err)
	}
	v, err := rdb.DecodeValue(kind, payload)
	if err != nil {
		t.Fatalf("DecodeValue of %s, type %d = %v, want nil", key, kind, err)
	}
	return kind, v
}

// texts returns the elements of a reply.
func texts(r redistest.Reply) (all []string) {
	for _, e := range r.Elements {
		all = append(all, e.Text)
	}
	return all
}

// same compares two printed values line by line.
func same(t *testing.T, name string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %d lines, want %d\n%.200q\n%.200q", name, len(got), len(want), got, want)
	}
}

// TestServerValues creates values of every encoding on a server, and compares decoded payloads with
// the replies of the server.
func TestServerValues(t *testing.T) {
	s := serve(t, nil)
	kinds := make(map[snapshot.Type]bool)
	for _, size := range []string{"-5", "-2", "-1", "1", "3", "100000"} {
		for _, limit := range []string{"0", "100", "100000"} {
			for _, setting := range []string{"hash-max-listpack-entries", "hash-max-listpack-value", "zset-max-listpack-entries",
				"zset-max-listpack-value", "set-max-intset-entries"} {
				s.must("CONFIG", "SET", setting, limit)
			}
			s.must("CONFIG", "SET", "list-max-listpack-size", size)
			for n, all := range [][]string{oddStrings(), {"a", "b"}, {"5"}, {"1", "70000", "-3"}, {"1", "-2"}, {"9223372036854775807", "1"}} {
				s.must("FLUSHALL")
				name := fmt.Sprintf("list size %s, limit %s, values %d", size, limit, n)
				kinds[compareList(t, s, name, all)] = true
				kinds[compareSet(t, s, name, all)] = true
				kinds[compareHash(t, s, name, all)] = true
				kinds[compareZSet(t, s, name, all)] = true
			}
			if testing.Short() {
				return
			}
		}
	}
	for _, kind := range []snapshot.Type{2, 4, 5, 11, 16, 17, 18} {
		if !kinds[kind] {
			t.Errorf("compared 0 values of type %d, want at least 1", kind)
		}
	}
}

func compareList(t *testing.T, s *server, name string, all []string) snapshot.Type {
	t.Helper()
	s.must(append([]string{"RPUSH", "k"}, all...)...)
	kind, v := dumped(t, s, "k")
	var got []string
	for p := range v.(*rdb.List).All() {
		got = append(got, string(p))
	}
	same(t, name, got, texts(s.Must("LRANGE", "k", "0", "-1")))
	s.must("DEL", "k")
	return kind
}

func compareSet(t *testing.T, s *server, name string, all []string) snapshot.Type {
	t.Helper()
	s.must(append([]string{"SADD", "k"}, all...)...)
	kind, v := dumped(t, s, "k")
	var got []string
	for p := range v.(*rdb.Set).All() {
		got = append(got, string(p))
	}
	want := texts(s.Must("SMEMBERS", "k"))
	slices.Sort(got)
	slices.Sort(want)
	same(t, name, got, want)
	s.must("DEL", "k")
	return kind
}

func compareHash(t *testing.T, s *server, name string, all []string) snapshot.Type {
	t.Helper()
	command := []string{"HSET", "k"}
	for i, field := range all {
		command = append(command, field, all[len(all)-1-i])
	}
	s.must(command...)
	kind, v := dumped(t, s, "k")
	var got, want []string
	for f := range v.(*rdb.Hash).All() {
		got = append(got, fmt.Sprintf("%q=%q %d", f.Name, f.Value, f.ExpireAtMs))
	}
	for pair := range slices.Chunk(texts(s.Must("HGETALL", "k")), 2) {
		want = append(want, fmt.Sprintf("%q=%q 0", pair[0], pair[1]))
	}
	slices.Sort(got)
	slices.Sort(want)
	same(t, name, got, want)
	s.must("DEL", "k")
	return kind
}

func compareZSet(t *testing.T, s *server, name string, all []string) snapshot.Type {
	t.Helper()
	scores := []string{"inf", "-inf", "0", "-0", "1", "-1.5", "0.1", "1e300", "3e-320", "123456789012345678", "4095", "1.7976931348623157e308"}
	command := []string{"ZADD", "k"}
	for i, member := range all {
		command = append(command, scores[i%len(scores)], member)
	}
	s.must(command...)
	kind, v := dumped(t, s, "k")
	var got, want []string
	for m := range v.(*rdb.SortedSet).All() {
		got = append(got, fmt.Sprintf("%q=%v", m.Member, m.Score+0))
	}
	for pair := range slices.Chunk(texts(s.Must("ZRANGE", "k", "0", "-1", "WITHSCORES")), 2) {
		score, err := strconv.ParseFloat(pair[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, fmt.Sprintf("%q=%v", pair[0], score+0))
	}
	slices.Sort(got)
	slices.Sort(want)
	same(t, name, got, want)
	s.must("DEL", "k")
	return kind
}

// TestServerStreams creates streams on a server, and compares decoded payloads with XRANGE and
// XINFO.
func TestServerStreams(t *testing.T) {
	s := serve(t, nil)
	for _, nodes := range []string{"1", "3", "100"} {
		s.must("CONFIG", "SET", "stream-node-max-entries", nodes)
		s.must("DEL", "k")
		odd := oddStrings()
		for i := range 60 {
			command := []string{"XADD", "k", fmt.Sprintf("%d-%d", 1000+i/3, i%3*7+1)}
			for j := range 1 + i%4/2*3 {
				command = append(command, fmt.Sprintf("f%d", j%2), odd[(i*5+j)%len(odd)])
			}
			s.must(command...)
		}
		compareStream(t, s)
		for _, id := range []string{"1000-8", "1003-1", "1019-15"} {
			s.must("XDEL", "k", id)
		}
		s.must("XGROUP", "CREATE", "k", "first", "0")
		s.must("XGROUP", "CREATE", "k", "second\xff", "1005-1")
		s.must("XREADGROUP", "GROUP", "first", "alice", "COUNT", "9", "STREAMS", "k", ">")
		s.must("XREADGROUP", "GROUP", "first", "bob", "COUNT", "4", "STREAMS", "k", ">")
		s.must("XREADGROUP", "GROUP", "second\xff", "alice", "COUNT", "2", "STREAMS", "k", ">")
		s.must("XCLAIM", "k", "first", "bob", "0", "1000-1", "1001-1")
		s.must("XACK", "k", "first", "1000-15")
		s.must("XGROUP", "CREATECONSUMER", "k", "first", "idle")
		compareStream(t, s)
		s.must("XTRIM", "k", "MAXLEN", "7")
		compareStream(t, s)
		s.must("XTRIM", "k", "MAXLEN", "0")
		compareStream(t, s)
	}
}

// compareStream compares the decoded stream k with XRANGE and XINFO.
func compareStream(t *testing.T, s *server) {
	t.Helper()
	_, v := dumped(t, s, "k")
	stream := v.(*rdb.Stream)
	var got, want []string
	for e := range stream.All() {
		line := e.ID.String()
		for name, value := range e.Fields() {
			line += fmt.Sprintf(" %q %q", name, value)
		}
		got = append(got, line)
	}
	for _, e := range s.Must("XRANGE", "k", "-", "+").Elements {
		line := e.Elements[0].Text
		for pair := range slices.Chunk(texts(e.Elements[1]), 2) {
			line += fmt.Sprintf(" %q %q", pair[0], pair[1])
		}
		want = append(want, line)
	}
	same(t, "entries", got, want)

	info := fieldsOf(s.Must("XINFO", "STREAM", "k", "FULL", "COUNT", "0"))
	got = []string{fmt.Sprintf("%d %v %v %v %d", stream.Length, stream.LastID, stream.FirstID, stream.MaxDeletedID, stream.EntriesAdded)}
	want = []string{fmt.Sprintf("%d %s %s %s %d", info["length"].Int(), info["last-generated-id"].Text,
		info["recorded-first-entry-id"].Text, info["max-deleted-entry-id"].Text, info["entries-added"].Int())}
	for _, g := range stream.Groups {
		got = append(got, fmt.Sprintf("group %q %v %d", g.Name, g.LastID, g.EntriesRead))
		for _, p := range g.Pending {
			got = append(got, fmt.Sprint(p.ID.String(), " ", p.DeliveredAtMs, " ", p.Deliveries))
		}
		for _, c := range g.Consumers {
			got = append(got, fmt.Sprintf("%q %d %v", c.Name, c.SeenAtMs, c.Pending))
		}
	}
	for _, r := range info["groups"].Elements {
		g := fieldsOf(r)
		read := int64(-1)
		if !g["entries-read"].Null {
			read = g["entries-read"].Int()
		}
		want = append(want, fmt.Sprintf("group %q %s %d", g["name"].Text, g["last-delivered-id"].Text, read))
		for _, p := range g["pending"].Elements {
			want = append(want, fmt.Sprint(p.Elements[0].Text, " ", p.Elements[2].Int(), " ", p.Elements[3].Int()))
		}
		for _, r := range g["consumers"].Elements {
			c := fieldsOf(r)
			var ids []string
			for _, p := range c["pending"].Elements {
				ids = append(ids, p.Elements[0].Text)
			}
			want = append(want, fmt.Sprintf("%q %d %v", c["name"].Text, c["seen-time"].Int(), ids))
		}
	}
	same(t, "head and groups", got, want)
}

// fieldsOf returns a reply of names and values as a map.
func fieldsOf(r redistest.Reply) map[string]redistest.Reply {
	m := make(map[string]redistest.Reply)
	for i := 0; i+1 < len(r.Elements); i += 2 {
		m[r.Elements[i].Text] = r.Elements[i+1]
	}
	return m
}
