package tidy

import (
	"fmt"
	"slices"
	"testing"
)

// exceptions lists, for each rule, the folders that violate it, with the allowed number of
// violations. The goal is an empty list.
var exceptions = map[string]map[string]int{
	"comment width":     {".": 14, "aof": 14, "internal/engine": 4},
	"doc comment":       {".": 1, "aof": 3},
	"doc link":          {".": 10, "aof": 5},
	"phrase in comment": {".": 13, "aof": 7, "internal/engine": 7, "rdb": 2},
	"phrase in message": {".": 9, "aof": 15, "internal/engine": 2},
	"test name":         {".": 40, "aof": 35, "internal/engine": 2},
}

// findings collects the violations of one rule by folder.
type findings struct {
	rule  string
	byDir map[string][]string
}

func newFindings(rule string) *findings {
	return &findings{rule: rule, byDir: map[string][]string{}}
}

// add records a violation in a folder.
func (f *findings) add(dir, format string, args ...any) {
	f.byDir[dir] = append(f.byDir[dir], fmt.Sprintf(format, args...))
}

// report fails the test for each folder with more violations than its exception allows.
func (f *findings) report(t *testing.T) {
	t.Helper()
	for dir, found := range f.byDir {
		allowed := exceptions[f.rule][dir]
		if len(found) <= allowed {
			continue
		}
		slices.Sort(found)
		for _, text := range found {
			t.Error(text)
		}
		t.Errorf("%s in %s: %d violations, want at most %d", f.rule, dir, len(found), allowed)
	}
}
