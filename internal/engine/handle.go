package engine

import (
	"context"
	"errors"
	"io"
	"iter"

	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// ErrSnapshotLost is returned by a snapshot handle that was read or closed, or dropped to free
// memory for writers.
var ErrSnapshotLost = errors.New("perdure: snapshot was read or closed, or dropped to free memory for writers")

// A Handle is a point-in-time view of the data set that the program holds open. While it is open no
// save and no rewrite can start.
type Handle struct {
	e    *Engine
	v    *view
	used bool
}

// Snapshot takes a point-in-time snapshot.
func (e *Engine) Snapshot() (*Handle, error) {
	if err := e.enterHandle(); err != nil {
		return nil, err
	}
	h := &Handle{e: e}
	h.v = e.freeze(nil, nil)
	e.jobs.mu.Lock()
	e.jobs.handle = h
	close(e.jobs.opened)
	e.jobs.opened = make(chan struct{})
	closing := e.jobs.closing
	e.jobs.mu.Unlock()
	if closing { // Close may have looked for a handle before this one was set
		h.Close()
		return nil, ErrClosed
	}
	return h, nil
}

// enterHandle acquires the slot for a handle, or returns the reason why it cannot.
func (e *Engine) enterHandle() error {
	if !e.enter() {
		return ErrClosed
	}
	if !e.tryAcquire() {
		e.running.Done()
		return e.busy()
	}
	return nil
}

// All iterates over all entries, each once. A handle can be read only once, by All or Write.
func (h *Handle) All(ctx context.Context) iter.Seq2[snapshot.Entry, error] {
	return func(yield func(snapshot.Entry, error) bool) {
		if h.used || h.v.closed.Load() || !h.e.enter() {
			yield(snapshot.Entry{}, ErrSnapshotLost)
			return
		}
		defer h.e.running.Done() // Close frees memory that the body of the loop may be reading
		h.used = true
		for en, err := range h.v.All(ctx) {
			if h.v.closed.Load() {
				err = ErrSnapshotLost
			}
			if !yield(en, err) || err != nil {
				return
			}
		}
	}
}

// Write writes the snapshot as an RDB file.
func (h *Handle) Write(ctx context.Context, w io.Writer) error {
	if h.used || h.v.closed.Load() || !h.e.enter() {
		return ErrSnapshotLost
	}
	defer h.e.running.Done()
	h.used = true
	_, err := rdb.Encode(ctx, w, h.v)
	if h.v.closed.Load() {
		return ErrSnapshotLost
	}
	return err
}

// Counts returns the key counts of the databases that are not empty.
func (h *Handle) Counts() []snapshot.Count { return h.v.Counts() }

// Close releases the handle. It may be called more than once.
func (h *Handle) Close() {
	j := &h.e.jobs
	j.mu.Lock()
	mine := j.handle == h
	if mine {
		j.handle = nil
	}
	j.mu.Unlock()
	if mine {
		h.v.close()
		h.e.release()
		h.e.running.Done()
	}
}

// dropHandle closes a handle that the program left open.
func (e *Engine) dropHandle() {
	e.jobs.mu.Lock()
	h := e.jobs.handle
	e.jobs.mu.Unlock()
	if h != nil {
		h.Close()
	}
}

// relieve delays a writer until the before-images of the current view are below their bound. A save
// or a rewrite makes room as it progresses. A handle that the program does not read makes none, so
// relieve drops it.
func (e *Engine) relieve() {
	e.jobs.mu.Lock()
	h := e.jobs.handle
	e.jobs.mu.Unlock()
	if h != nil {
		h.v.close()
		return
	}
	e.table.WaitView()
}
