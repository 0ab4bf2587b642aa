package aof

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/perduredb/perdure/aof/internal/manifest"
	"github.com/perduredb/perdure/aof/internal/wire"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/dirfs"
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/snapshot"
)

// Start prepares a replayed log for Append. A crash leaves:
//
//  0. with Env.Until, the states listed at cutAtUntil.
//  1. after the directories are synced: the log as it was replayed, including a rename that a
//     killed process did not sync.
//  2. after the torn tail is truncated and the file is synced: the log without it.
//  3. after the directory of a single-file log is created: that log.
//  4. after the manifest that lists the single file is published: an upgrade that the next Start,
//     or a Redis, continues.
//  5. after the single file is moved: the log with that file as its base file; its old name may
//     still exist.
//  6. after the new incremental file is created, if there was none: an unlisted file.
//  7. after the manifest is published: the log, ready.
//  8. after a closing marker is written: the same.
//  9. while the missing records of the tail file are written after that, and synced: the same, or
//     the log with these records, in one group.
//  10. after the tail file is deleted or renamed: the log with these records.
//  11. after an empty tail file is created, in Ring mode: the same.
//  12. after the first marker, and the one that reports the tail file, are written and synced: the
//     same.
//
// If Start returns an error, the log cannot be used, but nothing that Replay has passed on is lost.
func (l *Log) Start() error {
	l.ctl.Lock()
	defer l.ctl.Unlock()
	l.mu.Lock()
	wrong := l.phase != phaseReplayed
	replay := l.replay
	l.mu.Unlock()
	if wrong {
		return fmt.Errorf("%w: Start comes after Replay", appendlog.ErrClosed)
	}
	if err := l.disk.settle(); err != nil {
		return err
	}
	if err := removeTemps(l.disk); err != nil {
		return err
	}
	if l.disk.hasDir {
		probe := filepath.Join(l.disk.dir, snapshot.TempPrefix+"probe")
		if err := vfs.CheckWritable(l.disk.fs, probe); err != nil {
			return fmt.Errorf("the log's directory cannot be written: %w", err)
		}
	}
	var later []manifest.File
	if replay.past {
		var err error
		if later, err = l.cutAtUntil(&replay); err != nil {
			return err
		}
	}
	if last := l.disk.manifest.Last(); last != nil && replay.lastCut < replay.lastSize {
		if err := cutFile(l.disk, l.disk.path(last), replay.lastCut); err != nil {
			return err
		}
	}
	l.removeLater(later)
	if err := l.adopt(); err != nil {
		return err
	}
	tail, created, err := l.openTail(&replay)
	if err != nil {
		return err
	}
	if err := l.settleTail(&replay.tail); err != nil {
		return errors.Join(err, tail.file.Close())
	}
	l.makeRing()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, size := range replay.sizes {
		l.sizes.closed += size
	}
	if !created {
		l.sizes.closed -= replay.lastCut
	}
	if l.disk.manifest.Base != nil {
		l.sizes.base = replay.sizes[0]
	}
	l.tail, l.published, l.mute, l.disk.salt = tail, true, false, tail.id.Salt
	l.phase = phaseRunning
	l.startTasksLocked()
	l.restartRingLocked()
	l.firstMarkLocked()
	return l.err
}

// removeTemps deletes the temporary files of an interrupted replacement.
func removeTemps(disk *layout) error {
	if !disk.hasDir {
		return nil
	}
	return snapshot.RemoveTemps(dirfs.New(disk.fs), disk.dir)
}

// cutFile durably truncates a file.
func cutFile(disk *layout, path string, size int64) error {
	f, err := disk.fs.OpenWrite(path)
	if err != nil {
		return err
	}
	if err = f.Truncate(size); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// adopt moves the single file of Redis 6 into the log's directory, in the two steps of Redis: first
// it publishes a manifest that lists the file, then it moves the file.
func (l *Log) adopt() error {
	disk := l.disk
	if !disk.legacy {
		return nil
	}
	if err := disk.makeDir(); err != nil {
		return err
	}
	from, to := disk.path(disk.manifest.Base), filepath.Join(disk.dir, disk.manifest.Base.Name)
	// Check before the manifest lists the name, because the next Open uses whatever is listed.
	if _, err := disk.fs.Lstat(to); err == nil {
		return fmt.Errorf("%s is in the way of %s, which is to have that name: %w", to, from, fs.ErrExist)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if !disk.listed {
		if err := disk.publish(disk.manifest); err != nil {
			return err
		}
	}
	if err := disk.move(from, to); err != nil {
		return err
	}
	disk.legacy = false
	return nil
}

// openTail opens the newest incremental file, or creates one.
func (l *Log) openTail(replay *replayResult) (tail *incr, created bool, err error) {
	m := l.disk.manifest
	next := *m
	changed := len(m.Obsolete) > 0 && removeHistory(l, m)
	if changed {
		next.Obsolete = nil
	}
	if len(m.Incrs) == 0 {
		if tail, err = createIncr(l.disk, l.marked, l.newIdentity(replay.neighbor.Salt)); err != nil {
			return nil, false, err
		}
		next.Incrs = []manifest.File{tail.line()}
		if err := l.disk.publish(&next, tail); err != nil {
			return nil, false, errors.Join(err, tail.file.Close())
		}
		return tail, true, nil
	}
	// Redis 8 records the end of an incremental file when it closes it. That end is no longer
	// valid.
	last := m.Last()
	if kept := last.Without("endoffset"); len(kept.Extra) != len(last.Extra) {
		next.Incrs = append(append([]manifest.File(nil), m.Incrs[:len(m.Incrs)-1]...), kept)
		changed = true
	}
	if changed {
		if err := l.disk.publish(&next); err != nil {
			return nil, false, err
		}
	}
	if tail, err = openIncr(l.disk.fs, l.disk.path(last), last); err != nil {
		return nil, false, err
	}
	if err := l.closeTail(tail, replay); err != nil {
		return nil, false, errors.Join(err, tail.file.Close())
	}
	if !l.marked && tail.id.Salt != 0 {
		tail, err = l.leaveMarked(tail)
		return tail, true, err
	}
	return tail, false, nil
}

// leaveMarked continues the log in a new incremental file without commit markers. In a file with
// markers, bytes that no marker covers are a torn group. A crash leaves an unlisted incremental
// file, or the log with an empty one.
func (l *Log) leaveMarked(old *incr) (*incr, error) {
	m, err := old.closedIn(l.disk.manifest)
	if err = errors.Join(err, old.file.Close()); err != nil {
		return nil, err
	}
	next, err := createIncr(l.disk, false, wire.Identity{})
	if err != nil {
		return nil, err
	}
	m.Incrs = append(m.Incrs, next.line())
	if err := l.disk.publish(m, next); err != nil {
		return nil, errors.Join(err, next.file.Close())
	}
	return next, nil
}

// closeTail makes the contents of a file durable. If no commit marker covers the end of the file,
// it adds one. That separates the following groups from the bytes that another program wrote.
func (l *Log) closeTail(tail *incr, replay *replayResult) error {
	if tail.size != replay.lastCut {
		return fmt.Errorf("%s: the file has changed since it was replayed", tail.path)
	}
	if replay.synced > 0 && tail.size == replay.closedAt && replay.tail.Size == 0 {
		tail.durable = replay.synced
		end, _, err := l.disk.endOf(l.disk.manifest.Last())
		if end.close != 0 { // a marker without an ID does not name the end of the log
			tail.closedAt = tail.size
		}
		return err
	}
	marked := l.marked || tail.id.Salt != 0
	if l.marked && tail.size == 0 {
		tail.id = l.newIdentity(replay.before.Salt)
		if err := tail.open(); err != nil {
			return err
		}
	} else if marked && replay.openTail {
		g := group{last: replay.openDB}
		tail.placeMark(&g, 0, false)
		if _, err := tail.write(wire.AppendMarker(g.buf, wire.Sum(replay.openCRC, g.buf), 0, nil)); err != nil {
			return err
		}
	}
	if err := tail.merge(&replay.tail, marked); err != nil {
		return err
	}
	if marked && replay.ring != 0 && replay.tail.Size == 0 { // before the tail file is removed
		if err := tail.endRing(replay.openDB); err != nil {
			return err
		}
	}
	if err := tail.file.Sync(); err != nil {
		return err
	}
	tail.durable = tail.size
	return nil
}

// removeHistory deletes the files that the manifest lists as obsolete, and reports whether all of
// them are gone.
func removeHistory(l *Log, m *manifest.Manifest) bool {
	gone := true
	for _, f := range m.Obsolete {
		err := l.disk.fs.Remove(filepath.Join(l.disk.dir, f.Name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			l.env.Logger.Warn("cannot delete a file of the log's past", "file", f.Name, "err", err)
			gone = false
		}
	}
	return gone
}
