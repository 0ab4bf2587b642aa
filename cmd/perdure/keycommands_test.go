package main

import (
	"path/filepath"
	"testing"

	"github.com/perduredb/perdure"
)

// TestSetKeepsFiles checks that a write uses the files that a directory has: no log, or a log under
// another name.
func TestSetKeepsFiles(t *testing.T) {
	for name, c := range map[string]struct {
		options []perdure.Option
		log     string
	}{
		"no log":      {[]perdure.Option{perdure.WithoutAppendLog()}, ""},
		"other names": {[]perdure.Option{otherNames(), perdure.WithSaveRules()}, filepath.Join("log", "my file.aof.manifest")},
		"defaults":    {nil, filepath.Join(logDirName, logName+manifestSuffix)},
	} {
		t.Run(name, func(t *testing.T) {
			dir := store(t, c.options...)
			want(t, exitGood, "set", dir, "new", "value")
			if got := want(t, exitGood, "get", dir, "new").stdout; got != "value\n" {
				t.Errorf("get = %q, want value", got)
			}
			if got := want(t, exitGood, "get", dir, "key:01").stdout; got != "vx\n" {
				t.Errorf("get of an old key = %q, want vx", got)
			}
			manifests, err := filepath.Glob(filepath.Join(dir, "*", "*"+manifestSuffix))
			check(t, err)
			switch {
			case c.log == "" && len(manifests) > 0, c.log != "" && (len(manifests) != 1 || manifests[0] != filepath.Join(dir, c.log)):
				t.Errorf("manifests %q, want %q", manifests, c.log)
			}
		})
	}
}

// TestGetChangesNothing checks that reading leaves the files unchanged.
func TestGetChangesNothing(t *testing.T) {
	dir := store(t)
	before := tree(t, dir)
	want(t, exitGood, "get", dir, "n")
	want(t, exitGood, "ttl", dir, "ttl")
	want(t, exitGood, "keys", dir, "key:*").wants(t, "key:01\n")
	want(t, exitGood, "keys", dir).wants(t, "\"\"\n", "\"\\xff\\x00\"\n")
	for path, content := range tree(t, dir) {
		if before[path] != content {
			t.Errorf("reading changed %s, want no change", path)
		}
	}
}
