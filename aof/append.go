package aof

import (
	"github.com/perduredb/perdure/aof/internal/wire"
	"github.com/perduredb/perdure/appendlog"
)

var _ appendlog.Linker = (*Log)(nil)

// Append appends one log record to the buffer and returns its position. It copies the record, and
// does not wait for the disk. Once the buffer has grown, it allocates only the timer of each sync
// interval. If the log has failed, Append drops the record and Commit returns the error.
func (l *Log) Append(firstDB, lastDB int, unit []byte) appendlog.Position {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mute {
		if l.err != nil || l.phase == phaseClosed {
			// Only the base of a later Rewrite makes this position durable.
			l.pending.appended += appendlog.Position(len(unit))
		}
		return l.pending.appended
	}
	before := len(l.pending.buf)
	l.prepareLocked(firstDB, lastDB)
	l.pending.buf = append(l.pending.buf, unit...)
	l.pending.appended += appendlog.Position(len(l.pending.buf) - before)
	if l.mirror.ring != nil && l.err == nil {
		l.mirrorLocked(before)
	}
	l.setFlushLocked()
	return l.pending.appended
}

// AppendLinked appends one log record that consists of pieces, and returns its position. It is like
// [Log.Append], but it does not copy every second piece. The log reads such a piece until it calls
// release. It calls release once, from a goroutine that does not hold a lock of the log, as soon as
// the piece is written or dropped. kept is false if the log has failed or does not accept records
// yet; then it does not call release. AppendLinked copies the other pieces, does not block, and
// allocates a few words for each large piece.
//
// Linked values, and the records appended after them, bypass the tail file of Ring mode until they
// are written. Commit waits for that.
func (l *Log) AppendLinked(firstDB, lastDB int, unit [][]byte, release func()) (p appendlog.Position, kept bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mute {
		if l.err != nil || l.phase == phaseClosed {
			l.pending.appended += appendlog.Position(sizeOf(unit)) // as in Append
		}
		return l.pending.appended, false
	}
	before := len(l.pending.buf)
	l.prepareLocked(firstDB, lastDB)
	linked := 0
	for i, piece := range unit {
		if i%2 == 0 {
			l.pending.buf = append(l.pending.buf, piece...)
			continue
		}
		l.pending.links = append(l.pending.links, link{at: len(l.pending.buf), value: piece})
		linked += len(piece)
	}
	l.pending.links[len(l.pending.links)-1].release = release
	l.pending.appended += appendlog.Position(len(l.pending.buf) - before + linked)
	if l.mirror.ring != nil && l.err == nil {
		l.skipMirrorLocked(before)
	}
	l.setFlushLocked()
	return l.pending.appended, true
}

func sizeOf(pieces [][]byte) (n int) {
	for _, p := range pieces {
		n += len(p)
	}
	return n
}

// prepareLocked appends what belongs before a record. In Ring mode each buffer begins with a
// SELECT. Otherwise guardPage would insert one, and the buffer would differ from its copy in the
// tail file.
func (l *Log) prepareLocked(firstDB, lastDB int) {
	l.pending.begin(firstDB, lastDB, l.config.timestamps, l.mirror.ring != nil && l.marked, l.marked)
}

// AppendSelect appends to dst the command that selects db, in the form that marks it as written by
// this log.
func (l *Log) AppendSelect(dst []byte, db int) []byte {
	return wire.AppendSelect(dst, db, l.marked)
}
