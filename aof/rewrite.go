package aof

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/perduredb/perdure/snapshot"
)

// rewrite is the Rewrite under way. A crash leaves, after
//
//  1. BeginRewrite: the old log, and an unlisted increment.
//  2. Cut: the same; units appended since wait in memory and nobody was told that they are safe.
//  3. the old increment is written up to the cut, and synced: the same, up to the cut.
//  4. the manifest {old base, old increments, new increment} is published: that log. Only now
//     the new increment is written to.
//  5. the base is written, synced and renamed: the same, and an unlisted base.
//  6. the manifest {new base, old files as history, new increment} is published: the new log. This is
//     the commit; the old files are deleted by the next Start.
//  7. the old files are deleted: the new log.
//  8. the manifest {new base, new increment} is published: the new log.
//
// A log that has failed is not written to any more: steps 3 and 4 are left out, what was
// appended before Cut is only in the base, and until step 6 the old log stays as it is. The
// same holds while a first base is made, but for the old log.
type rewrite struct {
	log  *Log
	next *incr // the new increment
	// fresh says that there is no old file to go on with: the log has failed, or is new.
	fresh  bool
	failed error // the failure that this rewrite is to clear

	state rewriteState // guarded by log.mu
}

type rewriteState uint8

const (
	rewriteBegun      rewriteState = iota
	rewriteCut                     // Cut was called
	rewriteCommitting              // Commit runs
	rewriteEnded
)

// cut is a buffer divided between two files, until the second one may be written to.
type cut struct {
	before []byte   // for the old file
	at     Position // where the new file begins
}

// BeginRewrite prepares to replace the history by a new base: it syncs the newest increment, so
// that Cut and Commit find little left to do, and makes the next one. It may be called in place of
// Replay and Start to begin a log, and on a failed log to mend it.
func (l *Log) BeginRewrite() (Rewrite, error) {
	r, err := l.reserve()
	if err != nil {
		return nil, err
	}
	if err := r.prepare(); err != nil {
		l.mu.Lock()
		r.endLocked()
		l.mu.Unlock()
		return nil, err
	}
	return r, nil
}

// reserve makes sure that there is one rewrite at a time.
func (l *Log) reserve() (*rewrite, error) {
	l.ctl.Lock()
	defer l.ctl.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.phase == phaseNew || l.phase == phaseClosed:
		return nil, ErrClosed
	case l.rewrite != nil:
		return nil, ErrRewriteRunning
	}
	l.rewrite = &rewrite{log: l, fresh: l.err != nil || !l.published, failed: l.err}
	l.startTasksLocked()
	l.phase = phaseRunning
	return l.rewrite, nil
}

// prepare is step 1.
func (r *rewrite) prepare() error {
	l := r.log
	if r.fresh {
		if err := l.disk.makeDir(); err != nil {
			return err
		}
		if err := removeTemps(l.disk); err != nil {
			return err
		}
	} else if err := l.Sync(context.Background()); err != nil {
		return err
	}
	next, err := createIncr(l.disk, l.marked)
	if err != nil {
		return r.dirSyncFails(err)
	}
	l.mu.Lock()
	r.next = next
	closed := l.phase == phaseClosed
	l.mu.Unlock()
	if closed {
		r.dropNext()
		return ErrClosed
	}
	return nil
}

// dirSyncFails makes the log failed if err is that of a directory's sync: what the disk holds is
// then not known.
func (r *rewrite) dirSyncFails(err error) error {
	var dirSync *snapshot.DirSyncError
	if !errors.As(err, &dirSync) {
		return err
	}
	l := r.log
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.published {
		return l.failLocked("sync directory", dirSync.Dir, err)
	}
	return err
}

// Cut is step 2. Everything appended before it is in the base, everything after it goes to the
// new increment, beginning with a SELECT.
func (r *rewrite) Cut() {
	l := r.log
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.phase == phaseClosed {
		return
	}
	if r.state != rewriteBegun {
		panic("aof: Cut is called once, on a Rewrite that was not aborted")
	}
	r.state = rewriteCut
	l.db, l.stamped = -1, 0
	if r.fresh {
		l.buf, l.mute = nil, false
		l.cut = &cut{at: l.appended}
		if r.failed == nil { // the file may be written to before it counts
			l.tail, l.cut = r.next, nil
			l.written, l.synced = l.appended, l.appended
		}
		return
	}
	l.cut = &cut{before: l.buf, at: l.appended}
	l.buf, l.spare = l.spare[:0], nil
}

// Abort gives up a Rewrite that was not cut. After Commit or a second time it does nothing.
func (r *rewrite) Abort() {
	l := r.log
	l.mu.Lock()
	if r.state == rewriteCut || r.state == rewriteCommitting {
		l.mu.Unlock()
		panic("aof: Abort after Cut")
	}
	if r.state == rewriteEnded {
		l.mu.Unlock()
		return
	}
	r.endLocked()
	l.mu.Unlock()
	r.dropNext()
}

// endLocked lets the next rewrite begin, and the fsync policy go on.
func (r *rewrite) endLocked() {
	l := r.log
	r.state = rewriteEnded
	l.rewrite = nil
	if l.epochOpen {
		l.syncTimer.Reset(0)
	}
	l.change.Broadcast()
}

// dropNext removes the new increment, which no manifest lists.
func (r *rewrite) dropNext() {
	if err := r.next.discard(r.log.disk.fs); err != nil {
		r.log.env.Logger.Warn("an unlisted file of the log stays", "file", r.next.name, "err", err)
	}
}

// Commit does steps 3 to 8. On an error the log goes on as it was, with one more increment if
// step 4 was done; a log that had failed, or had no base yet, stays so. A failed write or sync of
// the old increment, or of a directory, makes the log failed.
func (r *rewrite) Commit(ctx context.Context, b Base) error {
	l := r.log
	l.mu.Lock()
	if r.state != rewriteCut {
		l.mu.Unlock()
		return fmt.Errorf("%w: Commit comes once, after Cut", ErrClosed)
	}
	r.state = rewriteCommitting
	rdb := l.config.rdbBase
	l.mu.Unlock()

	err := r.commit(ctx, b, rdb)

	l.mu.Lock()
	defer l.mu.Unlock()
	r.endLocked()
	return err
}

func (r *rewrite) commit(ctx context.Context, b Base, rdb bool) error {
	l := r.log
	if !r.fresh {
		if err := r.switchOver(ctx); err != nil {
			return err
		}
	}
	base, size, err := r.writeBase(ctx, b, rdb)
	if err != nil {
		return r.baseFails(err)
	}
	if r.fresh {
		err = r.publishFresh(base)
	} else if err = l.Sync(ctx); err == nil {
		err = r.publish(base)
	}
	if err != nil {
		return r.publishFails(base, err)
	}
	r.settle(base, size)
	return r.clean()
}

// switchOver is steps 3 and 4. Writers wait.
func (r *rewrite) switchOver(ctx context.Context) error {
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
	// Both tokens: nobody touches a file until the manifest names the new one.
	l.writing, l.syncing = true, true
	m := *l.disk.manifest
	m.incrs = append(append([]manifestFile(nil), m.incrs...),
		manifestFile{name: r.next.name, seq: r.next.seq, kind: kindIncr})
	l.mu.Unlock()
	err := r.dirSyncFails(l.disk.publish(&m))
	if err != nil && l.Err() == nil {
		r.dropNext()
	} else if err != nil {
		_ = r.next.file.Close() // it is not known whether the manifest lists the file
	}
	l.mu.Lock()
	l.writing, l.syncing = false, false
	if err != nil {
		r.revertLocked()
		return err
	}
	old := l.tail
	l.sizes.closed += old.size
	l.tail, l.cut = r.next, nil
	l.change.Broadcast()
	l.mu.Unlock()
	if err := old.file.Close(); err != nil {
		l.env.Logger.Warn("close of a synced increment", "file", old.name, "err", err)
	}
	l.mu.Lock()
	return nil
}

// finishOldLocked writes what was appended before the cut to the old increment and syncs it.
func (r *rewrite) finishOldLocked(ctx context.Context) error {
	l := r.log
	if l.err != nil {
		return l.err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if before := l.cut.before; len(before) > 0 {
		l.cut.before = nil
		if _, err := l.writeGroupLocked(before, l.cut.at); err != nil {
			return err
		}
	}
	return l.syncLocked()
}

// revertLocked goes on with the old increment: what was appended since the cut begins with a
// SELECT and may follow in any file.
func (r *rewrite) revertLocked() {
	l := r.log
	if l.err == nil {
		l.buf = append(l.cut.before, l.buf...)
	}
	l.cut = nil
	l.change.Broadcast()
}

// writeBase is step 5.
func (r *rewrite) writeBase(ctx context.Context, b Base, rdb bool) (manifestFile, int64, error) {
	disk := r.log.disk
	disk.baseSeq++
	base := manifestFile{seq: disk.baseSeq, kind: kindBase}
	base.name = baseName(disk.filename, base.seq, rdb)
	size, err := snapshot.Replace(disk.fs, disk.dir, base.name, func(w io.Writer) error {
		cw := &baseWriter{ctx: ctx, w: w, crc: groupSeed(base.seq, 0)}
		if rdb {
			return b.RDB(cw)
		}
		if err := b.Commands(cw); err != nil || !r.log.marked {
			return err
		}
		_, err := w.Write(appendMark(nil, cw.crc, 0))
		return err
	})
	return base, size, err
}

// baseWriter ends with its context and sums what passes.
type baseWriter struct {
	ctx context.Context
	w   io.Writer
	crc uint32
}

func (w *baseWriter) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := w.w.Write(p)
	w.crc = sum(w.crc, p[:n])
	return n, err
}

// baseFails ends a rewrite without a base.
func (r *rewrite) baseFails(err error) error {
	err = r.dirSyncFails(err)
	if r.fresh {
		r.forget()
		r.dropNext()
	}
	return err
}

// forgetLocked goes back to no file at all, or to the failed one.
func (l *Log) forgetLocked() {
	for l.writing || l.syncing {
		l.waitLocked()
	}
	l.mute, l.buf, l.cut = true, nil, nil
	if l.err == nil {
		l.tail = nil
		l.written, l.synced = l.appended, l.appended
	}
	l.change.Broadcast()
}

func (r *rewrite) forget() {
	l := r.log
	l.mu.Lock()
	l.forgetLocked()
	if l.tail == r.next {
		l.tail = nil
	}
	l.mu.Unlock()
}

// publish is step 6.
func (r *rewrite) publish(base manifestFile) error {
	old := r.log.disk.manifest
	m := &manifest{
		base:  &base,
		incrs: []manifestFile{{name: r.next.name, seq: r.next.seq, kind: kindIncr}},
	}
	if old != nil {
		m.history = append(m.history, old.history...)
		for _, f := range old.files() {
			if f.name != r.next.name && !r.log.disk.legacy {
				f.kind = kindHistory
				m.history = append(m.history, f)
			}
		}
	}
	err := r.log.disk.publish(m)
	r.log.disk.legacy = r.log.disk.legacy && !r.log.disk.listed
	return err
}

// publishFresh is step 6 for a log without an old file: what was appended since the cut becomes durable
// together with the base. Writers wait.
func (r *rewrite) publishFresh(base manifestFile) error {
	l := r.log
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.writing || l.syncing {
		l.waitLocked()
	}
	if r.failed == nil { // step 3, on the new increment
		if l.err == nil && len(l.buf) > 0 {
			_ = l.writeLocked()
		}
		if l.err == nil {
			_ = l.syncLocked()
		}
		if l.err != nil {
			return l.err
		}
	}
	l.writing, l.syncing = true, true
	l.mu.Unlock()
	err := r.publish(base)
	l.mu.Lock()
	l.writing, l.syncing = false, false
	if err == nil {
		r.takeOverLocked()
	}
	l.change.Broadcast()
	return err
}

// takeOverLocked makes the new increment the log's file after a failure, or the first one.
func (r *rewrite) takeOverLocked() {
	l := r.log
	l.published = true
	if r.failed == nil {
		return
	}
	if l.tail != nil {
		_ = l.tail.file.Close() // it has failed already
	}
	l.written, l.synced = l.cut.at, l.cut.at
	l.tail, l.cut, l.err = r.next, nil, nil
	l.epochOpen, l.epochSynced = false, l.epoch
	if len(l.buf) > 0 && !l.flushSet {
		l.flushSet = true
		l.flushTimer.Reset(flushAfter)
	}
}

// publishFails ends a rewrite whose base is not listed, unless it is not known whether it is.
func (r *rewrite) publishFails(base manifestFile, err error) error {
	l := r.log
	var dirSync *snapshot.DirSyncError
	unknown := errors.As(err, &dirSync)
	err = r.dirSyncFails(err)
	if unknown {
		if r.fresh {
			r.forget()
			_ = r.next.file.Close()
		}
		return err
	}
	if e := l.disk.fs.Remove(filepath.Join(l.disk.dir, base.name)); e != nil {
		l.env.Logger.Warn("an unlisted base of the log stays", "file", base.name, "err", e)
	}
	if r.fresh {
		r.forget()
		r.dropNext()
	}
	return err
}

// settle notes the sizes of the new log.
func (r *rewrite) settle(base manifestFile, size int64) {
	l := r.log
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sizes.closed = size
	l.sizes.base = size + l.tail.size
	l.change.Broadcast()
}

// clean is steps 7 and 8. The rewrite has succeeded already.
func (r *rewrite) clean() error {
	l := r.log
	if len(l.disk.manifest.history) == 0 || !removeHistory(l, l.disk.manifest) {
		return nil
	}
	m := *l.disk.manifest
	m.history = nil
	err := r.dirSyncFails(l.disk.publish(&m))
	if err != nil {
		l.env.Logger.Warn("the manifest still lists deleted files", "dir", l.disk.dir, "err", err)
	}
	return l.Err()
}
