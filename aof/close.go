package aof

import "errors"

// Close writes and syncs what is buffered and releases the file. A log that has failed returns
// that error, and so does a second Close. A Rewrite that was cut and not committed is given up;
// one that is being committed is waited for.
//
// A crash leaves:
//
//  1. after the last group is written and synced: the whole log.
//  2. after the last mark is written and synced: the same, and damage of it will be refused
//     rather than taken for a torn tail.
//  3. after the manifest lists the size of the newest increment: the same, and so will a shorter one.
func (l *Log) Close() error {
	l.ctl.Lock()
	defer l.ctl.Unlock()
	l.mu.Lock()
	if l.phase == phaseClosed {
		defer l.mu.Unlock()
		return l.closed
	}
	l.closing = true
	l.wakeChangeLocked()
	for l.rewrite != nil && l.rewrite.state == rewriteCommitting {
		l.waitLocked()
	}
	l.giveUpRewriteLocked()
	err := l.finishLocked()
	l.phase = phaseClosed
	l.mute = true
	l.forgetBufferLocked()
	tailFile := l.endRingLocked()
	l.stopTimersLocked()
	l.wakeLocked()
	tail := l.tail
	l.tail = nil
	l.mu.Unlock()

	close(l.quit)
	l.tasks.Wait()
	if err == nil {
		l.removeTailFile(tailFile)
		err = l.listClosed(tail)
	}
	if tail != nil {
		err = errors.Join(err, tail.file.Close())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = err
	return err
}

// listClosed lists in the manifest how the newest increment ends.
func (l *Log) listClosed(tail *incr) error {
	if tail == nil || !l.marked || !l.published {
		return nil
	}
	m, err := l.disk.manifest.closing(tail)
	if err != nil || m.equal(l.disk.manifest) {
		return err
	}
	return l.disk.publish(m, tail)
}

// giveUpRewriteLocked ends a rewrite that nobody will commit.
func (l *Log) giveUpRewriteLocked() {
	r := l.rewrite
	if r == nil || r.next == nil {
		return // one that is being prepared ends by itself
	}
	if r.state == rewriteCut {
		if r.fresh {
			l.forgetLocked()
		} else {
			r.revertLocked()
		}
	}
	r.endLocked()
	l.mu.Unlock()
	r.dropNext()
	l.mu.Lock()
}

// finishLocked brings everything to the disk and closes the file with a mark that says so.
func (l *Log) finishLocked() error {
	for l.writing || l.syncing {
		l.waitLocked()
	}
	if l.err != nil || l.tail == nil || !l.published {
		return l.err
	}
	if len(l.buf) > 0 {
		if err := l.writeLocked(); err != nil {
			return err
		}
	}
	if l.tail.durable < l.tail.size || l.synced < l.written {
		if err := l.syncLocked(); err != nil {
			return err
		}
	}
	if !l.marked || l.tail.closedAt == l.tail.size {
		return l.linkedLocked()
	}
	return l.closeIncrLocked()
}

// closeIncrLocked writes the mark of the newest increment's end, and syncs it.
func (l *Log) closeIncrLocked() error {
	if _, err := l.writeGroupLocked(group{note: &note{endPrefix, randomID()}}, l.written); err != nil {
		return err
	}
	l.ringNoted = 0
	return l.syncLocked()
}

func (l *Log) stopTimersLocked() {
	if l.flushTimer == nil {
		return
	}
	l.flushTimer.Stop()
	l.syncTimer.Stop()
	for _, t := range l.holds {
		if t != nil {
			t.Stop()
		}
	}
}
