package aof

import (
	"fmt"
	"time"
)

// flushAfter is the longest time that records without a Commit stay in the buffer. The deletion of
// an expired key found by a read is one.
const flushAfter = 100 * time.Millisecond

// startTasksLocked starts the background tasks unless they run already.
func (l *Log) startTasksLocked() {
	if l.flushTimer != nil {
		return
	}
	l.flushTimer = stoppedTimer()
	l.interval.timer = stoppedTimer()
	l.tasks.Add(2)
	go l.flusher()
	go l.syncer()
}

func (l *Log) stopTimersLocked() {
	if l.flushTimer == nil {
		return
	}
	l.flushTimer.Stop()
	l.interval.stop()
}

func stoppedTimer() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}

// taskEnds is deferred by a background task. It turns a panic of the task into a failure of the
// log.
func (l *Log) taskEnds(task string) {
	if bug := recover(); bug != nil {
		l.mu.Lock()
		_ = l.failLocked(task, "", fmt.Errorf("internal error: %v", bug))
		l.mu.Unlock()
	}
	l.tasks.Done()
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
		case <-l.mirror.wake:
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
	for l.out.writing && l.err == nil {
		l.waits.wait()
	}
	switch {
	case l.err != nil || len(l.pending.buf) == 0 || l.phase != phaseRunning:
	case l.cut != nil: // the Rewrite writes its part of the buffer first
		l.setFlushLocked()
	default:
		_ = l.writeLocked() // a failure is sticky
	}
	l.removeBrokenLocked()
}

// setFlushLocked starts the flush timer unless it runs already.
func (l *Log) setFlushLocked() {
	if l.flushSet {
		return
	}
	l.flushSet = true
	after := flushAfter
	if l.mirror.ring != nil && l.config.fsync != Always {
		after = l.config.ringDelay
	}
	l.flushTimer.Reset(after)
}

// syncer runs the syncs of the everysec policy.
func (l *Log) syncer() {
	defer l.taskEnds("sync")
	for {
		select {
		case <-l.quit:
			return
		case <-l.interval.timer.C:
			l.syncDue()
		}
	}
}

func (l *Log) syncDue() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drainLocked()
	for l.out.syncing && l.err == nil {
		l.waits.wait()
	}
	if l.err == nil && l.phase == phaseRunning && l.interval.open && !l.restsLocked() {
		_ = l.syncLocked() // a failure is sticky
	}
}

// drainLocked writes the records that are only in the tail file, for the sync that follows.
func (l *Log) drainLocked() {
	if l.mirror.ring == nil {
		return
	}
	for l.out.writing && l.err == nil {
		l.waits.wait()
	}
	if l.err == nil && l.phase == phaseRunning && l.cut == nil && len(l.pending.buf) > 0 {
		_ = l.writeLocked() // a failure is sticky
	}
}
