package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/perduredb/perdure/appendlog"
)

// Automatic recovery after a log failure makes its first attempt after a second, then waits twice
// as long each time.
const (
	firstRecoverWait = time.Second
	maxRecoverWait   = time.Minute
)

// logFailure returns an error of a log, of any implementation, as one that matches ErrLogFailed.
// The outcome and the state of the log are unknown, so nothing more is written to it before a
// recovery.
func logFailure(op string, err error) error {
	if errors.Is(err, appendlog.ErrFailed) {
		return err
	}
	return &foreignFailure{appendlog.FailedError{Op: op, File: "the log", Err: err}}
}

// foreignFailure is the failure of a log whose Err method need not report it.
type foreignFailure struct{ appendlog.FailedError }

// noteLogFailure makes the log's failure the reason for refusing writes. It does nothing if a
// recovery cleared the failure, or the log was switched off, before the writer reported it.
func (e *Engine) noteLogFailure(log appendlog.AppendLog, err error) {
	if !errors.Is(err, appendlog.ErrFailed) {
		return
	}
	j := &e.jobs
	first := false
	var foreign *foreignFailure
	j.refuse(e, func() {
		if log.Err() == nil && !errors.As(err, &foreign) || !e.counts.logOn.Load() {
			return
		}
		j.logErr = err
		if !j.notified {
			j.notified, first = true, true
			j.recoverWait = firstRecoverWait
			j.recoverAt = e.monotonic() + j.recoverWait
		}
	})
	if first {
		e.logger.Error("the log failed; writes are refused", "error", err)
		if e.hooks.LogFailed != nil {
			e.hooks.LogFailed(err)
		}
	}
}

// lookAtLog records a log failure that no write has met yet, and reports whether there is a log.
func (e *Engine) lookAtLog() bool {
	log := e.currentLog()
	if log == nil {
		return false
	}
	if err := log.Err(); err != nil {
		e.noteLogFailure(log, logFailure("write", err))
	}
	return true
}

// checkLog checks the log for failure, and starts a recovery that is due.
func (e *Engine) checkLog() {
	if !e.lookAtLog() {
		return
	}
	j := &e.jobs
	j.mu.Lock()
	unfinished := !j.logReady.Load() && j.logErr == nil && j.rewriting == nil &&
		j.rewriteFails > 0 && e.monotonic() >= j.retryAt
	due := j.logErr != nil && !e.opts.NoAutoRecover && j.rewriting == nil && e.monotonic() >= j.recoverAt
	if due {
		j.recoverWait = min(2*j.recoverWait, maxRecoverWait)
		j.recoverAt = e.monotonic() + j.recoverWait
	}
	j.mu.Unlock()
	if due || unfinished {
		// This fails only if another rewrite began in between, which has the same effect.
		_, _ = e.bgRewrite()
	}
}

// markLog makes the log on disk newer than the snapshot that was just saved next to it. A dump that
// is newer than the log was then put there by someone else.
func (e *Engine) markLog() {
	log := e.currentLog()
	if log == nil || !e.jobs.logReady.Load() {
		return
	}
	if err := log.Sync(context.Background()); err != nil {
		_ = e.committed(log, err) // records the failure
	}
}

// logStatus returns the status of the log, or the zero Status if no log is on.
func (e *Engine) logStatus() appendlog.Status {
	log := e.currentLog()
	if log == nil {
		return appendlog.Status{}
	}
	return log.Status()
}

// errPanic is the result of a job that did not finish.
var errPanic = errors.New("perdure: internal error: panic")

// containPanic turns a panic in a goroutine of the store into the reason for refusing writes.
func (e *Engine) containPanic() {
	p := recover()
	if p == nil {
		return
	}
	err := fmt.Errorf("perdure: internal error: %v", p)
	e.logger.Error("panic in the background", "panic", p, "stack", string(debug.Stack()))
	e.jobs.refuse(e, func() { e.jobs.broken = err })
}

// errBroken is returned by writes after a panic in a write.
var errBroken = errors.New("perdure: internal error: a write has panicked, and its changes may be incomplete")

// breaks unlocks the shards of a write that panics. Close is often deferred, and would otherwise
// wait for them instead of letting the panic be reported. No further writes are accepted.
func (e *Engine) breaks(unlock func()) {
	e.gate.Store(&refusal{errBroken})
	unlock()
	e.jobs.refuse(e, func() { e.jobs.broken = errBroken })
}
