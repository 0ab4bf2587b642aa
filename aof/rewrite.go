package aof

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/perduredb/perdure/appendlog"
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
//  6. the manifest {new base, old files as history, new increment} is published: the new log.
//     This is the commit; the next Start deletes the old files.
//  7. the old files are deleted: the new log.
//  8. the manifest {new base, new increment} is published: the new log.
//
// A log that has failed is not written to any more: steps 3 and 4 are left out, what was
// appended before Cut is only in the base, what is appended later waits in memory, and until
// step 6 the old log stays as it is. A first base is made in the same way; what is appended before
// step 6 is not safe. So no increment holds a command before a manifest lists it.
type rewrite struct {
	log  *Log
	next *incr // the new increment
	// fresh says that there is no old file to go on with: the log has failed, or is new.
	fresh  bool
	failed error  // the failure that this rewrite is to clear
	stamp  []byte // the first line of a base of commands, when timestamps are on

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
	before group              // for the old file
	since  time.Time          // when its first byte came, in Ring mode
	at     appendlog.Position // where the new file begins
}

// BeginRewrite prepares to replace the history by a new base: it syncs the newest increment, so
// that Cut and Commit find little left to do, and makes the next one. It may be called in place of
// Replay and Start to begin a log, and on a failed log to mend it.
func (l *Log) BeginRewrite() (appendlog.Rewrite, error) {
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
		return nil, appendlog.ErrClosed
	case l.rewrite != nil:
		return nil, appendlog.ErrRewriteRunning
	}
	l.rewrite = &rewrite{log: l, fresh: l.err != nil || !l.published, failed: l.err}
	l.paceLocked()
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
	l.mu.Lock()
	before := l.disk.salt
	l.mu.Unlock()
	next, err := createIncr(l.disk, l.marked, l.newIdentity(before))
	if err != nil {
		return r.dirSyncFails(err)
	}
	l.mu.Lock()
	r.next = next
	closed := l.phase == phaseClosed
	l.mu.Unlock()
	if closed {
		r.dropNext()
		return appendlog.ErrClosed
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
	l.reselect, l.stamped = true, 0
	if r.fresh {
		l.forgetBufferLocked()
		l.mute = false
		l.cut = &cut{at: l.appended}
		return
	}
	l.cutRingLocked(r.next.seq)
	l.cut = &cut{before: l.takeLocked(), since: l.bufSince, at: l.appended}
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
	l.paceLocked()
	if l.epochOpen {
		l.syncTimer.Reset(0)
	}
	l.wakeLocked()
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
func (r *rewrite) Commit(ctx context.Context, b appendlog.Base) error {
	l := r.log
	l.mu.Lock()
	if r.state != rewriteCut {
		l.mu.Unlock()
		return fmt.Errorf("%w: Commit comes once, after Cut", appendlog.ErrClosed)
	}
	r.state = rewriteCommitting
	rdb := l.config.rdbBase
	if l.config.timestamps {
		r.stamp = appendStamp(nil, time.Now().Unix())
	}
	l.mu.Unlock()

	err := r.commit(ctx, b, rdb)

	l.mu.Lock()
	defer l.mu.Unlock()
	r.endLocked()
	return err
}

func (r *rewrite) commit(ctx context.Context, b appendlog.Base, rdb bool) error {
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
	if r.fresh {
		if err := r.goOn(); err != nil {
			return err
		}
	}
	r.settle(base, size)
	return r.clean()
}
