package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perduredb/perdure/internal/redistest"
)

// TestDumpValues prints values of every type of a server.
func TestDumpValues(t *testing.T) {
	s := redistest.Start(t, "")
	for _, command := range [][]string{
		{"RPUSH", "list", "b", "a", "12"},
		{"RPUSH", "list:binary", "b", "\xff"},
		{"SADD", "set", "b", "a", "<c>"},
		{"SADD", "set:int", "10", "9", "-1"},
		{"HSET", "hash", "f", "v", "a", "1"},
		{"HSET", "hash:binary", "\xff", "v"},
		{"ZADD", "zset", "1", "b", "1", "a", "inf", "x", "-inf", "y", "1e30", "z", "0.1", "w"},
		{"XADD", "stream", "1-1", "f", "v", "f", "w"},
		{"XADD", "stream", "1-2", "f", "u"},
		{"XGROUP", "CREATE", "stream", "g", "0"},
		{"XREADGROUP", "GROUP", "g", "c", "COUNT", "1", "STREAMS", "stream", ">"},
		{"XADD", "stream:binary", "1-1", "f", "\xff"},
		{"SAVE"},
	} {
		s.Must(command...)
	}
	path := filepath.Join(s.Dir, "dump.rdb")
	want(t, exitGood, "check", path)
	r := want(t, exitGood, "dump", path)
	r.wants(t,
		`{"db":0,"key":"hash","type":"hash","value":{"a":"1","f":"v"}}`,
		`{"db":0,"key":"hash:binary","type":"hash","valueBase64":{"/w==":"dg=="}}`,
		`{"db":0,"key":"list","type":"list","value":["b","a","12"]}`,
		`{"db":0,"key":"list:binary","type":"list","valueBase64":["Yg==","/w=="]}`,
		`{"db":0,"key":"set","type":"set","value":["<c>","a","b"]}`,
		`{"db":0,"key":"set:int","type":"set","value":["-1","10","9"]}`,
		`{"db":0,"key":"zset","type":"zset","value":[{"member":"y","score":"-inf"},{"member":"w","score":0.1},`+
			`{"member":"a","score":1},{"member":"b","score":1},{"member":"z","score":1e+30},{"member":"x","score":"inf"}]}`,
		`{"db":0,"key":"stream","type":"stream","value":{"entries":[{"id":"1-1","fields":[["f","v"],["f","w"]]},{"id":"1-2","fields":[["f","u"]]}],`+
			`"length":2,"lastId":"1-2","firstId":"1-1","maxDeletedId":"0-0","entriesAdded":2,"groups":[{"name":"g","lastId":"1-1","entriesRead":1,"pending":[{"id":"1-1","deliveredAtMs":`,
		`"valueBase64":{"entries":[{"id":"1-1","fields":[["Zg==","/w=="]]}]`,
	)
}

// compareCorpusValue compares a printed value with the value that the authors of a dump published.
func compareCorpusValue(t *testing.T, name, kind string, got dumped, wanted map[string]any) (compared bool) {
	t.Helper()
	field, ok := map[string]string{"list": "values", "hash": "hash", "zset": "entries"}[kind]
	if !ok || got.Value == nil || strings.Contains(name, "uncompressible") {
		return false
	}
	want := wanted[field]
	if kind == "zset" { // the published value is in the order of the file
		scores := func(list any) map[string]float64 {
			m := make(map[string]float64)
			for _, x := range list.([]any) {
				m[x.(map[string]any)["member"].(string)] = x.(map[string]any)["score"].(float64)
			}
			return m
		}
		if cmp.Equal(scores(got.Value), scores(want)) {
			return true
		}
	} else if cmp.Equal(got.Value, want) {
		return true
	}
	t.Errorf("%s (-want +got):\n%s", name, cmp.Diff(want, got.Value))
	return true
}

// corpusValues returns the JSON of a corpus by database and key.
func corpusValues(t *testing.T, text []byte) map[dumpedKey]map[string]any {
	t.Helper()
	var all []map[string]any
	check(t, json.Unmarshal(text, &all))
	values := make(map[dumpedKey]map[string]any)
	for _, v := range all {
		values[dumpedKey{int(v["db"].(float64)), v["key"].(string)}] = v
	}
	return values
}

// TestCheckValue checks that damage in a value, and an empty collection, are reported. Dump prints
// the empty collection.
func TestCheckValue(t *testing.T) {
	dup := write(t, "a.rdb", "REDIS0004\x02\x01k\x02\x01a\x01a\xff")
	want(t, exitDamaged, "check", dup).wants(t, "offset 15: key 1, set of type 2, member 2: want unique members, found a duplicate")
	if r := want(t, exitDamaged, "dump", dup); r.stdout != "" {
		t.Errorf("dump = %s, want no output", r.stdout)
	}
	empty := write(t, "b.rdb", "REDIS0004\x00\x01a\x01b\x01\x01k\x00\xff")
	want(t, exitDamaged, "check", empty).wants(t, "offset 17: key 2, list of type 1: want a list that is not empty")
	want(t, exitGood, "dump", empty).wants(t, `{"db":0,"key":"k","type":"list","value":[]}`)
	array := write(t, "c.rdb", "REDIS0014\x1c\x01k\x01\x00\x00\x00\x01a\xff\x00\x00\x00\x00\x00\x00\x00\x00")
	want(t, exitGood, "dump", array).wants(t, `{"db":0,"key":"k","type":"array","value":[{"at":0,"value":"a"}],"dumpBase64":"HAEAAAABYQ4AEk8MazmStqc="}`+"\n")
}
