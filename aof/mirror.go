package aof

import (
	"log/slog"
	"sync/atomic"

	"github.com/perduredb/perdure/aof/internal/ring"
	"github.com/perduredb/perdure/appendlog"
)

// mirror is the state of Ring mode: the tail file that mirrors the records that are not written
// yet, if there is one. In Direct mode its ring is nil, and its methods do nothing.
//
// A store to the mapping can fail. The mirror then ends the use of the ring, and the log continues
// in Direct mode: the records are in memory too, and the flusher writes them at once.
//
// Log.mu guards all fields except slow, which Commit reads without it.
type mirror struct {
	logger *slog.Logger
	wake   chan struct{} // wakes the flusher

	ring   *ring.Ring // nil in Direct mode
	broken *ring.Ring // a ring that has failed and whose file still exists
	reason string     // why the log works without a ring although LogMode asks for one
	// reported is the id of the tail file that the log's commit markers report last.
	reported uint64
	crowded  bool        // the buffer is so long that writers must help to write it
	slow     atomic.Bool // Commit must take the slow path; changed under mu
}

func (m *mirror) init() {
	m.wake = make(chan struct{}, 1)
	m.slow.Store(true)
}

// check handles the result of a store. If the store failed, it ends the use of the ring.
func (m *mirror) check(err error) {
	if err == nil {
		return
	}
	m.reason = err.Error()
	m.logger.Error("the log continues in Direct mode", "file", m.ring.Path, "err", err)
	m.broken = m.ring
	m.drop()
	m.callFlusher()
}

// drop ends the use of the ring. It keeps the file.
func (m *mirror) drop() {
	old := m.ring
	m.ring = nil
	m.slow.Store(true)
	if err := old.Close(); err != nil {
		m.logger.Warn("close of the log's tail file", "file", old.Path, "err", err)
	}
}

// end ends the use of the ring when the log is closed. It returns the path of the file to remove,
// or "".
func (m *mirror) end(disk *layout) (path string) {
	if m.broken != nil {
		path = m.broken.OwnPath(disk.fs)
	}
	if m.ring != nil {
		path = m.ring.OwnPath(disk.fs) // before drop: the mapping keeps the identity in use
		m.drop()
	}
	return path
}

// callFlusher wakes the flusher without waiting for it.
func (m *mirror) callFlusher() {
	select {
	case m.wake <- struct{}{}:
	default: // it was woken already
	}
}

// has reports whether the tail file has everything up to p and writers need not help to write.
func (m *mirror) has(p appendlog.Position) bool {
	return m.ring != nil && p <= m.ring.Safe && !m.crowded
}

// restart begins to use the ring at an offset of an incremental file. Everything up to p is written
// to that file. pending is set if records were appended after p.
func (m *mirror) restart(p appendlog.Position, t *incrFile, pending bool) {
	if m.ring != nil {
		m.check(m.ring.Restart(p, t.seq, t.size, pending))
	}
}

// next advances to the region of a new buffer, which begins at p.
func (m *mirror) next(p appendlog.Position) {
	m.crowded = false
	if m.ring != nil {
		m.check(m.ring.Next(p))
	}
}

// begin records that the active region begins an incremental file, once the manifest lists the
// file. A seq of 0 revokes that.
func (m *mirror) begin(seq int64) {
	if m.ring != nil {
		m.check(m.ring.Begin(seq))
	}
}

// continueAt makes the active region continue an incremental file that the manifest now lists.
// Everything before the region is written.
func (m *mirror) continueAt(t *incrFile) {
	if m.ring != nil {
		m.check(m.ring.Continue(t.seq, t.size))
		m.begin(0)
	}
}

// writing records where the regions of a group will be written, and returns the number of these
// regions.
func (m *mirror) writing(t *incrFile) (regions int) {
	if m.ring == nil {
		return 0
	}
	n, err := m.ring.Writing(t.seq, t.size)
	m.check(err)
	return n
}

// wrote records that the regions of a group are written.
func (m *mirror) wrote(regions int, t *incrFile) {
	if m.ring != nil {
		m.check(m.ring.Written(regions, t.seq, t.size))
	}
}
