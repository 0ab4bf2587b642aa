package aof

import (
	"fmt"
	"io"
	"time"

	"github.com/perduredb/perdure/appendlog"
)

// The everysec policy. An epoch is the time from the first byte that is written (in Ring mode:
// appended) after a sync has begun to the beginning of the next sync. When one opens, syncTimer is set to end it, and a
// second timer watches it: an epoch that is not on disk when that fires is late, and while one is
// late no Commit returns. So no acknowledged byte is ever unsynced for longer than syncLate.
const (
	syncAfter = 1 * time.Second
	syncLate  = 2 * time.Second
)

// forcesLocked tells whether the policy makes each Commit wait for the disk.
func (l *Log) forcesLocked() bool { return l.config.fsync == Always && !l.restsLocked() }

// restsLocked tells whether the policy rests for a rewrite.
func (l *Log) restsLocked() bool { return l.config.noFsyncOnRewrite && l.rewrite != nil }

// lateLocked tells whether a sync that the everysec policy owes is late.
func (l *Log) lateLocked() bool {
	return l.epochLate > l.epochSynced && l.config.fsync == EverySec && !l.restsLocked()
}

// opensEpochLocked tells whether bytes that are written now begin an epoch. It saves most writes a look at
// the clock.
func (l *Log) opensEpochLocked() bool {
	return !l.epochOpen && l.config.fsync == EverySec && l.published && l.phase == phaseRunning
}

// openEpochLocked opens an epoch, if none is open, whose first byte is from since.
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

// expire notes that an epoch is late, if it is not on disk.
func (l *Log) expire(epoch int64) {
	l.mu.Lock()
	if epoch > l.epochSynced {
		l.epochLate = epoch
		l.paceLocked()
	}
	l.mu.Unlock()
}

// syncLocked brings what is written to the disk. It lets go of mu meanwhile. The caller has seen
// that nobody else syncs.
func (l *Log) syncLocked() error {
	tail, target, offset, epoch := l.tail, l.written, l.tail.size, l.epoch
	if l.epochOpen {
		l.epochOpen = false
		l.syncTimer.Stop()
	}
	l.keepEpochLocked()
	l.syncing = true
	defer func() { l.syncing = false }()
	err := l.datasync(tail)
	l.fsyncs++
	l.waits.released = l.waits.syncers
	if err != nil {
		// What was unsynced may be gone, whatever a second try says: there is none.
		return l.failLocked("sync", tail.path, err)
	}
	l.syncedLocked(tail, target, offset, epoch)
	return nil
}

// datasync syncs a file, and checks that it still has a name. It is called with mu held, lets go of it, and has it again at the end, also when the
// file system panics.
func (l *Log) datasync(tail *incr) error {
	l.mu.Unlock()
	defer l.mu.Lock()
	err := tail.file.Datasync()
	if err == nil {
		err = tail.file.Linked()
	}
	return err
}

// linkedLocked makes the log failed if its increment has no name any more: what is synced to such
// a file is lost when the process ends.
func (l *Log) linkedLocked() error {
	if l.err != nil || l.tail == nil || !l.published {
		return l.err
	}
	if err := l.tail.file.Linked(); err != nil {
		return l.failLocked("sync", l.tail.path, err)
	}
	return nil
}

// syncedLocked notes what has reached the disk.
func (l *Log) syncedLocked(tail *incr, target appendlog.Position, offset, epoch int64) {
	l.synced = max(l.synced, target)
	l.waits.synced.Store(int64(l.synced))
	tail.durable = max(tail.durable, offset)
	if epoch > l.epochSynced {
		l.epochSynced = epoch
		if t := l.holds[epoch&1]; t != nil {
			t.Stop()
		}
		l.paceLocked()
	}
	l.wakeLocked()
}

// syncer does the syncs of the everysec policy.
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

// startTasksLocked starts the background tasks, once.
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

// taskEnds is deferred by a background task. A panic fails the log, not the program.
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
