package aof

import "context"

// switchFile executes steps 3 and 4. Writers wait.
func (r *rewrite) switchFile(ctx context.Context) error {
	l := r.log
	l.mu.Lock()
	defer l.mu.Unlock()
	for (l.out.writing || l.out.syncing) && l.err == nil {
		l.waits.wait()
	}
	if err := r.finishOldLocked(ctx); err != nil {
		r.revertLocked()
		l.mu.Unlock()
		r.dropNext()
		l.mu.Lock()
		return err
	}
	// Set both tokens, so that no other goroutine touches a file until the manifest lists the new
	// one.
	l.out.writing, l.out.syncing = true, true
	old := l.out.incr
	l.mu.Unlock()
	m, err := old.closedIn(l.disk.manifest)
	if err == nil {
		m.Incrs = append(m.Incrs, r.next.entry())
		err = r.dirSyncFails(l.disk.install(m, old, r.next))
	}
	if err != nil && l.Err() == nil {
		r.dropNext()
	} else if err != nil {
		_ = r.next.file.Close() // it is unknown whether the manifest lists the file
	}
	l.mu.Lock()
	l.out.writing, l.out.syncing = false, false
	if err != nil {
		r.revertLocked()
		return err
	}
	l.out.sizes.closed += old.size
	l.out.incr, l.disk.salt = r.next, r.next.id.Salt
	l.firstMarkerLocked()
	l.cut = nil
	if l.err == nil {
		l.mirror.continueAt(l.out.incr)
	}
	l.waits.wakeAll()
	l.mu.Unlock()
	if err := old.file.Close(); err != nil {
		l.env.Logger.Warn("close of a synced increment", "file", old.name, "err", err)
	}
	l.mu.Lock()
	return nil
}

// finishOldLocked writes the records appended before Cut to the old incremental file and syncs it.
func (r *rewrite) finishOldLocked(ctx context.Context) error {
	l := r.log
	if l.err != nil {
		return l.err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if before := l.cut.before; len(before.buf) > 0 {
		l.cut.before = group{}
		l.out.since = l.cut.since
		if _, err := l.writeGroupLocked(before, l.cut.at); err != nil {
			return err
		}
	}
	if err := l.removePaddingLocked(); err != nil {
		return err
	}
	if err := l.syncLocked(); err != nil || !l.marked {
		return err
	}
	return l.writeCloseMarkerLocked() // a file that ends with this marker is whole
}

// revertLocked continues with the old incremental file. The records appended since Cut begin
// with a SELECT and may follow in any file.
func (r *rewrite) revertLocked() {
	l := r.log
	if l.err == nil {
		if len(l.cut.before.buf) > 0 {
			l.pending.since = l.cut.since
		}
		l.pending.putBack(l.cut.before)
		l.mirror.begin(0)
	} else {
		l.dropLocked(l.cut.before)
	}
	l.cut = nil
	l.waits.wakeAll()
}
