package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perduredb/perdure/internal/redistest"
)

// damaged are the files of the corpus that check calls damaged, and why.
var damaged = map[string]string{
	"corrupt_empty_keys.rdb": "expected an element", // empty collections: a server loads them, and skips the keys
	"corrupt_ziplist.rdb":    "offset",
}

// newer are those that redis-server 7.0 does not load, and why: everything that is of a version
// above 10, or of Valkey.
var newer = []string{"version 11: Redis 7.2", "version 12: Redis 7.4", "VALKEY 80: Valkey 9"}

// corpus gives the files of others, which lie beside the repository.
func corpus(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"*.rdb", "*.aof"} {
		files, err := filepath.Glob(filepath.Join("..", "..", "..", "shared", "corpora", "*", pattern))
		check(t, err)
		all = append(all, files...)
	}
	if len(all) == 0 {
		t.Skip("SKIPPED: no corpora beside the repository")
	}
	return all
}

// TestCorpusTools takes every file of the corpus down every path of the tools.
func TestCorpusTools(t *testing.T) {
	good, dumps := 0, 0
	for _, path := range corpus(t) {
		name := filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			r := perdureRun(t, "check", path)
			t.Logf("%d %s", r.code, r.stdout)
			d := perdureRun(t, "dump", path)
			t.Logf("%d %.300s %s", d.code, d.stdout, d.stderr)
		})
		_ = good
		_ = dumps
	}
}

var _ = exec.Command
var _ = os.Stat
var _ = strings.Cut
var _ = redistest.Run
