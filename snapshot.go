package perdure

import (
	"context"
	"io"
	"iter"

	"github.com/perduredb/perdure/internal/engine"
	"github.com/perduredb/perdure/internal/errtext"
	"github.com/perduredb/perdure/snapshot"
)

// A Snapshot is a point-in-time view of the data set. Writers continue while it is open. It can be
// read once, by All or WriteTo, from one goroutine; reading it again, or after Close, returns
// [ErrSnapshotLost].
//
// While a Snapshot is open no save and no rewrite can start. Writers keep the old values of changed
// keys in memory. If these exceed 64 MiB because the snapshot is not read, it is dropped, and
// reading it returns [ErrSnapshotLost].
//
// Closing the store also ends the snapshot, after the body of a loop over All has returned. That
// body must not close the store.
type Snapshot struct {
	h *engine.Handle
}

// Snapshot takes a point-in-time snapshot. It holds every lock for a few microseconds. It returns
// [ErrBusy], [ErrSaveInProgress], or [ErrRewriteInProgress] while another snapshot, a save, or a
// rewrite is active. The caller must close the snapshot.
func (s *Store) Snapshot() (*Snapshot, error) {
	h, err := s.e.Snapshot()
	if err != nil {
		return nil, err
	}
	return &Snapshot{h: h}, nil
}

// All iterates over all keys of all databases, each once, in unspecified order. The slices of an
// entry are valid until the next one. An entry has its whole value, and no Pieces.
func (s *Snapshot) All(ctx context.Context) iter.Seq2[snapshot.Entry, error] {
	return func(yield func(snapshot.Entry, error) bool) {
		for e, err := range s.h.All(ctx) {
			if e.Pieces != nil {
				e.Value, e.Pieces = e.AppendPayload(nil), nil
			}
			if !yield(e, errtext.Named(err)) {
				return
			}
		}
	}
}

// WriteTo writes the snapshot to w as a Redis dump, which [Open], [Store.Restore], and redis-server
// can read. It returns the number of bytes written.
func (s *Snapshot) WriteTo(w io.Writer) (int64, error) {
	c := &countingWriter{w: w}
	err := s.h.Write(context.Background(), c)
	return c.n, errtext.Named(err)
}

// Close releases the snapshot. It may be called more than once.
func (s *Snapshot) Close() error {
	s.h.Close()
	return nil
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
