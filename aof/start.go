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
	"github.com/perduredb/perdure/internal/errtext"
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/snapshot"
)

// Start prepares a replayed log for Append. A crash leaves:
//
//  0. with Env.Until, before step 2: the whole log, or the log up to the end of the file that
//     contains that time, and a copy of the whole log.
//  1. after the directories are synced: the log as replayed, including a rename that a killed
//     process did not sync.
//  2. after the torn tail is truncated and the file is synced: the log without it.
//  3. after the directory of a single-file log is created: that log.
//  4. after the manifest that lists the single file is published: an upgrade that the next Start,
//     or a Redis, continues.
//  5. after the single file is moved: the log with that file as its base file; its old name may
//     still exist.
//  6. after the new incremental file is created, if one was needed: an unlisted file.
//  7. after the manifest is published: the log, ready.
//  8. after a closing marker is written: as before.
//  9. while the missing records of the tail file are written after that, and synced: as before, or
//     the log with these records, in one group.
//  10. after the tail file is deleted or renamed: the log with these records.
//  11. after an empty tail file is created, in Ring mode: as before.
//  12. after the first marker, and the one that reports the tail file, are written and synced: as
//     before.
//
// If Start returns an error, the log cannot be used, but nothing that Replay has passed on is lost.
func (l *Log) Start() (err error) {
	defer errtext.Name(&err)
	l.ctl.Lock()
	defer l.ctl.Unlock()
	l.mu.Lock()
	wrong := l.phase != phaseReplayed
	replay := l.replay
	l.mu.Unlock()
	if wrong {
		return fmt.Errorf("%w: Start must be called after Replay", appendlog.ErrClosed)
	}
	s := &starter{log: l, disk: l.disk, replay: &replay}
	incr, created, err := s.run()
	if err != nil {
		return err
	}
	made, reason := l.makeRing()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, size := range replay.sizes {
		l.out.sizes.closed += size
	}
	if !created {
		l.out.sizes.closed -= replay.lastGood
	}
	if l.disk.manifest.Base != nil {
		l.out.sizes.base = replay.sizes[0]
	}
	l.out.incr, l.published, l.mute, l.disk.salt = incr, true, false, incr.id.Salt
	l.phase = phaseRunning
	l.startTasksLocked()
	l.restartMirrorLocked(made, reason)
	l.firstMarkerLocked()
	return l.err
}

// starter executes the steps of Start that change files. No other goroutine uses the log during
// Start, so it works without a lock.
type starter struct {
	log    *Log
	disk   *layout
	replay *replayResult
}

// run executes steps 0 to 10. It returns the newest incremental file, and whether it has created
// it.
func (s *starter) run() (incr *incrFile, created bool, err error) {
	if err := s.disk.syncDirs(); err != nil {
		return nil, false, err
	}
	if err := removeTemps(s.disk); err != nil {
		return nil, false, err
	}
	if s.disk.hasDir {
		probe := filepath.Join(s.disk.dir, snapshot.TempPrefix+"probe")
		if err := vfs.CheckWritable(s.disk.fs, probe); err != nil {
			return nil, false, fmt.Errorf("log directory is not writable: %w", err)
		}
	}
	var later []manifest.File
	if s.replay.stopped {
		if later, err = s.truncateUntil(); err != nil {
			return nil, false, err
		}
	}
	if last := s.disk.manifest.Last(); last != nil && s.replay.lastGood < s.replay.lastSize {
		if err := truncateFile(s.disk, s.disk.path(last), s.replay.lastGood); err != nil {
			return nil, false, err
		}
	}
	s.removeLater(later)
	if err := s.adopt(); err != nil {
		return nil, false, err
	}
	if incr, created, err = s.openIncr(); err != nil {
		return nil, false, err
	}
	if err := s.retireTailFile(); err != nil {
		return nil, false, errors.Join(err, incr.file.Close())
	}
	return incr, created, nil
}

// removeTemps deletes the temporary files of an interrupted replacement.
func removeTemps(disk *layout) error {
	if !disk.hasDir {
		return nil
	}
	return snapshot.RemoveTemps(dirfs.New(disk.fs), disk.dir)
}

// truncateFile durably truncates a file.
func truncateFile(disk *layout, path string, size int64) error {
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
func (s *starter) adopt() error {
	disk := s.disk
	if !disk.legacy {
		return nil
	}
	if err := disk.makeDir(); err != nil {
		return err
	}
	from, to := disk.path(disk.manifest.Base), filepath.Join(disk.dir, disk.manifest.Base.Name)
	// Check before the manifest lists the name, because the next Open uses whatever is listed.
	if _, err := disk.fs.Lstat(to); err == nil {
		return fmt.Errorf("cannot rename %s to %s: %w", from, to, fs.ErrExist)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if !disk.listed {
		if err := disk.install(disk.manifest); err != nil {
			return err
		}
	}
	if err := disk.move(from, to); err != nil {
		return err
	}
	disk.legacy = false
	return nil
}

// openIncr opens the newest incremental file, or creates one.
func (s *starter) openIncr() (incr *incrFile, created bool, err error) {
	m := s.disk.manifest
	next := *m
	changed := len(m.Obsolete) > 0 && removeObsolete(s.log, m)
	if changed {
		next.Obsolete = nil
	}
	if len(m.Incrs) == 0 {
		if incr, err = createIncrFile(s.disk, s.log.marked, s.log.newIdentity(s.replay.neighbor.Salt)); err != nil {
			return nil, false, err
		}
		next.Incrs = []manifest.File{incr.entry()}
		if err := s.disk.install(&next, incr); err != nil {
			return nil, false, errors.Join(err, incr.file.Close())
		}
		return incr, true, nil
	}
	// Redis 8 records the end of an incremental file when it closes it. That end now becomes
	// invalid.
	last := m.Last()
	if kept := last.Without("endoffset"); len(kept.Extra) != len(last.Extra) {
		next.Incrs = append(append([]manifest.File(nil), m.Incrs[:len(m.Incrs)-1]...), kept)
		changed = true
	}
	if changed {
		if err := s.disk.install(&next); err != nil {
			return nil, false, err
		}
	}
	if incr, err = openIncrFile(s.disk.fs, s.disk.path(last), last); err != nil {
		return nil, false, err
	}
	if err := s.finishIncr(incr); err != nil {
		return nil, false, errors.Join(err, incr.file.Close())
	}
	if !s.log.marked && (incr.id.Salt != 0 || s.replay.marked) {
		incr, err = s.leaveMarked(incr)
		return incr, true, err
	}
	return incr, false, nil
}

// leaveMarked continues the log in a new incremental file without commit markers. In a file with
// markers, bytes that no marker covers are a torn group. A crash leaves an unlisted incremental
// file, or the log with an empty one.
func (s *starter) leaveMarked(old *incrFile) (*incrFile, error) {
	m, err := old.closedIn(s.disk.manifest)
	if err = errors.Join(err, old.file.Close()); err != nil {
		return nil, err
	}
	next, err := createIncrFile(s.disk, false, wire.Identity{})
	if err != nil {
		return nil, err
	}
	m.Incrs = append(m.Incrs, next.entry())
	if err := s.disk.install(m, next); err != nil {
		return nil, errors.Join(err, next.file.Close())
	}
	return next, nil
}

// finishIncr makes the contents of a file durable. If no commit marker covers the end of the file,
// it adds one. That separates the following groups from the bytes that another program wrote.
func (s *starter) finishIncr(incr *incrFile) error {
	if incr.size != s.replay.lastGood {
		return fmt.Errorf("%s: the file has changed since it was replayed", incr.path)
	}
	if s.replay.closedFrom > 0 && incr.size == s.replay.closedAt && s.replay.plan.Size == 0 {
		incr.durable = s.replay.closedFrom
		end, _, err := s.disk.endOf(s.disk.manifest.Last())
		if end.close != 0 { // a marker without an ID does not name the end of the log
			incr.closedSize = incr.size
		}
		return err
	}
	marked := s.log.marked || incr.id.Salt != 0 || s.replay.marked
	if s.log.marked && incr.size == 0 {
		incr.id = s.log.newIdentity(s.replay.before.Salt)
		if err := incr.writeOpening(); err != nil {
			return err
		}
	} else if marked && s.replay.unmarked {
		g := group{last: s.replay.unmarkedDB}
		incr.alignMarker(&g, 0, false)
		if _, err := incr.write(wire.AppendMarker(g.buf, wire.Sum(s.replay.unmarkedCRC, g.buf), 0, nil)); err != nil {
			return err
		}
	}
	if err := incr.appendPlan(&s.replay.plan, marked); err != nil {
		return err
	}
	// The log reports the end of the tail file before the tail file is removed.
	if marked && s.replay.tailFileID != 0 && s.replay.plan.Size == 0 {
		if err := incr.endTailFile(s.replay.unmarkedDB); err != nil {
			return err
		}
	}
	if err := incr.file.Sync(); err != nil {
		return err
	}
	incr.durable = incr.size
	return nil
}

// removeObsolete deletes the files that the manifest lists as obsolete, and reports whether all of
// them are gone.
func removeObsolete(l *Log, m *manifest.Manifest) bool {
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
