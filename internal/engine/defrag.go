package engine

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/perduredb/perdure/internal/table"
)

// Defragmentation keeps the memory of the table close to what its entries need. A tick spends
// defragBudget on it, a twentieth of one core, when there is something to do; nothing is done while
// nothing has changed since it last found everything in order.
const (
	defragBudget = 5 * time.Millisecond
	defragLimit  = 40 * time.Millisecond // of a tick, others included that take the processor between
	defragSteps  = 8                     // between two looks at the clock
)

// defragger is the state of the background loop's defragmentation.
type defragger struct {
	*table.Defragmenter
	seen    int64 // what changes was when the round began
	begun   bool  // a round is under way
	ordered bool  // the last one found nothing to do

	running atomic.Bool
	took    atomic.Int64 // ns
}

// changes moves whenever memory may have become free.
func (e *Engine) changes() int64 {
	return e.sumDirty() + e.counts.expired.Load() + e.table.Releases()
}

func (e *Engine) defragment() {
	if e.gate.Load() != nil && !e.opts.ReadOnly || e.table.ViewPressure() {
		return // nothing changes; or what it does could add to the before-images, of which there are too many
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

// steps does some work. It ends with a round.
func (d *defragger) steps() (round, more bool) {
	for range defragSteps {
		if round, more = d.Step(); round {
			break
		}
	}
	return round, more
}
