package redisconf_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perduredb/perdure/internal/redistest"
	"github.com/perduredb/perdure/redisconf"
)

// onServers runs a test for each server program.
func onServers(t *testing.T, test func(t *testing.T, program string)) {
	for name, program := range redistest.Servers(t) {
		t.Run(name, func(t *testing.T) { test(t, program) })
	}
}

func TestServerUnderstandsSameConfig(t *testing.T) { onServers(t, understandsSameConfig) }

// understandsSameConfig compares random configurations with CONFIG GET.
func understandsSameConfig(t *testing.T, program string) {
	for seed := range rounds(40) {
		r := rand.New(rand.NewPCG(uint64(seed), 1))
		dir := write(t, "sub/two/x", "", "sub/x", "")
		files := randomConfig(r)
		for name, text := range files {
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		c := parse(t, files["main"])
		s, refusal := redistest.StartConfig(t, program, dir, files["main"])
		if s == nil {
			t.Fatalf("seed %d: the server refuses, want success\n%s\n%s", seed, files, refusal)
		}
		if diff := compare(t, s, c); diff != "" {
			t.Fatalf("seed %d: %s\n-server +Parse\n%s", seed, files, diff)
		}
		s.Kill()
	}
}

// compare compares a configuration with CONFIG GET.
func compare(t *testing.T, s *redistest.Server, c *redisconf.Config) (diff string) {
	t.Helper()
	got := values(c)
	got["dir"] = absolute(t, c.Dir)
	want := map[string]string{}
	for name := range got {
		want[name] = s.Must("CONFIG", "GET", name).Elements[1].Text
	}
	return cmp.Diff(want, got)
}

func TestReadFileReadsRewrittenConfig(t *testing.T) { onServers(t, readsRewrittenConfig) }

// readsRewrittenConfig reads what CONFIG REWRITE writes.
func readsRewrittenConfig(t *testing.T, program string) {
	for seed := range rounds(10) {
		r := rand.New(rand.NewPCG(uint64(seed), 3))
		dir, text := write(t, "sub/two/x", ""), "enable-protected-configs yes\n"+randomLines(r, 8)
		s, refusal := redistest.StartConfig(t, program, dir, text)
		if s == nil {
			t.Fatalf("seed %d: the server refuses, want success\n%s\n%s", seed, text, refusal)
		}
		s.Must("CONFIG", "SET", "save", "7 8 9 10", "auto-aof-rewrite-min-size", "3gb", "dir", "sub/two", "dbfilename", "it is #1.rdb")
		s.Must("CONFIG", "REWRITE")
		if diff := compare(t, s, readFile(t, filepath.Join(filepath.Dir(s.Socket), "redis.conf"))); diff != "" {
			t.Fatalf("seed %d: %s\n-server +ReadFile\n%s", seed, text, diff)
		}
		s.Kill()
	}
}

func TestServerRefusesSameLines(t *testing.T) { onServers(t, refusesSameLines) }

// refusesSameLines adds a wrong line to random configurations.
func refusesSameLines(t *testing.T, program string) {
	wrong := strings.Split(strings.TrimSpace(wrongLines), "\n")
	for seed := range rounds(len(wrong)) {
		r := rand.New(rand.NewPCG(uint64(seed), 2))
		line := wrong[seed%len(wrong)]
		text := randomLines(r, 3) + line + "\n" + randomLines(r, 3)
		if _, err := redisconf.Parse([]byte(text)); err == nil {
			t.Errorf("Parse with %q = nil, want an error", line)
		}
		if s, _ := redistest.StartConfig(t, program, t.TempDir(), text); s != nil {
			s.Kill()
			t.Errorf("the server accepts %q, want an error", line)
		}
	}
}

const wrongLines = `
save 60
save 60 x
save 0 1
save 1 -1
save "" ""
save "1 1" 2 2
dir ""
dir a b
dbfilename a/b
dbfilename
rdbcompression true
rdbchecksum 1
appendonly on
appendonly yes no
appendfsync sometimes
no-appendfsync-on-rewrite ""
appendfilename ""
appendfilename a/b
appenddirname ../x
auto-aof-rewrite-percentage 1.5
auto-aof-rewrite-percentage 050
auto-aof-rewrite-percentage +50
auto-aof-rewrite-percentage 2147483648
auto-aof-rewrite-min-size 64mib
auto-aof-rewrite-min-size -1
auto-aof-rewrite-min-size 1tb
auto-aof-rewrite-min-size " 1mb"
aof-load-truncated yes yes
aof-use-rdb-preamble "yes
aof-timestamp-enabled 'yes
stop-writes-on-bgsave-error yes'x'y
databases 0
databases many
include none.conf
include a b
include
"" x
`

// rounds returns n, or a part of it with -short.
func rounds(n int) int {
	if testing.Short() {
		return min(n, 5)
	}
	return n
}

// absolute returns the path that a server reports for a directory.
func absolute(t *testing.T, dir string) string {
	t.Helper()
	path, err := filepath.Abs(dir)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// randomConfig returns the texts of a file main and the files that it includes.
func randomConfig(r *rand.Rand) map[string]string {
	files := map[string]string{"main": "", "one.conf": randomLines(r, 4), "two.inc": randomLines(r, 4), ".x.inc": randomLines(r, 4)}
	for _, part := range []string{"", "include one.conf\n", "include *.inc\n", `include "one.*"` + "\n", "include none*\n"} {
		if part == "" || r.IntN(2) == 0 {
			files["main"] += randomLines(r, 4) + part
		}
	}
	if r.IntN(2) == 0 {
		files["main"] += []string{"dir sub\ndir two\n", "dir ./sub/two/..\n", "dir '.'\n"}[r.IntN(3)] + randomLines(r, 2)
	}
	return files
}

// randomLines returns up to n lines that both programs accept.
func randomLines(r *rand.Rand, n int) string {
	var b strings.Builder
	for range r.IntN(n + 1) {
		b.WriteString(randomLine(r) + "\n")
	}
	return b.String()
}

func randomLine(r *rand.Rand) string {
	yesNo := []string{"rdbcompression", "rdbchecksum", "appendonly", "no-appendfsync-on-rewrite", "aof-load-truncated",
		"aof-use-rdb-preamble", "aof-timestamp-enabled", "stop-writes-on-bgsave-error"}
	name, value := yesNo[r.IntN(len(yesNo))], []string{"yes", "no", "YES", "No"}[r.IntN(4)]
	switch r.IntN(14) {
	case 0:
		return []string{"", "   ", "# appendonly maybe", "\t#", "\r"}[r.IntN(5)]
	case 1:
		return "hz 10" // a directive that only the server knows
	case 2:
		return []string{"save", `save ""`, "save ''", `save " "`}[r.IntN(4)]
	case 3, 4, 5:
		args := make([]string, 2*(1+r.IntN(3)))
		for i := range args {
			args[i] = []string{"%d", "%d", "0%d", "+%d"}[r.IntN(4)]
			args[i] = fmt.Sprintf(args[i], 1+r.IntN(5000))
		}
		if r.IntN(3) == 0 {
			return "save " + style(r, strings.Join(args, "  "))
		}
		for i := range args {
			args[i] = style(r, args[i])
		}
		return "SAVE " + strings.Join(args, " \t")
	case 6:
		name, value = "appendfsync", []string{"always", "EverySec", "no"}[r.IntN(3)]
	case 7:
		name, value = "databases", fmt.Sprint(1+r.IntN(64))
	case 8:
		name, value = "auto-aof-rewrite-percentage", fmt.Sprint(r.IntN(300))
	case 9:
		name = "auto-aof-rewrite-min-size"
		value = fmt.Sprint(r.IntN(1000)) + []string{"", "b", "k", "kb", "M", "mB", "G", "gb"}[r.IntN(8)]
	case 10:
		name, value = "dbfilename", []string{"a.rdb", "two words.rdb", "it's"}[r.IntN(3)]
	case 11:
		name, value = []string{"appendfilename", "appenddirname"}[r.IntN(2)], []string{"log", "a b", `q"`, "#"}[r.IntN(4)]
	}
	if r.IntN(2) == 0 {
		name = strings.ToUpper(name)
	}
	return strings.Repeat(" ", r.IntN(3)) + style(r, name) + " " + style(r, value) + strings.Repeat("\t", r.IntN(3))
}

// style returns an argument without quotes if that is possible, or in one of the kinds of quotes.
func style(r *rand.Rand, s string) string {
	switch r.IntN(4) {
	case 0:
		return quote(s)
	case 1:
		return `'` + strings.ReplaceAll(s, `'`, `\'`) + `'`
	case 2:
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
	}
	if strings.ContainsAny(s, ` '"#`) {
		return quote(s)
	}
	return s
}
