package main

import (
	"testing"
	"time"

	"github.com/perduredb/perdure/server"
)

func TestProcessorsFollowClients(t *testing.T) {
	var stats server.Stats
	var now time.Time
	busy, changes := false, []bool(nil)
	p := &processors{
		now:    func() time.Time { return now },
		sample: func() server.Stats { return stats },
		busy:   func() bool { return busy },
		set:    func(one bool) { changes = append(changes, one) },
	}
	for _, step := range []struct {
		what            string
		ticks           time.Duration
		reads, commands int64
		busy            bool
		one             bool
	}{
		{"no commands", 1, 0, 0, false, false},
		{"few commands", 1, 50, 50, false, false},
		{"single commands", 1, 5000, 5000, false, true},
		{"single commands again", 1, 5000, 5001, false, true},
		{"single commands during a save", 1, 5000, 5000, true, false},
		{"single commands after it", 1, 5000, 5000, false, true},
		{"pipelines", 1, 2000, 60000, false, false},
		{"pipelines of short commands", 1, 4000, 90000, false, true},
		{"pipelines of short commands during a save", 1, 4000, 90000, true, false},
		{"as many commands in a longer time", 2, 4000, 90000, false, false},
		{"single commands and some pipelines", 1, 5000, 9000, false, true},
		{"CONFIG RESETSTAT", 1, -10000, -20000, false, false},
	} {
		stats.Reads += step.reads
		stats.Commands += step.commands
		busy = step.busy
		now = now.Add(step.ticks * processorsTick)
		before := p.one
		changes = nil
		p.decide()
		if p.one != step.one {
			t.Errorf("%s: one processor = %t, want %t", step.what, p.one, step.one)
		}
		if changed := len(changes) == 1 && changes[0] == step.one; changed != (before != step.one) || len(changes) > 1 {
			t.Errorf("%s: set was called with %v, before it was %t", step.what, changes, before)
		}
	}
}
