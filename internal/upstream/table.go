package main

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
)

// A skip is a line of the skip list: UNIT | TEST | KIND: REASON. As in the suite, a test that
// begins with / is a regular expression.
type skip struct {
	test, kind, reason string
}

// kinds are the kinds of reasons. Tests of the last one count as not passed; the others need a
// feature of Redis that is not subject of the units.
var kinds = []string{"type", "script", "replication", "differs"}

const differs = "differs"

func readSkips(path string) (map[string][]skip, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	skips := map[string][]skip{}
	for i, line := range strings.Split(string(text), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(line, " | ")
		if len(fields) != 3 {
			return nil, fmt.Errorf("%s:%d: %d fields, want UNIT | TEST | KIND: REASON", path, i+1, len(fields))
		}
		kind, reason, _ := strings.Cut(fields[2], ": ")
		if !slices.Contains(kinds, kind) || reason == "" {
			return nil, fmt.Errorf("%s:%d: %q, want a reason of the kinds %q", path, i+1, fields[2], kinds)
		}
		skips[fields[0]] = append(skips[fields[0]], skip{fields[1], kind, reason})
	}
	return skips, nil
}

// matches reports whether a line is about a test.
func (s skip) matches(name string) bool {
	if pattern, ok := strings.CutPrefix(s.test, "/"); ok {
		matched, err := regexp.MatchString(pattern, name)
		return err == nil && matched
	}
	return s.test == name
}

// A row has the results of a unit.
type row struct {
	unit     string
	theirs   int            // executions that pass with redis-server
	excluded map[string]int // those of the skip list, by kind
	passed   int            // those of the others that pass with perdure
	failures []execution    // those that do not
	ignored  int            // executions that the suite ignores
	unused   []string       // lines of the skip list about no test that redis-server passes
}

// compare returns the row of a unit.
func compare(unit string, theirs, ours []execution, skips []skip) row {
	r := row{unit: unit, excluded: map[string]int{}}
	used := make([]bool, len(skips))
	left := slices.Clone(ours)
	for _, e := range theirs {
		if e.outcome == ignored {
			r.ignored++
		}
		if e.outcome != passed {
			continue
		}
		r.theirs++
		if n := slices.IndexFunc(skips, func(s skip) bool { return s.matches(e.name) }); n >= 0 {
			used[n] = true
			r.excluded[skips[n].kind]++
			continue
		}
		n := slices.IndexFunc(left, func(o execution) bool { return o.name == e.name })
		switch {
		case n < 0:
			r.failures = append(r.failures, execution{name: e.name, detail: "not run\n"})
			continue
		case left[n].outcome == passed:
			r.passed++
		default:
			r.failures = append(r.failures, left[n])
		}
		left = slices.Delete(left, n, n+1)
	}
	for i, s := range skips {
		if !used[i] {
			r.unused = append(r.unused, s.test)
		}
	}
	return r
}

// share returns the percentage of the tests that perdure passes, of those that need no other
// feature.
func (r row) share() float64 {
	all := r.passed + len(r.failures) + r.excluded[differs]
	if all == 0 {
		return 100
	}
	return 100 * float64(r.passed) / float64(all)
}

func (r row) printFailures(w io.Writer) {
	for _, f := range r.failures {
		fmt.Fprintf(w, "FAIL %s | %s\n%s", r.unit, f.name, f.detail)
	}
	for _, test := range r.unused {
		fmt.Fprintf(w, "UNUSED %s | %s\n", r.unit, test)
	}
}

// table returns the rows as a Markdown table.
func table(rows []row) string {
	var b strings.Builder
	b.WriteString("| Unit | passes with redis-server | needs another type | a script | replication | of the others, passes | fails | share |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|\n")
	total := row{unit: "all", excluded: map[string]int{}}
	for _, r := range rows {
		r.print(&b)
		total.theirs += r.theirs
		total.passed += r.passed
		total.failures = append(total.failures, r.failures...)
		for kind, n := range r.excluded {
			total.excluded[kind] += n
		}
	}
	total.print(&b)
	return b.String()
}

func (r row) print(w io.Writer) {
	fmt.Fprintf(w, "| %s | %d | %d | %d | %d | %d | %d | %.1f%% |\n", strings.TrimPrefix(r.unit, "unit/"), r.theirs,
		r.excluded["type"], r.excluded["script"], r.excluded["replication"], r.passed, len(r.failures)+r.excluded[differs], r.share())
}
