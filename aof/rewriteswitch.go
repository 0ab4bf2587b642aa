package aof

import "context"

// switchFile executes steps 3 and 4. Writers wait.
func (r *rewrite) switchFile(ctx context.Context) error {
	l := r.log
	l.mu.Lock()
	defer l.mu.Unlock()
	for (l.writing || l.syncing) && l.err == nil {
		l.waitLocked()
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
	l.writing, l.syncing = true, true
	old := l.incr
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
	l.writing, l.syncing = false, false
	if err != nil {
		r.revertLocked()
		return err
	}
	l.sizes.closed += old.size
	l.incr, l.disk.salt = r.next, r.next.id.Salt
	l.firstMarkLocked()
	l.cut = nil
	l.moveRingLocked()
	l.wakeLocked()
	l.mu.Unlock()
	if err := old.file.Close(); err != nil {
		l.env.Logger.Warn("close of a synced increment", "file", old.name, "err", err)
	}
	l.mu.Lock()
	return nil
}

// finishOldLocked writes the records appended before the cut to the old incremental file and syncs
// it.
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
		l.groupSince = l.cut.since
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

// revertLocked continues with the old incremental file. The records appended since the cut begin
// with a SELECT and may follow in any file.
func (r *rewrite) revertLocked() {
	l := r.log
	if l.err == nil {
		if len(l.cut.before.buf) > 0 {
			l.bufSince = l.cut.since
		}
		l.putBackLocked(l.cut.before)
		l.beginRingLocked(0)
	} else {
		l.dropLocked(l.cut.before)
	}
	l.cut = nil
	l.wakeLocked()
}
