package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// Back-off of automatic rewrites, as in Redis: from the third failure in a row on they wait one
// minute, then two, four, and so on, up to an hour.
const (
	rewriteFailLimit = 3
	maxRewriteWait   = time.Hour
)

// Rewrite replaces the log's history with the present data set, and returns once that is durable.
// It waits for a running save.
func (e *Engine) Rewrite(ctx context.Context) error {
	t, ctx, err := e.beginRewriteTask(ctx)
	if err != nil {
		return err
	}
	e.runRewriteTask(ctx, t)
	return t.err
}

// BGRewrite starts a background rewrite. If a save is running, the rewrite starts when the save
// ends.
func (e *Engine) BGRewrite() (*Task, error) {
	if err := e.checkOpenLock(); err != nil {
		return nil, err
	}
	return e.bgRewrite()
}

// bgRewrite is like [Engine.BGRewrite], but if the lock is lost it fails in the background.
func (e *Engine) bgRewrite() (*Task, error) {
	t, ctx, err := e.beginRewriteTask(e.ctx)
	if err != nil {
		return nil, err
	}
	go func() {
		defer e.containPanic()
		e.runRewriteTask(ctx, t)
	}()
	return t, nil
}

// beginRewriteTask registers a rewrite, so that only one runs at a time, and makes Close wait for
// it.
func (e *Engine) beginRewriteTask(ctx context.Context) (*Task, context.Context, error) {
	j := &e.jobs
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.closing:
		return nil, nil, ErrClosed
	case e.opts.ReadOnly:
		return nil, nil, ErrReadOnly
	case !e.counts.logOn.Load():
		return nil, nil, ErrNoAppendLog
	case j.rewriting != nil:
		return nil, nil, ErrRewriteInProgress
	case j.handle != nil:
		return nil, nil, ErrBusy
	}
	t, ctx := newTask(ctx)
	j.rewriting = t
	e.running.Add(1)
	return t, ctx, nil
}

// runRewriteTask acquires the slot, rewrites the log, and records the result.
func (e *Engine) runRewriteTask(ctx context.Context, t *Task) {
	defer e.running.Done()
	err := errPanic
	defer func() { e.rewritten(t, err) }()
	if err = e.acquire(ctx); err != nil {
		return
	}
	defer e.release()
	err = errPanic // unless it returns
	err = e.rewrite(ctx, t)
}

// rewrite takes a snapshot, switches the log to a new incremental file at the same point in time,
// and commits the snapshot as the base. The slot must be held.
func (e *Engine) rewrite(ctx context.Context, t *Task) error {
	log := e.currentLog()
	if log == nil {
		return ErrNoAppendLog
	}
	if err := e.checkLock(); err != nil {
		return err
	}
	rw, err := log.BeginRewrite()
	if err != nil {
		return err
	}
	v := e.freeze(t, func(*view) {
		rw.Cut()
		e.log = log // a log begins to receive writes at its first switch
	})
	defer v.close()
	return rw.Commit(ctx, e.base(ctx, log, v))
}

// currentLog returns the log that receives writes, or the one that is about to.
func (e *Engine) currentLog() appendlog.AppendLog {
	s := e.table.ShardAt(0)
	s.Lock()
	log := e.log
	s.Unlock()
	if log == nil {
		e.jobs.mu.Lock()
		log = e.jobs.newLog
		e.jobs.mu.Unlock()
	}
	return log
}

// base returns the view in both forms that a log may request. This is where rdb and aof meet.
func (e *Engine) base(ctx context.Context, log appendlog.AppendLog, v *view) appendlog.Base {
	return appendlog.Base{
		RDB: func(w io.Writer, origin string) error {
			v.origin = origin
			_, err := rdb.Encode(ctx, w, v, rdb.AOFBase(true))
			return err
		},
		Commands: func(w io.Writer) error { return writeCommands(ctx, w, log, v) },
	}
}

// rewritten records the result of a rewrite.
func (e *Engine) rewritten(t *Task, err error) {
	canceled := errors.Is(err, context.Canceled) || errors.Is(err, ErrBusy)
	took := time.Since(t.started)
	j := &e.jobs
	recovered := false
	j.refuse(e, func() {
		j.rewriting = nil
		switch {
		case err == nil:
			j.rewriteFails, j.retryAt = 0, 0
			recovered = j.logErr != nil
			j.logErr, j.recoverWait, j.notified = nil, 0, false
			e.jobs.logReady.Store(true)
			e.counts.rewrites.Add(1)
		case !canceled:
			j.rewriteFails++
			j.retryAt = e.monotonic() + rewriteWait(j.rewriteFails)
		}
		e.counts.lastRewriteTook.Store(int64(took))
	})
	t.finish(snapshot.Info{}, err)
	if err != nil && !canceled {
		e.logger.Error("rewrite of the log failed", "error", err)
		e.checkLog()
	} else {
		e.logger.Info("log rewritten", "took", took, "canceled", canceled)
	}
	if e.hooks.Rewritten != nil {
		e.hooks.Rewritten(err)
	}
	if recovered && e.hooks.Recovered != nil {
		e.hooks.Recovered()
	}
}

// rewriteWait returns the pause of automatic rewrites after the given number of failures in a row.
func rewriteWait(fails int) time.Duration {
	if fails < rewriteFailLimit {
		return 0
	}
	return min(time.Minute<<min(fails-rewriteFailLimit, 10), maxRewriteWait)
}

// rewriteDue reports whether the log has grown enough for an automatic rewrite.
func (e *Engine) rewriteDue() bool {
	if !e.jobs.logReady.Load() {
		return false
	}
	e.jobs.mu.Lock()
	resting := e.jobs.logErr != nil || e.monotonic() < e.jobs.retryAt
	e.jobs.mu.Unlock()
	return !resting && e.logStatus().RewriteDue
}

// rewriteWaiting reports whether a rewrite is about to acquire the slot.
func (e *Engine) rewriteWaiting() bool {
	e.jobs.mu.Lock()
	defer e.jobs.mu.Unlock()
	return e.jobs.rewriting != nil
}

// Recover restores write access after the log has failed. It writes the whole data set and a new
// log to new files, and clears the failure once they are durable.
func (e *Engine) Recover(ctx context.Context) error {
	e.lookAtLog()
	e.jobs.mu.Lock()
	closing, broken, failed := e.jobs.closing, e.jobs.broken, e.jobs.logErr
	e.jobs.mu.Unlock()
	switch {
	case closing:
		return ErrClosed
	case broken != nil:
		return broken
	case failed == nil:
		return nil
	}
	if err := e.Rewrite(ctx); err != nil {
		return fmt.Errorf("recover the log: %w", err)
	}
	return nil
}
