package perdure

import (
	"context"
	"io"
	"iter"

	"github.com/perduredb/perdure/internal/engine"
	"github.com/perduredb/perdure/snapshot"
)

// Snapshot is the data set of one instant, while the store goes on. It can be read once, by All or
// by WriteTo, from one goroutine. As long as it is open no save and no rewrite can begin, and
// writers leave the old values of what they change in memory: when those pass 64 MiB because
// nobody reads, the snapshot is given up and reading it returns ErrSnapshotLost. Closing the store
// ends it too, after the body of a loop over All has returned; that body must not close the store.
type Snapshot struct {
	h *engine.Handle
}

// Snapshot takes the instant now. It holds every lock for some microseconds. The caller must Close
// it. It is ErrBusy, ErrSaveInProgress or ErrRewriteInProgress while something else is frozen.
func (s *Store) Snapshot() (*Snapshot, error) {
	h, err := s.e.Snapshot()
	if err != nil {
		return nil, err
	}
	return &Snapshot{h: h}, nil
}

// All yields every key of every database once, in no order. The slices of an entry are valid until
// the next one.
func (s *Snapshot) All(ctx context.Context) iter.Seq2[snapshot.Entry, error] {
	return func(yield func(snapshot.Entry, error) bool) {
		for e, err := range s.h.All(ctx) {
			if !yield(e, named(err)) {
				return
			}
		}
	}
}

// WriteTo writes the snapshot to w as a Redis dump, which Open, Restore and redis-server read. It
// returns how many bytes.
func (s *Snapshot) WriteTo(w io.Writer) (int64, error) {
	c := &countingWriter{w: w}
	err := s.h.Write(context.Background(), c)
	return c.n, named(err)
}

// Close lets the snapshot go. Calls after the first do nothing.
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
