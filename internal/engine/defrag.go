package engine

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/perduredb/perdure/internal/table"
)

// Defragmentation keeps the memory of the table close to what its entries need. If there is work,
// each tick spends defragBudget on it, 1/20 of one core. It does nothing until something has
// changed since the last round that found everything in order.
const (
	defragBudget = 5 * time.Millisecond
	defragLimit  = 40 * time.Millisecond // of a tick, including time when other goroutines run
	defragSteps  = 8                     // steps between two reads of the clock
)

// defragger is the state of the background loop's defragmentation.
type defragger struct {
	*table.Defragmenter
	seen    int64 // result of changes when the round began
	begun   bool  // a round is running
	ordered bool  // the last one found nothing to do

	running atomic.Bool
	took    atomic.Int64 // ns
}

// changes returns a number that changes whenever memory may have become free.
func (e *Engine) changes() int64 {
	return e.sumDirty() + e.ops.Expired.Load() + e.table.Releases()
}

func (e *Engine) defragment() {
	if e.gate.Load() != nil && !e.opts.ReadOnly || e.table.ViewPressure() {
		return // nothing changes while writes are refused; before-images would grow further
	}
	d := &e.defrag
	changes := e.changes()
	if d.ordered && changes == d.seen {
		return
	}
	if !d.begun {
		d.seen, d.begun, d.ordered = changes, true, false
	}
	began := time.Now()
	var spent time.Duration
	for spent < defragBudget && time.Since(began) < defragLimit {
		slice := time.Now()
		round, more := d.steps()
		spent += time.Since(slice)
		if round {
			d.begun, d.ordered = false, !more
			break
		}
		d.running.Store(true)
		runtime.Gosched()
	}
	d.took.Add(int64(spent))
	if d.ordered {
		d.running.Store(false)
	}
}

// steps does some work. It stops at the end of a round.
func (d *defragger) steps() (round, more bool) {
	for range defragSteps {
		if round, more = d.Step(); round {
			break
		}
	}
	return round, more
}
