package aof

import (
	"fmt"
	"io"
	"time"

	"github.com/perduredb/perdure/appendlog"
)

// forcesLocked reports whether the policy makes each Commit wait for an fsync.
func (l *Log) forcesLocked() bool { return l.config.fsync == Always && !l.restsLocked() }

// restsLocked reports whether the policy is suspended during a rewrite.
func (l *Log) restsLocked() bool { return l.config.noFsyncOnRewrite && l.rewrite != nil }

// lateLocked reports whether a sync that the everysec policy requires is late.
func (l *Log) lateLocked() bool {
	return l.interval.isLate() && l.config.fsync == EverySec && !l.restsLocked()
}

// intervalDueLocked reports whether bytes written now begin a sync interval. It saves most writes a
// call of the clock.
func (l *Log) intervalDueLocked() bool {
	return !l.interval.open && l.config.fsync == EverySec && l.published && l.phase == phaseRunning
}

// beginIntervalLocked begins a sync interval whose first byte was appended at since, unless one is
// open.
func (l *Log) beginIntervalLocked(since time.Time) {
	if l.intervalDueLocked() {
		l.interval.begin(since, l.expire)
	}
}

// expire marks a sync interval as late if it is not durable.
func (l *Log) expire(number int64) {
	l.mu.Lock()
	if number > l.interval.synced {
		l.interval.late = number
		l.paceLocked()
	}
	l.mu.Unlock()
}

// nextIntervalLocked begins the next sync interval if the sync that begins does not make all
// acknowledged bytes durable.
func (l *Log) nextIntervalLocked() {
	switch {
	case l.mirror.ring == nil || l.err != nil:
	case l.out.writing:
		l.beginIntervalLocked(l.out.since)
	case l.cut != nil && len(l.cut.before.buf) > 0:
		l.beginIntervalLocked(l.cut.since)
	case len(l.pending.buf) > 0:
		l.beginIntervalLocked(l.pending.since)
	}
}

// syncLocked makes all written bytes durable. It releases mu during the fsync. The caller must have
// checked that no other sync is in progress.
func (l *Log) syncLocked() error {
	incr, target, offset, interval := l.out.incr, l.out.written, l.out.incr.size, l.interval.number
	l.interval.end()
	l.nextIntervalLocked()
	l.out.syncing = true
	defer func() { l.out.syncing = false }()
	began := time.Now()
	err := l.datasync(incr)
	l.waits.took = time.Since(began)
	l.out.fsyncs++
	l.waits.released = l.waits.syncers
	if err != nil {
		// Never retry: after a failed fsync the kernel may have dropped the dirty pages, and a
		// second fsync would report success.
		return l.failLocked("sync", incr.path, err)
	}
	l.syncedLocked(incr, target, offset, interval)
	return nil
}

// datasync syncs a file and checks that it still has a name. mu is held on entry and on return,
// even if the file system panics, but not during the sync.
func (l *Log) datasync(incr *incrFile) error {
	l.mu.Unlock()
	defer l.mu.Lock()
	err := incr.file.Datasync()
	if err == nil {
		err = incr.file.Linked()
	}
	return err
}

// linkedLocked puts the log into the failed state if its incremental file no longer has a name.
// Bytes that are synced to such a file are lost when the process ends.
func (l *Log) linkedLocked() error {
	if l.err != nil || l.out.incr == nil || !l.published {
		return l.err
	}
	if err := l.out.incr.file.Linked(); err != nil {
		return l.failLocked("sync", l.out.incr.path, err)
	}
	return nil
}

// syncedLocked records the bytes that have become durable.
func (l *Log) syncedLocked(incr *incrFile, target appendlog.Position, offset, interval int64) {
	l.out.synced = max(l.out.synced, target)
	l.waits.synced.Store(int64(l.out.synced))
	incr.durable = max(incr.durable, offset)
	if l.interval.durable(interval) {
		l.paceLocked()
	}
	l.waits.wakeAll()
}

func writeError(n, want int, err error) error {
	if err == nil {
		err = io.ErrShortWrite
	}
	return fmt.Errorf("%d of %d bytes: %w", n, want, err)
}

// waitSyncedLocked waits for the sync in progress to finish.
func (l *Log) waitSyncedLocked() error {
	for l.out.syncing && l.err == nil {
		l.waits.wait()
	}
	return l.err
}
