package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perduredb/perdure/internal/redistest"
)

// unfit lists the files of the corpus that check does not accept, with a part of its output.
var unfit = map[string]string{
	"corrupt_empty_keys.rdb":        "want a set that is not empty", // a server skips the keys
	"corrupt_ziplist.rdb":           "want a ziplist of at least 11 bytes",
	"zipmap_big_len.rdb":            "want a count of 2 fields, found 255",
	"hash_as_listpack_with_hfe.aof": "HPEXPIREAT: command not supported: perdure executes no commands on fields that expire",
	"hash_with_hfe.aof":             "HPERSIST: command not supported: perdure executes no commands on fields that expire",
	"valkey_hash2_with_hfe.aof":     "HPEXPIREAT: command not supported: perdure executes no commands on fields that expire",
}

// tooNew lists the files that redis-server 7.0 cannot load in any encoding, because they have
// fields that expire.
var tooNew = []string{"hash_as_listpack_with_hfe.rdb", "hash_with_hfe.rdb", "valkey_hash2_with_hfe.rdb"}

// someRefuse is a file with a stream of an early Redis 5 whose length field is wrong.
const someRefuse = "stream_listpacks_1.rdb"

// checkCorpus checks a file of the corpus, or a file made from it. Each must be ok, except that
// check may report that new servers refuse a file made from someRefuse.
func checkCorpus(t *testing.T, path, made string) {
	t.Helper()
	if filepath.Base(path) != someRefuse {
		want(t, exitGood, "check", made)
		return
	}
	if r := perdureRun(t, "check", made); r.code != exitGood || made == path {
		r.wants(t, "ODD", "Redis 8.8 and Valkey 9: length is 120")
	}
}

// corpus returns the paths of the dumps and logs of other producers.
func corpus(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"rdb/testdata/*/*.rdb", "aof/testdata/*/*.aof"} {
		files, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(pattern)))
		check(t, err)
		if len(files) == 0 {
			t.Fatalf("Glob(%s) = no files, want at least one", pattern)
		}
		all = append(all, files...)
	}
	return all
}

// TestCorpusTools runs every file of the corpus through check, dump, stat, convert to each format
// and back, and diff of each result with the original. The files that must fail are in unfit.
func TestCorpusTools(t *testing.T) {
	good := 0
	for _, path := range corpus(t) {
		name := filepath.Base(path)
		if reason, bad := unfit[name]; bad {
			code := exitDamaged
			if strings.HasSuffix(name, ".aof") {
				code = exitUnsupported
			}
			want(t, code, "check", path).wants(t, reason)
			if code == exitUnsupported {
				want(t, exitUnsupported, "convert", path, filepath.Join(t.TempDir(), "x.rdb")).wants(t, "BGREWRITEAOF")
			}
			continue
		}
		good++
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkCorpus(t, path, path)
			want(t, exitGood, "stat", path).wants(t, "key")
			original := want(t, exitGood, "dump", path).stdout
			compareKeys(t, path, original)
			for _, form := range append([]string{"c.aof"}, forms...) {
				dir := t.TempDir()
				dst, back := filepath.Join(dir, form), filepath.Join(dir, "back.rdb")
				args := []string{"convert", path, dst}
				if form == "c.aof" {
					args = append(args, "--commands")
				}
				want(t, exitGood, args...)
				checkCorpus(t, path, dst)
				if form != "c.aof" { // a log of commands does not contain function libraries
					want(t, exitGood, "diff", path, dst)
				}
				if got := want(t, exitGood, "dump", dst).stdout; got != original {
					t.Errorf("dump after convert to %s differs, want that of the original", form)
				}
				want(t, exitGood, "convert", dst, back)
				if got := want(t, exitGood, "dump", back).stdout; got != original {
					t.Errorf("dump after convert to %s and back differs, want the original's", form)
				}
			}
		})
	}
	if good < 46 {
		t.Errorf("%d files of the corpus are ok, want at least 46", good)
	}
}

// compareKeys compares the keys that dump printed with the JSON that accompanies a file. Package
// rdb compares the values.
func compareKeys(t *testing.T, path, lines string) {
	t.Helper()
	text, err := os.ReadFile(strings.TrimSuffix(path, filepath.Ext(path)) + ".json")
	if err != nil || strings.HasSuffix(path, ".aof") {
		return
	}
	var expected []struct {
		DB   int    `json:"db"`
		Key  string `json:"key"`
		Type string `json:"type"`
	}
	check(t, json.Unmarshal(text, &expected))
	var wanted, got []string
	for _, k := range expected {
		if k.Type != "functions" && k.Type != "aux" && k.Type != "dbsize" {
			wanted = append(wanted, strconv.Itoa(k.DB)+" "+k.Type+" "+strings.ToValidUTF8(k.Key, "?"))
		}
	}
	for line := range strings.Lines(lines) {
		l, _, err := readLine([]byte(line))
		check(t, err)
		e, err := l.entry()
		check(t, err)
		got = append(got, strconv.Itoa(l.DB)+" "+l.Type+" "+strings.ToValidUTF8(string(e.Key), "?"))
	}
	slices.Sort(wanted)
	slices.Sort(got)
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
}

// TestCorpusInServer loads every file into redis-server in versions 9 and 10, as a dump and as a
// log, and compares the data that the server saves.
func TestCorpusInServer(t *testing.T) {
	redistest.Tool(t, "redis-server")
	loaded := 0
	for _, path := range corpus(t) {
		name := filepath.Base(path)
		if _, bad := unfit[name]; bad {
			continue
		}
		if slices.Contains(tooNew, name) {
			want(t, exitUnsupported, "convert", "--rdb-version", "10", path, filepath.Join(t.TempDir(), "x.rdb")).
				wants(t, "hash with fields that expire")
			continue
		}
		loaded++
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			// A server drops expired keys.
			fresh := filepath.Join(dir, "fresh.jsonl")
			check(t, os.WriteFile(fresh, []byte(withoutExpired(t, path)), 0o600))
			dump := filepath.Join(dir, dumpName)
			want(t, exitGood, "convert", "--rdb-version", "10", fresh, dump)
			redistest.Run(t, "redis-check-rdb", dump)
			server := redistest.Start(t, dir)
			server.Must("SAVE")
			server.Kill()
			want(t, exitGood, "diff", fresh, dump)
			nine := filepath.Join(dir, "nine.rdb")
			want(t, exitGood, "convert", "--rdb-version", "9", dump, nine)
			if head := read(t, nine)[:9]; head != "REDIS0009" {
				t.Errorf("header = %q, want REDIS0009", head)
			}
			data := filepath.Join(dir, "data")
			want(t, exitGood, "convert", nine, data)
			server = redistest.Start(t, data, "--appendonly", "yes")
			server.Must("BGREWRITEAOF")
			server.Wait("aof_rewrite_in_progress", "0")
			server.Kill()
			// Version 9 does not store all properties of a stream.
			if !strings.Contains(read(t, fresh), `"type":"stream"`) {
				want(t, exitGood, "diff", fresh, data)
			}
		})
	}
	if loaded < 43 {
		t.Errorf("a server loaded %d files, want at least 43", loaded)
	}
}

// withoutExpired returns a file as JSON lines, without expired keys and function libraries.
func withoutExpired(t *testing.T, path string) string {
	t.Helper()
	var b strings.Builder
	for line := range strings.Lines(want(t, exitGood, "dump", path).stdout) {
		l, _, err := readLine([]byte(line))
		check(t, err)
		if l.ExpireAtMs == nil || *l.ExpireAtMs > time.Now().Add(time.Hour).UnixMilli() {
			b.WriteString(line)
		}
	}
	return b.String()
}
