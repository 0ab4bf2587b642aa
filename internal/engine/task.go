package engine

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/perduredb/perdure/snapshot"
)

// A Task is a background save or rewrite.
type Task struct {
	done    chan struct{}
	cancel  context.CancelFunc
	started time.Time
	written atomic.Int64
	total   atomic.Int64

	// Written before done is closed.
	info snapshot.Info
	err  error
}

func newTask(ctx context.Context) (*Task, context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	return &Task{done: make(chan struct{}), cancel: cancel, started: time.Now()}, ctx
}

// finish ends the task. It must be called once.
func (t *Task) finish(info snapshot.Info, err error) {
	t.info, t.err = info, err
	t.cancel()
	close(t.done)
}

// Done returns a channel that is closed when the task has ended.
func (t *Task) Done() <-chan struct{} { return t.done }

// Wait waits until the task ends and returns its result, or until ctx ends.
func (t *Task) Wait(ctx context.Context) (snapshot.Info, error) {
	select {
	case <-t.done:
		return t.info, t.err
	case <-ctx.Done():
		return snapshot.Info{}, ctx.Err()
	}
}

// Cancel cancels the task without waiting for it to end. The files from before the task are kept.
func (t *Task) Cancel() { t.cancel() }

// Progress returns the number of keys written so far and the total.
func (t *Task) Progress() (written, total int64) { return t.written.Load(), t.total.Load() }

// Started returns the time when the task began.
func (t *Task) Started() time.Time { return t.started }
