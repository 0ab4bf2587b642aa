package rdb_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// corpus contains a folder of dumps per producer. Its README names the producers.
const corpus = "testdata"

// corpusFiles returns the dumps of other producers by name, as in "valkey/encodings.rdb".
func corpusFiles(t testing.TB) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(corpus, "*", "*.rdb"))
	if err != nil || len(paths) < 48 {
		t.Fatalf("found %d dumps, want 48: %v", len(paths), err)
	}
	files := make(map[string][]byte)
	for _, path := range paths {
		p, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.ToSlash(strings.TrimPrefix(path, corpus+string(filepath.Separator)))] = p
	}
	return files
}

// damagedCorpus maps each damaged dump of the corpora to the offset of its damage. The zipmap of
// hdt3213, from that program's own tests, declares 255 fields, which servers refuse.
var damagedCorpus = map[string]int64{"valkey/corrupt_ziplist.rdb": 489, "hdt3213/zipmap_big_len.rdb": 35}

// TestCorpus reads every dump, writes it in the lowest version that fits, and reads that.
func TestCorpus(t *testing.T) {
	for name, p := range corpusFiles(t) {
		first, n, err := decode(p)
		if want, damaged := damagedCorpus[name]; damaged {
			var bad *rdb.CorruptError
			if !errors.As(err, &bad) || bad.Offset != want {
				t.Errorf("%s: got %v, want damage at %d", name, err, want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: Decode = %v, want nil", name, err)
			continue
		}
		if n != int64(len(p)) && name != "hdt3213/empty_database.rdb" {
			t.Errorf("%s: Decode read %d bytes, want %d", name, n, len(p))
		}
		second := mustDecode(t, mustEncode(t, first))
		if first.list() != second.list() {
			t.Errorf("%s: got\n%swant\n%s", name, second.list(), first.list())
		}
		third := mustDecode(t, mustEncode(t, second, rdb.Compression(false)))
		if first.list() != third.list() {
			t.Errorf("%s: entries differ after an uncompressed dump, want them equal", name)
		}
	}
}

// TestCorpusContent compares keys, databases, and strings with the JSON of each dump.
func TestCorpusContent(t *testing.T) {
	compared := 0
	for name, p := range corpusFiles(t) {
		text, err := os.ReadFile(filepath.Join(corpus, strings.TrimSuffix(name, ".rdb")+".json"))
		if err != nil {
			continue
		}
		var want []struct {
			DB    int    `json:"db"`
			Key   string `json:"key"`
			Type  string `json:"type"`
			Value string `json:"value"`
		}
		if err := json.Unmarshal(text, &want); err != nil && !strings.Contains(err.Error(), "cannot unmarshal") {
			t.Errorf("%s: JSON = %v, want it to parse", name, err)
			continue
		}
		found := make(map[string]snapshot.Entry)
		g, _, err := decode(p)
		if err != nil {
			if damagedCorpus[name] == 0 {
				t.Errorf("%s: Decode = %v, want nil", name, err)
			}
			continue
		}
		for _, e := range g.entries {
			found[jsonText(e.Key)] = e
		}
		for _, w := range want {
			if w.Key == "" || w.Type == "functions" || w.Type == "aux" {
				continue
			}
			e, ok := found[w.Key]
			if !ok || e.DB != w.DB || rdb.TypeName(e.Type) != w.Type || w.Type == "string" && jsonText(e.Value) != w.Value {
				t.Errorf("%s: %q: got %v in %d, want %s in %d", name, w.Key, rdb.TypeName(e.Type), e.DB, w.Type, w.DB)
			}
			compared++
		}
	}
	if compared < 100 {
		t.Errorf("%d keys were compared, want at least 100", compared)
	}
}

// jsonText returns p as JSON decodes it: bytes that are not UTF-8 are replaced.
func jsonText(p []byte) string {
	b, err := json.Marshal(string(p))
	if err != nil {
		panic(err)
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		panic(err)
	}
	return s
}

// TestCorpusDialect checks that only Valkey's file has Valkey's own type.
func TestCorpusDialect(t *testing.T) {
	for name, p := range corpusFiles(t) {
		g, _, err := decode(p)
		if err != nil {
			continue
		}
		for _, e := range g.entries {
			if e.Type.IsValkey() != (strings.Contains(name, "valkey_hash2") && rdb.TypeName(e.Type) == "hash") {
				t.Errorf("%s: IsValkey of type %d = %v, want %v", name, e.Type, e.Type.IsValkey(), !e.Type.IsValkey())
			}
		}
		if strings.HasPrefix(string(p), "VALKEY") && !bytes.HasPrefix(mustEncode(t, g), []byte("VALKEY080")) {
			t.Errorf("%s: Encode does not begin with VALKEY080, want Valkey's header", name)
		}
	}
}

// TestCorpusCheck checks that the report of each dump is clean.
func TestCorpusCheck(t *testing.T) {
	for name, p := range corpusFiles(t) {
		g, _, _ := decode(p)
		r, err := rdb.Check(context.Background(), bytes.NewReader(p), int64(len(p)))
		_, damaged := damagedCorpus[name]
		if name == "valkey/corrupt_empty_keys.rdb" { // a server loads it, without the keys
			want := "offset 99: key 1, set of type 2: want a set that is not empty, found an empty one"
			if err != nil || r.Odd != 9 || r.FirstOdd == nil || !strings.Contains(r.FirstOdd.Error(), want) {
				t.Errorf("%s: Check = %d odd values, %v, %v, want 9", name, r.Odd, r.FirstOdd, err)
			}
		} else if r.Odd != 0 {
			t.Errorf("%s: Check reports %v, want no odd value", name, r.FirstOdd)
		}
		if (err != nil) != damaged || r.Keys != int64(len(g.entries)) {
			t.Errorf("%s: Check = %d keys, %v, want %d", name, r.Keys, err, len(g.entries))
		}
	}
}
