package aof

import (
	"fmt"
	"io"
	"time"

	"github.com/perduredb/perdure/appendlog"
)

// The everysec policy. An epoch is a sync interval. It begins with the first byte written (in Ring
// mode: appended) after a sync has begun, and ends when the next sync begins. When an epoch opens,
// syncTimer is set to end it, and a second timer watches it. An epoch that is not durable when the
// second timer fires is late. While an epoch is late no Commit returns. So no acknowledged byte
// stays unsynced for longer than syncLate.
const (
	syncAfter = 1 * time.Second
	syncLate  = 2 * time.Second
)

// forcesLocked reports whether the policy makes each Commit wait for an fsync.
func (l *Log) forcesLocked() bool { return l.config.fsync == Always && !l.restsLocked() }

// restsLocked reports whether the policy is suspended during a rewrite.
func (l *Log) restsLocked() bool { return l.config.noFsyncOnRewrite && l.rewrite != nil }

// lateLocked reports whether a sync that the everysec policy requires is late.
func (l *Log) lateLocked() bool {
	return l.epochLate > l.epochSynced && l.config.fsync == EverySec && !l.restsLocked()
}

// opensEpochLocked reports whether bytes written now begin an epoch. It saves most writes a call of
// the clock.
func (l *Log) opensEpochLocked() bool {
	return !l.epochOpen && l.config.fsync == EverySec && l.published && l.phase == phaseRunning
}

// openEpochLocked opens an epoch whose first byte was appended at since, unless one is open.
func (l *Log) openEpochLocked(since time.Time) {
	if !l.opensEpochLocked() {
		return
	}
	l.epochOpen = true
	l.epoch++
	epoch := l.epoch
	age := time.Since(since)
	l.holds[epoch&1] = time.AfterFunc(syncLate-age, func() { l.expire(epoch) })
	l.syncTimer.Reset(max(0, syncAfter-age))
}

// expire marks an epoch as late if it is not durable.
func (l *Log) expire(epoch int64) {
	l.mu.Lock()
	if epoch > l.epochSynced {
		l.epochLate = epoch
		l.paceLocked()
	}
	l.mu.Unlock()
}

// syncLocked makes all written bytes durable. It releases mu during the fsync. The caller must have
// checked that no other sync is in progress.
func (l *Log) syncLocked() error {
	incr, target, offset, epoch := l.incr, l.written, l.incr.size, l.epoch
	if l.epochOpen {
		l.epochOpen = false
		l.syncTimer.Stop()
	}
	l.keepEpochLocked()
	l.syncing = true
	defer func() { l.syncing = false }()
	err := l.datasync(incr)
	l.fsyncs++
	l.waits.released = l.waits.syncers
	if err != nil {
		// Never retry: after a failed fsync the kernel may have dropped the dirty pages, and a
		// second fsync would report success.
		return l.failLocked("sync", incr.path, err)
	}
	l.syncedLocked(incr, target, offset, epoch)
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
	if l.err != nil || l.incr == nil || !l.published {
		return l.err
	}
	if err := l.incr.file.Linked(); err != nil {
		return l.failLocked("sync", l.incr.path, err)
	}
	return nil
}

// syncedLocked records the bytes that have become durable.
func (l *Log) syncedLocked(incr *incrFile, target appendlog.Position, offset, epoch int64) {
	l.synced = max(l.synced, target)
	l.waits.synced.Store(int64(l.synced))
	incr.durable = max(incr.durable, offset)
	if epoch > l.epochSynced {
		l.epochSynced = epoch
		if t := l.holds[epoch&1]; t != nil {
			t.Stop()
		}
		l.paceLocked()
	}
	l.wakeLocked()
}

// syncer runs the syncs of the everysec policy.
func (l *Log) syncer() {
	defer l.taskEnds("sync")
	for {
		select {
		case <-l.quit:
			return
		case <-l.syncTimer.C:
			l.syncDue()
		}
	}
}

func (l *Log) syncDue() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drainLocked()
	for l.syncing && l.err == nil {
		l.waitLocked()
	}
	if l.err == nil && l.phase == phaseRunning && l.epochOpen && !l.restsLocked() {
		_ = l.syncLocked() // a failure is sticky
	}
}

// startTasksLocked starts the background tasks unless they run already.
func (l *Log) startTasksLocked() {
	if l.flushTimer != nil {
		return
	}
	l.flushTimer = stoppedTimer()
	l.syncTimer = stoppedTimer()
	l.tasks.Add(2)
	go l.flusher()
	go l.syncer()
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

func writeError(n, want int, err error) error {
	if err == nil {
		err = io.ErrShortWrite
	}
	return fmt.Errorf("%d of %d bytes: %w", n, want, err)
}
