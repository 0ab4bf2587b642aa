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

// Back-off of automatic rewrites, as Redis has it: from the third failure in a row they wait one
// minute, then two, four, up to an hour.
const (
	rewriteFailLimit = 3
	maxRewriteWait   = time.Hour
)

// Rewrite replaces the log's history by the present data set and returns when that is durable. A
// save under way is waited for.
func (e *Engine) Rewrite(ctx context.Context) error {
	t, ctx, err := e.beginRewriteTask(ctx)
	if err != nil {
		return err
	}
	e.runRewriteTask(ctx, t)
	return t.err
}

// BGRewrite begins a rewrite in the background; while a save is under way it is scheduled for when
// that has ended.
func (e *Engine) BGRewrite() (*Task, error) {
	if err := e.checkOpenLock(); err != nil {
		return nil, err
	}
	return e.bgRewrite()
}

// bgRewrite is BGRewrite that fails in the background if the lock is lost.
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

// beginRewriteTask registers a rewrite, so that there is one, and makes Close wait for it.
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

// runRewriteTask waits for the slot, rewrites, and notes how it ended.
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

// rewrite cuts the log at the instant of a view and commits the view as its base. The slot is held.
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
		e.log = log // the first cut of a log is when it begins to receive
	})
	defer v.close()
	return rw.Commit(ctx, e.base(ctx, log, v))
}

// currentLog is the log that receives writes, or the one that is about to.
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

// base is the view in both forms that a log may ask for. This is where rdb and aof meet.
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

// rewritten notes how a rewrite ended.
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

// rewriteWait is how long automatic rewrites rest after so many failures in a row.
func rewriteWait(fails int) time.Duration {
	if fails < rewriteFailLimit {
		return 0
	}
	return min(time.Minute<<min(fails-rewriteFailLimit, 10), maxRewriteWait)
}

// rewriteDue tells whether the log has grown enough for an automatic rewrite.
func (e *Engine) rewriteDue() bool {
	if !e.jobs.logReady.Load() {
		return false
	}
	e.jobs.mu.Lock()
	resting := e.jobs.logErr != nil || e.monotonic() < e.jobs.retryAt
	e.jobs.mu.Unlock()
	return !resting && e.logStatus().RewriteDue
}

// rewriteWaiting reports whether a rewrite is about to take the slot.
func (e *Engine) rewriteWaiting() bool {
	e.jobs.mu.Lock()
	defer e.jobs.mu.Unlock()
	return e.jobs.rewriting != nil
}

// Recover is the way out after the log has failed: it writes the whole data set, and then the log,
// to new files, and clears the failure when these are durable.
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
