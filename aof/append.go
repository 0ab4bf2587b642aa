package aof

import (
	"strconv"
	"time"

	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/clock"
)

const (
	// flushAfter is how long bytes that nobody commits, such as the deletion of an expired key
	// that a read has met, may stay in the buffer.
	flushAfter = 100 * time.Millisecond
	// keepBuffer is the size above which a buffer is let go after it was written.
	keepBuffer = 4 << 20
)

// Append puts one unit into the log and returns its place. It copies the bytes to memory, waits
// for nothing and allocates nothing once the buffer has its size. The unit may be used again when
// Append returns. A log that has failed drops it; Commit then tells.
func (l *Log) Append(firstDB, lastDB int, unit []byte) appendlog.Position {
	l.mu.Lock()
	if l.mute {
		if l.err != nil || l.phase == phaseClosed {
			// It has a place that nothing but the base of a later Rewrite reaches.
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

// selectLocked selects the database of a unit, behind the first before bytes of the buffer. In Ring mode each
// buffer begins with a SELECT, which shield would otherwise put there: the tail file is a copy.
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
		l.buf = appendSelect(l.buf, db, l.config.checksums)
	}
}

// setFlushLocked makes the flusher come, if it is not on its way.
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

// AppendSelect adds to dst the command that selects db, with the line in front that tells that
// this log wrote it.
func (l *Log) AppendSelect(dst []byte, db int) []byte {
	return appendSelect(dst, db, l.marked)
}

// stampLocked notes the time, once a second: a line #TS:<unix seconds> CR LF.
func (l *Log) stampLocked() {
	now := clock.Now().Unix()
	if now == l.stamped {
		return
	}
	l.stamped = now
	l.buf = appendStamp(l.buf, now)
}

func appendStamp(dst []byte, second int64) []byte {
	dst = append(dst, stampPrefix...)
	dst = strconv.AppendInt(dst, second, 10)
	return append(dst, '\r', '\n')
}

// flusher writes what nobody commits.
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

// flush writes the buffer. timed says that the timer has fired.
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
	case l.cut != nil: // the Rewrite moves the buffer first
		l.setFlushLocked()
	default:
		_ = l.writeLocked() // a failure is sticky
	}
	l.removeBrokenLocked()
}
