package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/perduredb/perdure/internal/redistest"
)

// foreign returns the path of a dump in rdb/testdata.
func foreign(name string) string { return filepath.Join("..", "..", "rdb", "testdata", name) }

const plainStream = "02-redis88-plain-stream-no-downgrade.rdb"

// TestNewStreamIsWrittenInOldVersions converts a stream of Redis 8.8 without new properties to
// every version. A server loads the versions that it supports.
func TestNewStreamIsWrittenInOldVersions(t *testing.T) {
	for version, c := range map[string]struct {
		typ  byte
		head string
	}{
		"9": {15, "REDIS0009"}, "10": {19, "REDIS0010"}, "11": {21, "REDIS0011"}, "12": {21, "REDIS0012"},
		"13": {26, "REDIS0013"}, "14": {27, "REDIS0014"}, "80": {21, "VALKEY080"},
	} {
		dst := filepath.Join(t.TempDir(), dumpName)
		r := want(t, exitGood, "convert", "--rdb-version", version, foreign(plainStream), dst)
		if r.stderr != "" {
			t.Errorf("version %s: stderr %q, want no warning", version, r.stderr)
		}
		p := read(t, dst)
		if p[:9] != c.head || !containsKey(p, c.typ, "s") {
			t.Errorf("version %s: dump %q, want header %s and a stream of type %d", version, p, c.head, c.typ)
		}
		if version == "9" || version == "10" {
			s := redistest.Start(t, filepath.Dir(dst), "--sanitize-dump-payload", "yes")
			if n := s.Must("XLEN", "s").Int(); n != 1 {
				t.Errorf("version %s: XLEN s = %d, want 1", version, n)
			}
			if n := len(s.Must("XPENDING", "s", "g", "-", "+", "9").Elements); n != 1 {
				t.Errorf("version %s: XPENDING s = %d entries, want 1", version, n)
			}
			s.Kill()
		}
	}
}

// containsKey reports whether a dump has a record of that type with a key of one letter.
func containsKey(p string, typ byte, key string) bool {
	for i := 9; i+3 <= len(p); i++ {
		if p[i] == typ && p[i+1] == 1 && p[i+2:i+3] == key {
			return true
		}
	}
	return false
}

// activeStream is a stream with a consumer that was seen but never received an entry.
const activeStream = `{"db":0,"key":"x","type":"stream","value":{"entries":[{"id":"1-1","fields":[["f","v"]]}],"length":1,"lastId":"1-1",` +
	`"firstId":"1-1","maxDeletedId":"0-5","entriesAdded":7,"groups":[{"name":"g","lastId":"1-1","entriesRead":1,"pending":[],` +
	`"consumers":[{"name":"c","seenAtMs":1700000000000,"activeAtMs":-1,"pending":[]}]}]}}`

func TestConvertWarnsOfOmittedProperties(t *testing.T) {
	lines := write(t, "x.jsonl", activeStream+"\n"+strings.Replace(activeStream, `"x"`, `"y"`, 1)+"\n")
	for version, lost := range map[string][]string{
		"9": {"warning: omitted, because version 9", "number of entries added to streams (2 keys)",
			"maximum deleted ID of streams (2 keys)", "last active time of consumers (2 keys)"},
		"10": {"warning: omitted, because version 10 does not support it: last active time of consumers (2 keys)\n"},
		"11": nil,
	} {
		r := want(t, exitGood, "convert", "--rdb-version", version, lines, filepath.Join(t.TempDir(), "x.rdb")).wants(t, lost...)
		if lost == nil && r.stderr != "" {
			t.Errorf("version %s: stderr %q, want no warning", version, r.stderr)
		}
	}
}

// TestValkeyFieldExpiryKeepsEncoding converts a hash with fields that expire from a dump of Valkey
// 9 through JSON lines and a log, and to and from a version of Redis.
func TestValkeyFieldExpiryKeepsEncoding(t *testing.T) {
	// The number of fields, then field, value, and expiry (-1 means no expiry) of each.
	hash := "\x02\x01a\x01b\x00\x68\xe5\xcf\x8b\x01\x00\x00\x01c\x01d\xff\xff\xff\xff\xff\xff\xff\xff"
	src := write(t, "v.rdb", "VALKEY080\xfe\x00\x16\x01h"+hash+"\xff\x00\x00\x00\x00\x00\x00\x00\x00")
	dir := t.TempDir()
	lines, again, log, fromLog := filepath.Join(dir, "x.jsonl"), filepath.Join(dir, "x.rdb"), filepath.Join(dir, "data"), filepath.Join(dir, "y.rdb")
	want(t, exitGood, "convert", src, lines)
	want(t, exitGood, "convert", lines, again)
	want(t, exitGood, "convert", lines, log)
	want(t, exitGood, "convert", log, fromLog)
	for _, path := range []string{again, fromLog} {
		if p := read(t, path); p[:9] != "VALKEY080" || !containsKey(p, 22, "h") {
			t.Errorf("%s = %q, want a dump of Valkey with a hash of type 22", path, p)
		}
		want(t, exitGood, "diff", src, path)
	}
	redis, back := filepath.Join(dir, "r.rdb"), filepath.Join(dir, "b.rdb")
	want(t, exitGood, "convert", "--rdb-version", "12", lines, redis)
	if p := read(t, redis); p[:9] != "REDIS0012" || !containsKey(p, 24, "h") {
		t.Errorf("%s = %q, want REDIS0012 with a hash of type 24", redis, p)
	}
	want(t, exitGood, "convert", "--rdb-version", "80", redis, back)
	if p := read(t, back); p[:9] != "VALKEY080" || !containsKey(p, 22, "h") {
		t.Errorf("%s = %q, want VALKEY080 with a hash of type 22", back, p)
	}
	want(t, exitUnsupported, "convert", "--rdb-version", "11", lines, filepath.Join(dir, "no.rdb")).wants(t, "hash with fields that expire")
}
