package perdure

import (
	"context"

	"github.com/perduredb/perdure/internal/engine"
)

// Task is a save or a rewrite that runs in the background. Its methods are safe for concurrent use.
// It needs no Close, and nobody has to wait for it.
type Task struct {
	t *engine.Task
}

func newTask(t *engine.Task, err error) (*Task, error) {
	if err != nil {
		return nil, named(err)
	}
	return &Task{t: t}, nil
}

// Done is closed when the task has ended.
func (t *Task) Done() <-chan struct{} { return t.t.Done() }

// Wait waits for the end of the task and returns its result, or for the end of ctx. The SaveInfo is
// that of a save; a rewrite leaves it empty.
func (t *Task) Wait(ctx context.Context) (SaveInfo, error) {
	info, err := t.t.Wait(ctx)
	return info, named(err)
}

// Cancel gives the task up, and does not wait for its end. What stood on disk before still stands.
func (t *Task) Cancel() { t.t.Cancel() }

// Progress tells how many keys are written, of how many.
func (t *Task) Progress() (written, total int64) { return t.t.Progress() }
