package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestScripts runs each script in testdata in a separate directory. A line is one of
//
//	file NAME "TEXT"      make a file; TEXT is quoted as in Go
//	store DIR             make a data directory, with fill
//	[N] perdure ARG...    run the program, which must exit with status N (default 0); < "TEXT" at
//	                      the end is its input
//	out "TEXT"            the stdout of the last run is exactly TEXT
//	err "TEXT"            the stderr of the last run is exactly TEXT
//	match REGEXP          the stdout and stderr together match REGEXP
//	cmp NAME "TEXT"       the content of a file is exactly TEXT
//	absent NAME           the file does not exist
//	serve ARG...          run perdure serve ARG... until stop; the socket is "s"
//	send WORD...          send a command to the socket; out compares the reply
//	stop                  end perdure serve, which must exit with status 0
//	# comment
func TestScripts(t *testing.T) {
	scripts, err := filepath.Glob(filepath.Join("testdata", "*.txt"))
	check(t, err)
	if len(scripts) == 0 {
		t.Fatal("testdata has 0 scripts, want at least 1")
	}
	for _, path := range scripts {
		content := read(t, path)
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			t.Chdir(t.TempDir())
			var last result
			for i, line := range strings.Split(content, "\n") {
				if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
					continue
				}
				if !step(t, line, &last) {
					t.Fatalf("%s:%d: step fails, want success: %s\nstdout: %s\nstderr: %s",
						path, i+1, line, last.stdout, last.stderr)
				}
			}
		})
	}
}

// step runs one line of a script, and reports whether it succeeded.
func step(t *testing.T, line string, last *result) bool {
	t.Helper()
	verb, rest, _ := strings.Cut(line, " ")
	name, text, _ := strings.Cut(rest, " ")
	code := 0
	if n, err := strconv.Atoi(verb); err == nil {
		code, verb, rest = n, name, text
	}
	switch verb {
	case "perdure":
		args, stdin, ok := strings.Cut(rest, " < ")
		if ok {
			stdin = unquote(t, stdin)
		}
		*last = perdureIn(t, stdin, strings.Fields(args)...)
		return last.code == code
	case "serve":
		startServe(t, strings.Fields(rest))
		return true
	case "send":
		last.stdout = sendTo(t, "s", strings.Fields(rest))
		return true
	case "stop":
		return stopServe(t) == exitGood
	case "file":
		return os.WriteFile(name, []byte(unquote(t, text)), 0o600) == nil
	case "store":
		fill(t, rest, "v")
		return true
	case "out":
		return last.stdout == unquote(t, rest)
	case "err":
		return last.stderr == unquote(t, rest)
	case "match":
		return regexp.MustCompile(rest).MatchString(last.stdout + last.stderr)
	case "cmp":
		return read(t, name) == unquote(t, text)
	case "absent":
		_, err := os.Lstat(rest)
		return os.IsNotExist(err)
	}
	return false
}

func unquote(t *testing.T, s string) string {
	t.Helper()
	text, err := strconv.Unquote(s)
	if err != nil {
		t.Fatalf("Unquote(%s) = %v, want nil", s, err)
	}
	return text
}
