package aof

import (
	"errors"

	"github.com/perduredb/perdure/internal/errtext"
)

// Close writes and syncs the pending buffer and releases the file. If the log has failed, Close
// returns the failure. A second Close returns the result of the first. Close cancels a Rewrite
// between Cut and Commit, and waits for a Commit in progress.
//
// A crash leaves:
//
//  1. after the last group is written and synced: the whole log.
//  2. after the clean-shutdown marker is written and synced: as before. Damage is then refused
//     rather than treated as a torn tail.
//  3. after the manifest records the size of the newest incremental file: as before. A shorter file
//     is then refused too.
func (l *Log) Close() error {
	l.ctl.Lock()
	defer l.ctl.Unlock()
	l.mu.Lock()
	if l.phase == phaseClosed {
		defer l.mu.Unlock()
		return l.closed
	}
	l.closing = true
	l.waits.wakeChange()
	for l.rewrite != nil && l.rewrite.state == rewriteCommitting {
		l.waits.wait()
	}
	l.cancelRewriteLocked()
	err := l.finishLocked()
	l.phase = phaseClosed
	l.mute = true
	l.dropLocked(l.pending.forget())
	tailFile := l.mirror.end(l.disk)
	l.stopTimersLocked()
	l.waits.wakeAll()
	incr := l.out.incr
	l.out.incr = nil
	l.mu.Unlock()

	close(l.quit)
	l.tasks.Wait()
	if err == nil {
		l.disk.removeTailFile(tailFile, l.env.Logger)
		err = l.listClosed(incr)
	}
	if incr != nil {
		err = errors.Join(err, incr.file.Close())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = errtext.Named(err)
	return l.closed
}

// listClosed records the end of the newest incremental file in the manifest.
func (l *Log) listClosed(incr *incrFile) error {
	if incr == nil || !l.marked || !l.published {
		return nil
	}
	m, err := incr.closedIn(l.disk.manifest)
	if err != nil || m.Equal(l.disk.manifest) {
		return err
	}
	return l.disk.install(m, incr)
}

// cancelRewriteLocked cancels a rewrite that will not be committed.
func (l *Log) cancelRewriteLocked() {
	r := l.rewrite
	if r == nil || r.next == nil {
		return // a rewrite that is still being prepared ends automatically
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

// finishLocked makes everything durable and ends the file with a clean-shutdown marker.
func (l *Log) finishLocked() error {
	for l.out.writing || l.out.syncing {
		l.waits.wait()
	}
	if l.err != nil || l.out.incr == nil || !l.published {
		return l.err
	}
	if len(l.pending.buf) > 0 {
		if err := l.writeLocked(); err != nil {
			return err
		}
	}
	if l.out.incr.durable < l.out.incr.size || l.out.synced < l.out.written {
		if err := l.syncLocked(); err != nil {
			return err
		}
	}
	if !l.marked || l.out.incr.closedSize == l.out.incr.size {
		return l.linkedLocked()
	}
	return l.writeCloseMarkerLocked()
}
