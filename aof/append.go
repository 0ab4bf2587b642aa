package aof

import (
	"time"

	"github.com/perduredb/perdure/aof/internal/wire"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/clock"
)

const (
	// flushAfter is the longest time that records without a Commit stay in the buffer. The deletion
	// of an expired key found by a read is one.
	flushAfter = 100 * time.Millisecond
	// maxReused is the largest buffer capacity that is reused after a write; larger buffers are
	// freed.
	maxReused = 4 << 20
)

// Append appends one log record to the buffer and returns its position. It copies the record, does
// not wait for the disk, and does not allocate once the buffer has grown. If the log has failed,
// Append drops the record and Commit returns the error.
func (l *Log) Append(firstDB, lastDB int, unit []byte) appendlog.Position {
	l.mu.Lock()
	if l.mute {
		if l.err != nil || l.phase == phaseClosed {
			// Only the base of a later Rewrite makes this position durable.
			l.appended += appendlog.Position(len(unit))
		}
		p := l.appended
		l.mu.Unlock()
		return p
	}
	before := len(l.buf)
	if l.config.timestamps {
		l.stampLocked()
	}
	l.selectLocked(firstDB, before)
	l.db = lastDB
	l.buf = append(l.buf, unit...)
	l.appended += appendlog.Position(len(l.buf) - before)
	p := l.appended
	if l.ring != nil && l.err == nil {
		l.keepLocked(before)
	}
	l.setFlushLocked()
	l.mu.Unlock()
	return p
}

// selectLocked selects the database of a record that follows the first before bytes of the buffer.
// In Ring mode each buffer begins with a SELECT. Otherwise shield would insert one, and the buffer
// would differ from its copy in the tail file.
func (l *Log) selectLocked(db, before int) {
	selects := l.db != db || l.reselect || before == 0 && l.ring != nil && l.marked
	l.reselect = false
	if before == 0 {
		l.bufDB = l.db
		if selects {
			l.bufDB = -1
		}
	}
	if selects {
		l.buf = wire.AppendSelect(l.buf, db, l.config.checksums)
	}
}

// setFlushLocked starts the flush timer unless it runs already.
func (l *Log) setFlushLocked() {
	if l.flushSet {
		return
	}
	l.flushSet = true
	after := flushAfter
	if l.ring != nil && l.config.fsync != Always {
		after = l.config.ringDelay
	}
	l.flushTimer.Reset(after)
}

// AppendSelect appends to dst the command that selects db, in the form that marks it as written by
// this log.
func (l *Log) AppendSelect(dst []byte, db int) []byte {
	return wire.AppendSelect(dst, db, l.marked)
}

// stampLocked appends a timestamp annotation, once a second: a line #TS:<unix seconds> CR LF.
func (l *Log) stampLocked() {
	now := clock.Now().Unix()
	if now == l.stamped {
		return
	}
	l.stamped = now
	l.buf = wire.AppendTimestamp(l.buf, now)
}

// flusher writes records without a Commit, and the buffer when it grows long.
func (l *Log) flusher() {
	defer l.taskEnds("flush")
	for {
		select {
		case <-l.quit:
			return
		case <-l.flushTimer.C:
			l.flush(true)
		case <-l.full:
			l.flush(false)
		}
	}
}

// flush writes the buffer. timed is set if the timer has fired.
func (l *Log) flush(timed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if timed {
		l.flushSet = false
	}
	for l.writing && l.err == nil {
		l.waitLocked()
	}
	switch {
	case l.err != nil || len(l.buf) == 0 || l.phase != phaseRunning:
	case l.cut != nil: // the Rewrite writes its part of the buffer first
		l.setFlushLocked()
	default:
		_ = l.writeLocked() // a failure is sticky
	}
	l.removeBrokenLocked()
}
