package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// A suite is the source text of Redis with its tests.
type suite struct {
	dir     string
	tclsh   string
	verbose bool
}

// An outcome is the result of a test, as the suite prints it.
type outcome string

const (
	passed  outcome = "ok"
	failed  outcome = "err"
	skipped outcome = "skip"   // it is in the skip list
	ignored outcome = "ignore" // the suite cannot run it against a server that it did not start
)

// An execution is one execution of a test. A test in a loop is executed several times.
type execution struct {
	name    string
	outcome outcome
	detail  string // of a failure
}

// run runs a unit against a new server. Tests in skips are not run.
func (s *suite) run(unit string, start startFunc, skips []skip) ([]execution, error) {
	server, err := startServer(start)
	if err != nil {
		return nil, err
	}
	defer server.stop()
	list := filepath.Join(server.dir, "skips")
	var names strings.Builder
	for _, skip := range skips {
		names.WriteString(skip.test + "\n")
	}
	if err := os.WriteFile(list, []byte(names.String()), 0o644); err != nil {
		return nil, err
	}
	cmd := exec.Command(s.tclsh, "tests/test_helper.tcl", "--host", "127.0.0.1", "--port", strconv.Itoa(server.port), "--single", unit,
		"--tags", "-slow", "--durable", "--clients", "1", "--timeout", "300", "--skipfile", list, "--dont-clean")
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "TERM=dumb")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if s.verbose {
		both := io.MultiWriter(&out, os.Stdout)
		cmd.Stdout, cmd.Stderr = both, both
	}
	fmt.Printf("%s: %s\n", server.name, unit)
	err = cmd.Run() // an error may be a failed test
	all := executions(&out)
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: %s has no results: %w\n%s", server.name, unit, err, out.String())
	}
	return all, nil
}

var (
	resultLine  = regexp.MustCompile(`^\[(ok|err|skip|ignore|exception|TIMEOUT)\]: (.*)$`)
	elapsed     = regexp.MustCompile(` \(\d+ ms\)$`)
	inFile      = regexp.MustCompile(` in tests/[\w/.-]+\.tcl$`)
	statusLine  = regexp.MustCompile(`^\[[^\]]*\]: `)
	endOfResult = "                   The End"
)

// executions parses the output of the suite.
func executions(out io.Reader) (all []execution) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 64<<20)
	detailed := false // the lines are the detail of the last execution
	for lines.Scan() {
		line := lines.Text()
		match := resultLine.FindStringSubmatch(line)
		switch {
		case match != nil:
			e := result(match[1], match[2])
			all = append(all, e)
			detailed = e.outcome == failed
		case line == endOfResult || statusLine.MatchString(line):
			detailed = false
		case detailed:
			all[len(all)-1].detail += line + "\n"
		}
	}
	return all
}

// result returns the execution that a line reports.
func result(status, text string) execution {
	switch outcome(status) {
	case passed:
		return execution{name: elapsed.ReplaceAllString(text, ""), outcome: passed}
	case failed:
		return execution{name: inFile.ReplaceAllString(text, ""), outcome: failed}
	case skipped:
		return execution{name: text, outcome: skipped}
	case ignored:
		return execution{name: text[:max(strings.LastIndex(text, ": "), 0)], outcome: ignored}
	}
	return execution{name: "(the unit ended early)", outcome: failed, detail: text + "\n"}
}
