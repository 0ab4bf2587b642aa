package engine

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/perduredb/perdure/snapshot"
)

// Task is a save or a rewrite that runs in the background.
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

// finish ends the task. It is called once.
func (t *Task) finish(info snapshot.Info, err error) {
	t.info, t.err = info, err
	t.cancel()
	close(t.done)
}

// Done is closed when the task has ended.
func (t *Task) Done() <-chan struct{} { return t.done }

// Wait waits for the end of the task and returns its result, or for the end of ctx.
func (t *Task) Wait(ctx context.Context) (snapshot.Info, error) {
	select {
	case <-t.done:
		return t.info, t.err
	case <-ctx.Done():
		return snapshot.Info{}, ctx.Err()
	}
}

// Cancel gives the task up. What stood on disk before still stands. It does not wait.
func (t *Task) Cancel() { t.cancel() }

// Progress tells how many of the keys are written.
func (t *Task) Progress() (written, total int64) { return t.written.Load(), t.total.Load() }

// Started is when the task began.
func (t *Task) Started() time.Time { return t.started }
