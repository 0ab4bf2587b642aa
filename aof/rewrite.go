package aof

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/perduredb/perdure/aof/internal/wire"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/errtext"
	"github.com/perduredb/perdure/snapshot"
)

// rewrite is a Rewrite. A crash leaves, after
//
//  1. BeginRewrite: the old log, and an unlisted incremental file.
//  2. Cut: as before; records appended since are in memory, and none of them is acknowledged.
//  3. the old incremental file is written up to the switch point, and synced: the log up to there.
//  4. the manifest {old base file, old incremental files, new incremental file} is published: that
//     log. Only then is the new incremental file written to.
//  5. the base file is written, synced and renamed: as before, and an unlisted base file.
//  6. the manifest {new base file, old files as obsolete, new incremental file} is published: the
//     new log. This is the commit; the next Start deletes the old files.
//  7. the old files are deleted: the new log.
//  8. the manifest {new base file, new incremental file} is published: the new log.
//
// A log that has failed is not written to. Steps 3 and 4 are then omitted, and the records appended
// before Cut are only in the base file. The records appended after Cut wait in memory, and the old
// log is unchanged until step 6. A first base file is also made this way, and records appended
// before step 6 are not safe. So no incremental file contains a command before a manifest lists it.
type rewrite struct {
	log  *Log
	next *incrFile // the new incremental file
	// fresh is set for a log without an old file to continue: it has failed, or is new.
	fresh  bool
	failed error  // failure that this rewrite clears
	stamp  []byte // first line of a base file of commands, if timestamps are on

	state rewriteState // guarded by log.mu
}

type rewriteState uint8

const (
	rewriteBegun      rewriteState = iota
	rewriteCut                     // Cut was called
	rewriteCommitting              // Commit runs
	rewriteEnded
)

// switchPoint is a buffer that is divided between two files, until the second one may be written
// to.
type switchPoint struct {
	before group              // for the old file
	since  time.Time          // time of its first byte, in Ring mode
	at     appendlog.Position // start of the new file
}

// BeginRewrite prepares to replace the log by a new base file. It syncs the newest incremental
// file, so that Cut and Commit have little left to do, and creates the next one. It can be called
// instead of Replay and Start to begin a log, and on a failed log to recover it.
func (l *Log) BeginRewrite() (begun appendlog.Rewrite, err error) {
	defer errtext.Name(&err)
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

// reserve ensures that only one rewrite is in progress.
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
	next, err := createIncrFile(l.disk, l.marked, l.newIdentity(before))
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

// dirSyncFails puts the log into the failed state if err is from the sync of a directory, because
// the state on disk is then unknown.
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

// Cut is step 2. Everything appended before it is in the base file. Everything appended after it
// goes to the new incremental file, beginning with a SELECT.
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
	l.pending.reselect, l.pending.second = true, 0
	if r.fresh {
		l.dropLocked(l.pending.forget())
		l.mute = false
		l.cut = &switchPoint{at: l.pending.appended}
		return
	}
	if l.err == nil { // the records appended from here on have a region, and begin the new file
		if len(l.pending.buf) > 0 {
			l.mirror.next(l.pending.appended)
			l.paceLocked()
		}
		l.mirror.begin(r.next.seq)
	}
	l.cut = &switchPoint{before: l.pending.take(), since: l.pending.since, at: l.pending.appended}
}

// Abort cancels a Rewrite before Cut. After Commit, or a second time, it does nothing.
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

// endLocked ends the rewrite, so that the next one can begin and the fsync policy applies again.
func (r *rewrite) endLocked() {
	l := r.log
	r.state = rewriteEnded
	l.rewrite = nil
	l.paceLocked()
	if l.interval.open {
		l.interval.timer.Reset(0)
	}
	l.waits.wakeAll()
}

// dropNext removes the new incremental file, which no manifest lists.
func (r *rewrite) dropNext() {
	if err := r.next.discard(r.log.disk.fs); err != nil {
		r.log.env.Logger.Warn("an unlisted file of the log stays", "file", r.next.name, "err", err)
	}
}

// Commit executes steps 3 to 8. On an error the log continues as before, with one more incremental
// file if step 4 was done. A log that had failed, or did not have a base file yet, stays in that
// state. A failed write or sync of the old incremental file, or a failed sync of a directory, puts
// the log into the failed state.
func (r *rewrite) Commit(ctx context.Context, b appendlog.Base) (err error) {
	defer errtext.Name(&err)
	l := r.log
	l.mu.Lock()
	if r.state != rewriteCut {
		l.mu.Unlock()
		return fmt.Errorf("%w: Commit must be called once, after Cut", appendlog.ErrClosed)
	}
	r.state = rewriteCommitting
	rdb := l.config.rdbBase
	if l.config.timestamps {
		r.stamp = wire.AppendTimestamp(nil, time.Now().Unix())
	}
	l.mu.Unlock()

	err = r.commit(ctx, b, rdb)

	l.mu.Lock()
	defer l.mu.Unlock()
	r.endLocked()
	return err
}

func (r *rewrite) commit(ctx context.Context, b appendlog.Base, rdb bool) error {
	l := r.log
	if !r.fresh {
		if err := r.switchFile(ctx); err != nil {
			return err
		}
	}
	base, size, err := r.writeBase(ctx, b, rdb)
	if err != nil {
		return r.baseFails(err)
	}
	if r.fresh {
		err = r.installFresh(base)
	} else if err = l.Sync(ctx); err == nil {
		err = r.install(base)
	}
	if err != nil {
		return r.installFails(base, err)
	}
	if r.fresh {
		if err := r.beginFresh(); err != nil {
			return err
		}
	}
	r.recordSizes(base, size)
	return r.clean()
}
