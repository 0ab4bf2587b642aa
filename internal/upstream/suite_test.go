package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const output = `Testing unit/type/incr
[ok]: INCR against non existing key (1 ms)
[err]: INCR over 32bit value in tests/unit/type/incr.tcl
Expected '1' to equal or match '2'
[ignore]: INCR: tagged test: Not supported on external server
[skip]: INCR fails
[ok]: INCR against non existing key (0 ms)
[1/1 done]: unit/type/incr (1 seconds)

                   The End

*** [err]: INCR over 32bit value in tests/unit/type/incr.tcl
`

func TestExecutions(t *testing.T) {
	got := executions(strings.NewReader(output))
	want := []execution{
		{"INCR against non existing key", passed, ""},
		{"INCR over 32bit value", failed, "Expected '1' to equal or match '2'\n"},
		{"INCR: tagged test", ignored, ""},
		{"INCR fails", skipped, ""},
		{"INCR against non existing key", passed, ""},
	}
	if !slices.Equal(got, want) {
		t.Errorf("executions = %q, want %q", got, want)
	}
}

func TestCompare(t *testing.T) {
	theirs := []execution{{"a", passed, ""}, {"a", passed, ""}, {"b 1", passed, ""}, {"c", failed, ""}, {"d", ignored, ""}, {"e", passed, ""}}
	ours := []execution{{"a", passed, ""}, {"a", failed, "why"}, {"b 1", skipped, ""}, {"c", failed, ""}}
	r := compare("unit", theirs, ours, []skip{{"/^b", "type", "list"}, {"c", "script", "EVAL"}})
	if r.theirs != 4 || r.passed != 1 || r.excluded["type"] != 1 || len(r.failures) != 2 || r.share() != 100.0/3 {
		t.Errorf("compare = %+v, want 4 tests, of which 1 passes, 1 is excluded, and 2 fail", r)
	}
	if !slices.Equal(r.unused, []string{"c"}) {
		t.Errorf("unused lines %q, want c", r.unused)
	}
}

func TestSkipList(t *testing.T) {
	skips, err := readSkips(filepath.Join("testdata", "skips.txt"))
	if err != nil {
		t.Fatalf("readSkips = %v, want nil", err)
	}
	for unit := range skips {
		if !slices.Contains(units, unit) {
			t.Errorf("unit %q, want one of %q", unit, units)
		}
	}
}
