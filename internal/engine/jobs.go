package engine

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/snapshot"
)

// jobs is the state of the background work: saves, rewrites, active expiration, and the loop that
// starts them.
//
// The table has one view at a time. Whatever takes a view holds slot: a save, a rewrite, a snapshot
// handle, or a restore.
type jobs struct {
	slot     chan struct{}          // holds one token while a view may exist
	taken    atomic.Pointer[func()] // see WhenTaken
	logReady atomic.Bool            // the log is on and complete, so that it provides durability

	closeOnce sync.Once
	closeErr  error // written inside closeOnce

	mu        sync.Mutex // guards the fields below
	rules     []snapshot.Rule
	saving    *Task
	rewriting *Task
	handle    *Handle             // the open snapshot handle
	opened    chan struct{}       // closed when the next one opens
	newLog    appendlog.AppendLog // switched on, before its first switch point

	lastSave     time.Duration // on the monotonic clock; before the first save, the start
	lastSaveTime time.Time     // lastSave on the wall clock
	lastTry      time.Duration
	saveFailed   bool
	rewriteFails int           // in a row
	retryAt      time.Duration // no automatic rewrite before
	recoverAt    time.Duration // no automatic recovery before
	recoverWait  time.Duration
	notified     bool // the log's failure was reported

	// Reasons for refusing writes.
	closing   bool
	restoring bool
	broken    error // a panic; permanent
	logErr    error
	stopped   bool // the last background save failed, and that stops writes
}

// tick is the interval between the loop's checks for due work: the hz 10 of Redis.
const tick = 100 * time.Millisecond

// refuse updates the set of reasons for refusing writes and sets the gate accordingly.
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

// enter makes Close wait until running.Done is called. It returns false if Close has begun.
func (e *Engine) enter() bool {
	e.jobs.mu.Lock()
	defer e.jobs.mu.Unlock()
	if e.jobs.closing {
		return false
	}
	e.running.Add(1)
	return true
}

// acquire waits for the right to take a view of the table. If the program holds a snapshot handle,
// it returns ErrBusy instead of waiting.
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
		e.notifyTaken()
		return nil
	case <-opened:
		return ErrBusy
	case <-ctx.Done():
		return ctx.Err()
	}
}

// tryAcquire takes the right to take a view if nothing else has it, and reports whether it did.
func (e *Engine) tryAcquire() bool {
	select {
	case e.jobs.slot <- struct{}{}:
		e.notifyTaken()
		return true
	default:
		return false
	}
}

func (e *Engine) release() { <-e.jobs.slot }

// Taken reports whether something has the right to take a view: a save, a rewrite, a snapshot
// handle, or a restore.
func (e *Engine) Taken() bool { return len(e.jobs.slot) > 0 }

// WhenTaken sets a function that is called whenever something gets the right to take a view, before
// it takes one.
func (e *Engine) WhenTaken(fn func()) { e.jobs.taken.Store(&fn) }

func (e *Engine) notifyTaken() {
	if fn := e.jobs.taken.Load(); fn != nil {
		(*fn)()
	}
}

// start starts the background loop.
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

// goJob runs fn in a goroutine that Close waits for. A panic in fn is a bug in perdure. It does not
// end the program, but becomes the reason for refusing writes, because state may be half changed.
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

// look starts any work that is due. It uses Redis's order: a delayed rewrite, then the save rules,
// then the growth of the log.
func (e *Engine) look() {
	e.sweep()
	e.defragment()
	if e.watches.unserved.Load() {
		e.serveAll()
	}
	if e.opts.ReadOnly || e.dir == "" {
		return
	}
	e.checkLog()
	if len(e.jobs.slot) > 0 {
		return // one job at a time; the next tick checks again
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
		// This fails only if another job began in between; the next tick checks again.
		_, _ = e.bgRewrite()
	}
}
