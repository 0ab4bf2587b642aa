// Package examples runs every example program and compares its output.
package examples

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/perduredb/perdure"
)

// runExample builds an example and runs it with args. It returns the output.
func runExample(t *testing.T, name string, args ...string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), name+".exe")
	if out, err := exec.Command("go", "build", "-o", program, "./"+name).CombinedOutput(); err != nil {
		t.Fatalf("go build of %s = %v, want nil\n%s", name, err, out)
	}
	out, err := exec.Command(program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("run of %s = %v, want nil\n%s", name, err, out)
	}
	return string(out)
}

// like compares lines with patterns.
func like(t *testing.T, got string, patterns ...string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(got), "\n")
	if len(lines) != len(patterns) {
		t.Fatalf("output =\n%s, want %d lines", got, len(patterns))
	}
	for i, p := range patterns {
		if !regexp.MustCompile("^" + p + "$").MatchString(lines[i]) {
			t.Errorf("line %d = %q, want %q", i+1, lines[i], p)
		}
	}
}

func TestQuickstart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	like(t, runExample(t, "quickstart", dir), "first run: nothing here yet", "this is run 1",
		"accounts:  a -10, b 10", "saved 5 keys in .*: run it again")
	like(t, runExample(t, "quickstart", dir), "survived:  written at [0-9:]+", "survived:  session, for (1m0|[0-9]+)s more",
		"this is run 2", "accounts:  a -20, b 20", "saved 5 keys in .*: run it again")
}

func TestCache(t *testing.T) {
	like(t, runExample(t, "cache"), "the page /index", `the page /index \(cached\)`)
}

func TestCounters(t *testing.T) {
	like(t, runExample(t, "counters"), "request 1 allowed: true", "request 2 allowed: true",
		"request 3 allowed: true", "request 4 allowed: false", "visits: 8000")
}

func TestLeaderboard(t *testing.T) {
	like(t, runExample(t, "leaderboard"), "1. player 500: 1500", "2. player 999: 999", "3. player 998: 998",
		"300. player 701: 701", "301. player 700: 700", "302. player 699: 699")
}

func TestJobqueue(t *testing.T) {
	like(t, runExample(t, "jobqueue"), "worker: done job 1", "worker: done job 2", "killed: taken job 3",
		"jobs to do again: 1", "done job 3", "done job 4", "done job 5", "done last job")
}

func TestSessions(t *testing.T) {
	like(t, runExample(t, "sessions"), "Ada 1", "Ada 2", "after the logout: no session")
}

func TestTags(t *testing.T) {
	like(t, runExample(t, "tags"), `go: \[article:1 article:3\]`, "go and storage: A store in Go")
}

func TestSaverules(t *testing.T) {
	like(t, runExample(t, "saverules"), "changes since the last save: 100", "a rule saved 100 keys to .*state.rdb",
		"changes since the last save: 0")
}

func TestBackup(t *testing.T) {
	like(t, runExample(t, "backup"), "backup: a dump of more than 100 kB: true",
		"restored: the first ten thousand keys are there: true")
}

func TestRedisfiles(t *testing.T) {
	dir := t.TempDir()
	s, err := perdure.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.DB(3).Set("k", []byte("v")); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	like(t, runExample(t, "redisfiles", dir), "1 keys from aof", "database 3: 1 keys", `  string   "k" = "v"`)

	dump, err := os.ReadFile(filepath.Join("..", "rdb", "testdata", "hdt3213", "memory.rdb"))
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "dump.rdb"), dump, 0o600); err != nil {
		t.Fatal(err)
	}
	if out := runExample(t, "redisfiles", dir); !strings.Contains(out, " keys from rdb") {
		t.Errorf("output = %q, want %q in it", out, " keys from rdb")
	}
}
