package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/perduredb/perdure/appendlog"
)

// Automatic recovery after a failure of the log: the first try after a second, then twice as long
// each time.
const (
	firstRecoverWait = time.Second
	maxRecoverWait   = time.Minute
)

// logFailure returns an error of a log, whoever wrote the log, as one that matches ErrLogFailed: outcome and
// state of the log are not known, so that no more is written to it before a recovery.
func logFailure(op string, err error) error {
	if errors.Is(err, ErrLogFailed) {
		return err
	}
	return &foreignFailure{appendlog.FailedError{Op: op, File: "the log", Err: err}}
}

// foreignFailure is the failure of a log whose Err need not report it.
type foreignFailure struct{ appendlog.FailedError }

// noteLogFailure makes the log's failure the reason for refusing writes, unless a recovery, or who has switched the log
// off, was faster than the writer that tells of it.
func (e *Engine) noteLogFailure(log appendlog.AppendLog, err error) {
	if !errors.Is(err, ErrLogFailed) {
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

// lookAtLog notes a failure of the log that no write has met yet, and tells whether there is a log.
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

// checkLog looks at the log, and begins a recovery that is due.
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
		// Refused only when another rewrite began in between, which serves as well.
		_, _ = e.bgRewrite()
	}
}

// markLog makes the log newer on disk than the snapshot that was just saved beside it, so that a
// dump which is newer than the log is one that somebody put there.
func (e *Engine) markLog() {
	log := e.currentLog()
	if log == nil || !e.jobs.logReady.Load() {
		return
	}
	if err := log.Sync(context.Background()); err != nil {
		_ = e.committed(log, err) // which notes the failure
	}
}

// logStatus describes the log; zero when none is on.
func (e *Engine) logStatus() appendlog.Status {
	log := e.currentLog()
	if log == nil {
		return appendlog.Status{}
	}
	return log.Status()
}

// errPanic is the result of a job that did not come to its end.
var errPanic = errors.New("perdure: internal error: panic")

// containPanic turns a panic in a goroutine of ours into the reason for refusing writes.
func (e *Engine) containPanic() {
	p := recover()
	if p == nil {
		return
	}
	err := fmt.Errorf("perdure: internal error: %v", p)
	e.logger.Error("panic in the background", "panic", p, "stack", string(debug.Stack()))
	e.jobs.refuse(e, func() { e.jobs.broken = err })
}

// errBroken refuses writes behind a panic in one.
var errBroken = errors.New("perdure: internal error: a write has panicked, and what it changed may be half done")

// breaks unlocks the shards of a write that panics, so that Close, which is often deferred, does not wait for them in
// place of telling of the panic. Nothing is written any more.
func (e *Engine) breaks(unlock func()) {
	e.gate.Store(&refusal{errBroken})
	unlock()
	e.jobs.refuse(e, func() { e.jobs.broken = errBroken })
}
