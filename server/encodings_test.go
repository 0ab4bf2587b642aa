package server_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/perduredb/perdure/internal/redistest"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// onType are commands on a key k of a type. They read it, change it at both ends, and read it
// again.
var onType = map[string][]string{
	"hash": {"HLEN k", "HGETALL k", "HSET k new-field 1 another x", "HINCRBY k new-field 5", "HDEL k another missing", "HLEN k", "HGETALL k", "HSCAN k 0 COUNT 100000"},
	"set":  {"SCARD k", "SMEMBERS k", "SADD k new-member 77", "SREM k 77 missing", "SISMEMBER k new-member", "SCARD k", "SMEMBERS k", "SSCAN k 0 COUNT 100000"},
	"list": {"LLEN k", "LRANGE k 0 -1", "RPUSH k last", "LPUSH k first", "LSET k 1 second", "LINDEX k -2", "RPOP k", "LLEN k", "LRANGE k 0 -1"},
	"zset": {"ZCARD k", "ZRANGE k 0 -1 WITHSCORES", "ZADD k 1.5 new-member -inf low", "ZRANK k new-member", "ZPOPMIN k", "ZINCRBY k 0.1 new-member", "ZCARD k",
		"ZRANGE k 0 -1 WITHSCORES"},
}

// TestCommandsOnEveryEncoding restores the values of dumps of many versions on a redis-server and
// on a Server, executes commands on them, and compares the replies.
func TestCommandsOnEveryEncoding(t *testing.T) {
	redis := redistest.Start(t, "")
	theirs, ours := dial(t, redis.Socket), dial(t, serve(t, memory(t)))
	files, err := filepath.Glob("../rdb/testdata/*/*.rdb")
	if err != nil || len(files) == 0 {
		t.Fatalf("Glob = %d files, %v, want dumps", len(files), err)
	}
	seen := map[byte]int{}
	for _, file := range files {
		for _, payload := range payloads(t, file) {
			theirs.do("DEL", "k")
			ours.do("DEL", "k")
			if reply := theirs.do("RESTORE", "k", "0", string(payload)); reply != "+OK\r\n" {
				continue // a type of a newer server
			}
			ours.want("+OK\r\n", "RESTORE", "k", "0", string(payload))
			kind := strings.Trim(theirs.do("TYPE", "k"), "+\r\n")
			for _, command := range onType[kind] {
				words := strings.Fields(command)
				want, got := theirs.do(words...), ours.do(words...)
				if !equalReplies(words, got, want) && !slices.Equal(sorted(got), sorted(want)) {
					t.Fatalf("%s: %s on a %s of type %d\n got %.300q\nwant %.300q", file, command, kind, payload[0], got, want)
				}
				seen[payload[0]]++
			}
		}
	}
	for _, number := range []byte{1, 2, 3, 4, 5, 9, 10, 11, 12, 13, 14, 16, 17, 18} {
		if seen[number] == 0 {
			t.Errorf("no value of type %d, want at least one", number)
		}
	}
}

// payloads returns the values of a dump as payloads of RESTORE, up to damage.
func payloads(t *testing.T, file string) (all [][]byte) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r, err := rdb.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil
	}
	for e, err := range r.Entries(t.Context()) {
		if err != nil {
			break
		}
		if e.Type != 0 {
			all = append(all, rdb.AppendDump(nil, e.Type, e.Value))
		}
	}
	return all
}

// TestFirstUseConverts restores values in the encodings of large collections. The first command
// that reads them replaces them by the stored form, which keeps their expiry.
func TestFirstUseConverts(t *testing.T) {
	c := dial(t, serve(t, memory(t)))
	for _, v := range []struct {
		kind    snapshot.Type
		payload string
		read    string
		want    byte
	}{
		{4, "\x01\x01f\x01v", "HLEN", 16},
		{2, "\x02\x01a\x01b", "SCARD", 2}, // the portable form of 20
		{2, "\x02\x015\x016", "SCARD", 11},
		{1, "\x01\x01a", "LLEN", 18},
		{5, "\x01\x01a\x00\x00\x00\x00\x00\x00\xf8\x3f", "ZCARD", 17},
	} {
		payload := rdb.AppendDump(nil, v.kind, []byte(v.payload))
		c.want("+OK\r\n", "RESTORE", "k", "4102444800000", string(payload), "REPLACE", "ABSTTL")
		if reply := c.do(v.read, "k"); reply[0] != ':' {
			t.Fatalf("%s = %q, want a number", v.read, reply)
		}
		_, dump, _ := strings.Cut(c.do("DUMP", "k"), "\r\n")
		if dump[0] != v.want {
			t.Errorf("DUMP after %s has type %d, want %d", v.read, dump[0], v.want)
		}
		c.want(":4102444800000\r\n", "PEXPIRETIME", "k")
	}
}
