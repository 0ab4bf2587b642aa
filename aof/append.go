package aof

import (
	"github.com/perduredb/perdure/aof/internal/wire"
	"github.com/perduredb/perdure/appendlog"
)

// Append appends one log record to the buffer and returns its position. It copies the record, does
// not wait for the disk, and does not allocate once the buffer has grown. If the log has failed,
// Append drops the record and Commit returns the error.
func (l *Log) Append(firstDB, lastDB int, unit []byte) appendlog.Position {
	l.mu.Lock()
	if l.mute {
		if l.err != nil || l.phase == phaseClosed {
			// Only the base of a later Rewrite makes this position durable.
			l.pending.appended += appendlog.Position(len(unit))
		}
		p := l.pending.appended
		l.mu.Unlock()
		return p
	}
	before := len(l.pending.buf)
	l.prepareLocked(firstDB, lastDB)
	l.pending.buf = append(l.pending.buf, unit...)
	l.pending.appended += appendlog.Position(len(l.pending.buf) - before)
	p := l.pending.appended
	if l.mirror.ring != nil && l.err == nil {
		l.mirrorLocked(before)
	}
	l.setFlushLocked()
	l.mu.Unlock()
	return p
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
