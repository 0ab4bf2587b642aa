package aof

import (
	"context"
	"math"
	"time"

	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/errtext"
)

// unpublishedMax is the number of bytes that may wait in memory for the first base file. Above it
// writers wait.
const unpublishedMax = 64 << 20

// Commit waits until everything up to p is as safe as the fsync policy requires. The bytes are then
// passed to the kernel or stored in the tail file, or durable under Always or if durable is set.
// Commit does not allocate. Before the first base file is published ([appendlog.Status].Published)
// nothing is safe, and Commit only writes.
//
// Commit implements group commit. The first caller (the leader) writes the whole buffer. Callers
// that arrive during the write wait and form the next group. Under Always they share the fsync too.
func (l *Log) Commit(p appendlog.Position, durable bool) error {
	if !durable && !l.mirror.slow.Load() {
		return nil
	}
	return errtext.Named(l.commit(context.Background(), p, durable))
}

// Sync waits until everything appended so far is durable, or until ctx ends. Before the first base
// file is published it guarantees only as much as [Log.Commit].
func (l *Log) Sync(ctx context.Context) (err error) {
	defer errtext.Name(&err)
	stop := l.waits.wakeOn(ctx)
	defer stop()
	if err := l.commit(ctx, math.MaxInt64, true); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.linkedLocked()
}

// commit implements Commit. It returns early if ctx ends.
func (l *Log) commit(ctx context.Context, p appendlog.Position, durable bool) error {
	l.mu.Lock()
	held := true
	defer func() {
		if held {
			l.mu.Unlock()
		}
	}()
	p = min(p, l.pending.appended)
	counted := false
	for {
		disk := l.published && (durable || l.forcesLocked())
		late := !disk && l.lateLocked()
		mirrored := !disk && l.published && l.mirror.has(p)
		switch {
		case l.out.synced >= p:
			return nil
		case l.err != nil:
			return l.err
		case l.phase != phaseRunning:
			return appendlog.ErrClosed
		case ctx.Err() != nil:
			return ctx.Err()
		case !disk && (l.out.written >= p || mirrored) && !late:
			return nil
		case !l.published && len(l.pending.buf) < unpublishedMax:
			return nil
		case l.out.written < p && !l.out.writing && l.cut == nil && !(disk && (l.out.syncing || l.waits.leading)):
			if disk {
				l.waits.gather(&l.pending.appended)
			}
			if len(l.pending.buf) > 0 && !l.out.writing && l.cut == nil && l.err == nil {
				l.leadLocked(disk)
			} else if disk {
				l.waits.wakeAll()
			}
		case disk && l.out.written >= p && !l.out.syncing:
			_ = l.syncLocked()
		case disk && (l.out.syncing || l.waits.leading):
			if held = !l.waits.waitSync(p); !held {
				return nil
			}
		default:
			if late && (l.out.written >= p || mirrored) && !counted {
				counted = true
				l.out.delayed++
			}
			l.waits.wait()
		}
	}
}

// leadLocked writes the buffer and, if disk is set, fsyncs it. It reports a failure in l.err.
func (l *Log) leadLocked(disk bool) {
	l.waits.leading = disk
	defer func() { l.waits.leading = false }()
	if err := l.writeLocked(); err == nil && disk && !l.out.syncing {
		_ = l.syncLocked()
	}
}

// writeLocked writes the buffer, followed by a commit marker, to the file. It uses a single write
// unless the group links large values. It releases mu during the write. The caller must have
// checked that no other write and no switch to a new file is in progress.
func (l *Log) writeLocked() error {
	g := l.pending.take()
	l.out.since = l.pending.since
	l.mirror.next(l.pending.appended)
	l.paceLocked()
	buf, err := l.writeGroupLocked(g, l.pending.appended)
	l.pending.reuse(buf)
	return err
}

// writeGroupLocked writes one group, which extends to position p, and returns the group's buffer. A
// crash leaves any part of the group, and the next Replay finds it without a commit marker and
// truncates it.
func (l *Log) writeGroupLocked(g group, p appendlog.Position) ([]byte, error) {
	incr, size := l.out.incr, l.out.incr.size
	l.out.writing = true
	defer func() { l.out.writing = false }()
	over := l.layOverPaddingLocked(&g)
	if !over {
		if err := l.removePaddingLocked(); err != nil {
			l.dropLocked(g)
			return g.buf, err
		}
	}
	regions := l.mirror.writing(incr)
	buf, n, err := l.passToKernel(g, over)
	if err != nil {
		return buf, l.failLocked("write", incr.path, err)
	}
	incr.size = size + int64(n)
	l.out.written = p
	if l.err == nil { // after a failed sync the disk may lack the written bytes: keep the regions
		l.mirror.wrote(regions, incr)
		l.paceLocked()
	}
	if l.intervalDueLocked() {
		l.beginIntervalLocked(l.acknowledgedLocked())
	}
	l.waits.wakeChange()
	return buf, nil
}

// acknowledgedLocked returns the time when the oldest byte of the written group was acknowledged;
// in Direct mode that is now.
func (l *Log) acknowledgedLocked() time.Time {
	if l.mirror.ring == nil {
		return time.Now()
	}
	return l.out.since
}

// passToKernel seals a group, writes it (over padding if over is set), and unpins its large values.
// It returns the buffer and the number of bytes written. mu is held on entry and on return, even if
// the file system panics, but not during the write.
func (l *Log) passToKernel(g group, over bool) (buf []byte, n int, err error) {
	incr, synced, size := l.out.incr, l.out.incr.durable, l.out.incr.size
	l.mu.Unlock()
	defer l.mu.Lock()
	defer g.release()
	if l.marked {
		if over {
			incr.alignMarker(&g, synced, true)
		} else {
			incr.guardPage(&g, synced)
		}
		incr.seal(&g, synced)
	}
	sealed := g.size()
	want := sealed
	if over {
		want += incr.endPadding(&g)
	}
	n, err = g.write(incr.file, size, l.failed)
	whole := err == nil && n == want
	if whole && over {
		err = l.padAhead(incr, size+int64(want), want)
	}
	if whole && err == nil {
		return g.buf, sealed, nil
	}
	// Truncate the partial group so that Redis finds only whole records. If that fails too, the
	// next Replay truncates it.
	if !l.failed() {
		_ = incr.file.Truncate(size)
	}
	return g.buf, n, writeError(n, want, err)
}

// failed reports whether a concurrent sync has failed. The file must not be touched after that.
func (l *Log) failed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err != nil
}
