package perdure

import (
	"context"

	"github.com/perduredb/perdure/internal/engine"
	"github.com/perduredb/perdure/internal/errtext"
)

// A Task is a background save or rewrite. Its methods are safe for concurrent use. It does not need
// to be closed or waited for.
type Task struct {
	t *engine.Task
}

func newTask(t *engine.Task, err error) (*Task, error) {
	if err != nil {
		return nil, errtext.Named(err)
	}
	return &Task{t: t}, nil
}

// Done returns a channel that is closed when the task has ended.
func (t *Task) Done() <-chan struct{} { return t.t.Done() }

// Wait waits until the task ends and returns its result, or until ctx ends. For a rewrite the
// [SaveInfo] is empty.
func (t *Task) Wait(ctx context.Context) (SaveInfo, error) {
	info, err := t.t.Wait(ctx)
	return info, errtext.Named(err)
}

// Cancel cancels the task without waiting for it to end. The files from before the task are kept.
func (t *Task) Cancel() { t.t.Cancel() }

// Progress returns the number of keys written so far and the total.
func (t *Task) Progress() (written, total int64) { return t.t.Progress() }
