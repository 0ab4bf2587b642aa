package aof

import (
	"context"
	"hash/crc32"
	"math"

	"github.com/perduredb/perdure/appendlog"
)

// unpublishedMax is how many bytes may wait in memory for the first base. Above that writers wait.
const unpublishedMax = 64 << 20

// Commit waits until everything up to p is as safe as the fsync policy asks: handed to the
// operating system, or on disk under Always or when durable is set. It allocates nothing. Before
// the first base is published (Status.Published) nothing is safe yet and Commit only writes.
//
// The first to come writes for all: it takes the whole buffer, and those who come meanwhile wait
// and find their bytes in the next one. Under Always the same is true of the sync, so
// that any number of writers share it.
func (l *Log) Commit(p appendlog.Position, durable bool) error {
	if !durable && !l.slow.Load() {
		return nil
	}
	return l.commit(context.Background(), p, durable)
}

// Sync waits until everything appended so far is on disk, or ctx ends. Before the first base is
// published it means no more than Commit.
func (l *Log) Sync(ctx context.Context) error {
	stop := l.wakeOn(ctx)
	defer stop()
	if err := l.commit(ctx, math.MaxInt64, true); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.linkedLocked()
}

// commit is Commit; it gives up when ctx ends.
func (l *Log) commit(ctx context.Context, p appendlog.Position, durable bool) error {
	l.mu.Lock()
	held := true
	defer func() {
		if held {
			l.mu.Unlock()
		}
	}()
	p = min(p, l.appended)
	counted := false
	for {
		disk := l.published && (durable || l.forcesLocked())
		late := !disk && l.lateLocked()
		kept := !disk && l.keptLocked(p)
		switch {
		case l.synced >= p:
			return nil
		case l.err != nil:
			return l.err
		case l.phase != phaseRunning:
			return appendlog.ErrClosed
		case ctx.Err() != nil:
			return ctx.Err()
		case !disk && (l.written >= p || kept) && !late:
			return nil
		case !l.published && len(l.buf) < unpublishedMax:
			return nil
		case l.written < p && !l.writing && l.cut == nil && !(disk && l.syncing):
			if disk {
				l.gatherLocked()
			}
			if len(l.buf) > 0 && !l.writing && l.cut == nil && l.err == nil {
				l.leadLocked(disk)
			}
		case disk && l.written >= p && !l.syncing:
			_ = l.syncLocked()
		case disk && (l.syncing || l.waits.leading):
			if held = !l.waitSyncLocked(p); !held {
				return nil
			}
		default:
			if late && (l.written >= p || kept) && !counted {
				counted = true
				l.delayed++
			}
			l.waitLocked()
		}
	}
}

// leadLocked writes the buffer, and syncs when that is wanted. A failure is found in l.err.
func (l *Log) leadLocked(disk bool) {
	l.waits.leading = disk
	defer func() { l.waits.leading = false }()
	if err := l.writeLocked(); err == nil && disk && !l.syncing {
		_ = l.syncLocked()
	}
}

// writeLocked hands the buffer to the system, closed by a mark: in one write, if no large value stands in it.
// It lets go of mu meanwhile. The caller has seen that nobody else writes and that no cut is under way.
func (l *Log) writeLocked() error {
	g := l.takeLocked()
	l.groupSince = l.bufSince
	l.turnRingLocked()
	buf, err := l.writeGroupLocked(g, l.appended)
	if cap(buf) <= keepBuffer {
		l.spare = buf[:0]
	}
	return err
}

// writeGroupLocked writes one group, which reaches up to position p. A crash leaves any part of
// it, and the next Replay cuts what has no mark. It returns the group's buffer.
func (l *Log) writeGroupLocked(g group, p appendlog.Position) ([]byte, error) {
	tail, size := l.tail, l.tail.size
	l.writing = true
	defer func() { l.writing = false }()
	over := l.overLocked(&g)
	if !over {
		if err := l.cutFillerLocked(); err != nil {
			l.dropLocked(g)
			return g.buf, err
		}
	}
	regions := l.handOverLocked()
	buf, n, err := l.handOver(g, over)
	if err != nil {
		return buf, l.failLocked("write", tail.path, err)
	}
	tail.size = size + int64(n)
	l.written = p
	l.ringWrittenLocked(regions)
	if l.opensEpochLocked() {
		l.openEpochLocked(l.sinceLocked())
	}
	l.wakeChangeLocked()
	return buf, nil
}

// handOver seals and writes a group, over filler or not, and lets go of its large values. It returns the buffer,
// and how much is written. It is called with mu held, lets go of it, and has it again at the end, also when
// the file system panics.
func (l *Log) handOver(g group, over bool) (buf []byte, n int, err error) {
	tail, synced, size := l.tail, l.tail.durable, l.tail.size
	l.mu.Unlock()
	defer l.mu.Lock()
	defer g.release()
	if l.marked {
		if over {
			tail.placeMark(&g, synced, true)
		} else {
			tail.shield(&g, synced)
		}
		tail.seal(&g, synced)
	}
	sealed := g.size()
	want := sealed
	if over {
		want += tail.endLine(&g)
	}
	n, err = g.write(tail.file, size, l.failed)
	whole := err == nil && n == want
	if whole && over {
		err = l.fill(tail, size+int64(want), want)
	}
	if whole && err == nil {
		return g.buf, sealed, nil
	}
	// The part of a group is taken back, so that a Redis that opens the file finds whole units
	// only. If that fails too, the next Replay cuts it.
	if !l.failed() {
		_ = tail.file.Truncate(size)
	}
	return g.buf, n, writeError(n, want, err)
}

// failed tells whether a sync that ran beside a write has ended the file: then nothing touches it.
func (l *Log) failed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err != nil
}

// sum continues a checksum.
func sum(crc uint32, p []byte) uint32 {
	return crc32.Update(crc, castagnoli, p)
}
