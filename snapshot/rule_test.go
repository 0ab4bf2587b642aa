package snapshot_test

import (
	"errors"
	"testing"
	"time"

	"github.com/perduredb/perdure/snapshot"
)

func TestDue(t *testing.T) {
	rules := []snapshot.Rule{{Seconds: 900, Changes: 1}, {Seconds: 300, Changes: 10}, {Seconds: 60, Changes: 10000}}
	s := time.Second
	cases := []struct {
		name  string
		rules []snapshot.Rule
		state snapshot.State
		want  int64 // Seconds of the rule that is due; 0 means no rule
	}{
		{"nothing changed", rules, snapshot.State{Now: 10000 * s}, 0},
		{"exactly 900 s is not more than 900 s", rules, snapshot.State{Now: 900 * s, Dirty: 1}, 0},
		{"nor is 900.9 s: seconds are whole", rules, snapshot.State{Now: 900*s + 900*time.Millisecond, Dirty: 1}, 0},
		{"901 s is", rules, snapshot.State{Now: 901 * s, Dirty: 1}, 900},
		{"the first that fits, in their order", rules, snapshot.State{Now: 1000 * s, Dirty: 20000}, 900},
		{"a later one", rules, snapshot.State{Now: 301 * s, Dirty: 10}, 300},
		{"one change too few", rules, snapshot.State{Now: 301 * s, Dirty: 9}, 0},
		{"since the last save", rules, snapshot.State{Now: 1000 * s, LastSave: 950 * s, Dirty: 20000}, 0},
		{"61 s after it", rules, snapshot.State{Now: 1011 * s, LastSave: 950 * s, Dirty: 10000}, 60},
		{"five seconds after a failure it rests", rules, snapshot.State{Now: 2000 * s, LastTry: 1995 * s, Failed: true, Dirty: 1}, 0},
		{"six seconds after, it does not", rules, snapshot.State{Now: 2001 * s, LastTry: 1995 * s, Failed: true, Dirty: 1}, 900},
		{"no rest after a success", rules, snapshot.State{Now: 2000 * s, LastTry: 1999 * s, Dirty: 1}, 900},
		{"no rules", nil, snapshot.State{Now: 2000 * s, Dirty: 1}, 0},
		{"no changes asked for", []snapshot.Rule{{Seconds: 10}}, snapshot.State{Now: 11 * s}, 10},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r, due := snapshot.Due(c.rules, c.state)
			if r.Seconds != c.want || due != (c.want != 0) {
				t.Errorf("Due = %+v, %v, want the rule with %d seconds", r, due, c.want)
			}
		})
	}
}

func TestValidate(t *testing.T) {
	for r, good := range map[snapshot.Rule]bool{
		{Seconds: 1}:              true,
		{Seconds: 1, Changes: 1}:  true,
		{Seconds: 0, Changes: 1}:  false,
		{Seconds: 1, Changes: -1}: false,
	} {
		if err := r.Validate(); (err == nil) != good || err != nil && !errors.Is(err, snapshot.ErrRule) {
			t.Errorf("Validate of %+v = %v, want success: %v", r, err, good)
		}
	}
}
