package engine

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/snapshot"
)

// jobs is what the store does besides serving calls: saves, rewrites, the sweep, and the loop
// that starts them.
//
// The table has one view at a time, so whatever freezes holds slot: a save, a rewrite, a snapshot
// handle, a restore.
type jobs struct {
	slot     chan struct{} // holds one token while the table may be frozen
	logReady atomic.Bool   // the log is on and complete: it gives durability

	closeOnce sync.Once
	closeErr  error // written inside closeOnce

	mu        sync.Mutex // guards what follows
	rules     []snapshot.Rule
	saving    *Task
	rewriting *Task
	handle    *Handle             // the open snapshot handle
	opened    chan struct{}       // closed when the next one opens
	newLog    appendlog.AppendLog // switched on, and not yet cut for the first time

	lastSave     time.Duration // on the monotonic clock; the start of the store before the first
	lastSaveTime time.Time     // the same on the wall
	lastTry      time.Duration
	saveFailed   bool
	rewriteFails int           // in a row
	retryAt      time.Duration // no automatic rewrite before
	recoverAt    time.Duration // no automatic recovery before
	recoverWait  time.Duration
	notified     bool // the log's failure was told

	// Why writes are refused.
	closing   bool
	restoring bool
	broken    error // a panic, for good
	logErr    error
	stopped   bool // the last background save failed, and the option to go on is off
}

// tick is how often the loop looks whether something is due: Redis's hz 10.
const tick = 100 * time.Millisecond

// refuse changes the reasons for refusing writes and lets the gate follow.
func (j *jobs) refuse(e *Engine, change func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	change()
	var err error
	switch {
	case j.closing:
		err = ErrClosed
	case e.opts.ReadOnly:
		err = ErrReadOnly
	case j.restoring:
		err = ErrRestoring
	case j.broken != nil:
		err = j.broken
	case j.logErr != nil:
		err = j.logErr
	case j.stopped:
		err = ErrSaveFailed
	}
	if err == nil {
		e.gate.Store(nil)
		return
	}
	e.gate.Store(&refusal{err: err})
}

// enter makes Close wait until running.Done is called; false when Close has begun.
func (e *Engine) enter() bool {
	e.jobs.mu.Lock()
	defer e.jobs.mu.Unlock()
	if e.jobs.closing {
		return false
	}
	e.running.Add(1)
	return true
}

// acquire waits for the right to freeze the table. It does not wait for a program that holds a snapshot
// handle: then it returns ErrBusy.
func (e *Engine) acquire(ctx context.Context) error {
	if e.tryAcquire() {
		return nil
	}
	e.jobs.mu.Lock()
	busy, opened := e.jobs.handle != nil, e.jobs.opened
	e.jobs.mu.Unlock()
	if busy {
		return ErrBusy
	}
	select {
	case e.jobs.slot <- struct{}{}:
		return nil
	case <-opened:
		return ErrBusy
	case <-ctx.Done():
		return ctx.Err()
	}
}

// tryAcquire takes the right to freeze when nobody has it.
func (e *Engine) tryAcquire() bool {
	select {
	case e.jobs.slot <- struct{}{}:
		return true
	default:
		return false
	}
}

func (e *Engine) release() { <-e.jobs.slot }

// start begins the background loop.
func (e *Engine) start() {
	e.goJob(func() {
		ticker := time.NewTicker(tick)
		defer ticker.Stop()
		for {
			select {
			case <-e.ctx.Done():
				return
			case <-ticker.C:
				e.look()
			}
		}
	})
}

// goJob runs fn in a goroutine that Close waits for. A panic in it is a bug of ours: it becomes
// the reason for which writes are refused, since state may be half changed, and does not take
// the program down.
func (e *Engine) goJob(fn func()) {
	if !e.enter() {
		return
	}
	go func() {
		defer e.running.Done()
		defer e.containPanic()
		fn()
	}()
}

// look starts whatever is due. The order is Redis's: a rewrite that was put off, then the save
// rules, then the log's growth.
func (e *Engine) look() {
	e.sweep()
	e.defragment()
	if e.opts.ReadOnly || e.dir == "" {
		return
	}
	e.checkLog()
	if len(e.jobs.slot) > 0 {
		return // one at a time; the next tick will see
	}
	if e.rewriteWaiting() {
		return
	}
	if e.saveDue() {
		if _, err := e.bgSave(); err == nil {
			e.counts.ruleSaves.Add(1)
		}
		return
	}
	if e.rewriteDue() {
		// Refused only when something else began in between; the next tick asks again.
		_, _ = e.bgRewrite()
	}
}
