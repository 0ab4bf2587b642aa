package aof

import (
	"errors"
	"io"
	"path/filepath"
	"time"

	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/dirfs"
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/snapshot"
)

// This file is how a Log uses its ring. In Direct mode there is none.

// drainAbove is how long the buffer gets before the flusher is called, and its timer not waited for.
// Where regions are smaller, the writers do it.
const drainAbove = 256 << 10

// makeRing makes the tail file, or notes why there is none. Nobody else uses the log's directory
// meanwhile. A crash leaves:
//
//  1. while the file is written: a temporary file.
//  2. after it is renamed: an empty tail file.
func (l *Log) makeRing() {
	l.mu.Lock()
	config, has := l.config, l.ring != nil
	l.mu.Unlock()
	if config.mode != Ring || has {
		return
	}
	if config.fsync == Always { // nobody would use it
		l.mu.Lock()
		l.noRing = "under always a write waits for the disk"
		l.mu.Unlock()
		return
	}
	ring, err := createRing(l.disk, config.ringSize/ringRegions&^7)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.noRing = err.Error()
		l.env.Logger.Warn("the log goes on without Ring", "dir", l.disk.dir, "err", err)
		return
	}
	l.ring, l.broken, l.noRing = ring, nil, ""
}

func createRing(disk *layout, each int64) (*ring, error) {
	boot, err := disk.fs.Boot()
	if err != nil {
		return nil, err
	}
	name := tailName(disk.filename)
	path := filepath.Join(disk.dir, name)
	id := randomID()
	if _, err = snapshot.Replace(dirfs.New(disk.fs), disk.dir, name, func(w io.Writer) error {
		// Zeros, and not a hole: where no block was left for a store, it would be a fault.
		head := appendTailHead(nil, ringRegions, each, id, boot)
		for range ringRegions {
			head = appendRegionWords(head)
		}
		_, err := w.Write(append(head, make([]byte, tailHead+ringRegions*each-int64(len(head)))...))
		return err
	}); err != nil {
		// Somebody may have put a link in the place of the file, before it got its name.
		if info, e := disk.fs.Lstat(path); e == nil && !info.Mode().IsRegular() {
			_ = disk.fs.Remove(path) // the next Open refuses it otherwise
		}
		return nil, err
	}
	memory, err := disk.fs.Share(path)
	if err != nil {
		_ = disk.fs.Remove(path) // it is empty: whoever finds it has nothing to do
		return nil, err
	}
	r := newRing(memory, path, id, each)
	if r.file, err = disk.fs.Lstat(path); err != nil {
		return nil, errors.Join(err, memory.Close())
	}
	return r, nil
}

// restartRingLocked begins with the ring where the log goes on, at the end of its increment.
func (l *Log) restartRingLocked() {
	if l.ring != nil {
		l.ringLocked(l.ring.restart(l.written, l.tail.seq, l.tail.size, l.appended > l.written))
	}
	l.paceLocked()
}

// ringLocked takes what a store came to. One that fails ends the ring: what it has is in memory too, and is
// written at once.
func (l *Log) ringLocked(err error) {
	if err == nil {
		return
	}
	l.noRing = err.Error()
	l.env.Logger.Error("the log goes on without Ring", "file", l.ring.path, "err", err)
	l.broken = l.ring
	l.dropRingLocked()
	l.callFlusher()
}

// dropRingLocked ends the ring. Its file stays.
func (l *Log) dropRingLocked() {
	ring := l.ring
	l.ring = nil
	l.paceLocked()
	if err := ring.memory.Close(); err != nil {
		l.env.Logger.Warn("close of the log's tail file", "file", ring.path, "err", err)
	}
}

// endRingLocked ends the ring with the log, and gives the path of its file.
func (l *Log) endRingLocked() string {
	path := ""
	if l.broken != nil {
		path = l.ownTail(l.broken)
	}
	if l.ring != nil {
		path = l.ownTail(l.ring) // while the mapping keeps the file from being another one
		l.dropRingLocked()
	}
	l.paceLocked()
	return path
}

// removeBrokenLocked deletes the file of a ring that has failed, once an increment has everything.
func (l *Log) removeBrokenLocked() {
	if l.broken == nil || l.closing || l.err != nil || l.writing || l.cut != nil || len(l.buf) > 0 {
		return
	}
	if l.firstMarkLocked(); l.err != nil {
		return
	}
	path := l.ownTail(l.broken)
	l.broken = nil
	l.mu.Unlock()
	defer l.mu.Lock()
	l.removeTailFile(path)
}

// ownTail returns the path of a ring's file, or "" if another store has put its own there.
func (l *Log) ownTail(r *ring) string {
	found, err := l.disk.fs.Lstat(r.path)
	if err == nil && !vfs.SameFile(found, r.file) {
		return ""
	}
	return r.path
}

// firstMarkLocked writes what an increment must hold before anything is acknowledged: a mark after the
// opening line, by which a file that has lost its manifest differs from one that never had one, and the
// id of the tail file in use, so that Open finds out that it is missing, or is not the log's. It syncs
// the mark. It does nothing if the increment has both. The caller has seen that nobody else writes. A
// failure is found in l.err.
func (l *Log) firstMarkLocked() {
	id := uint64(0)
	if l.ring != nil {
		id = l.ring.id
	}
	bare := l.tail.size <= int64(openingLen)
	if !l.marked || l.err != nil || !bare && id == l.ringNoted {
		return
	}
	if l.ring != nil && len(l.ring.chain) > 1 { // to write a group is to write what they hold
		panic("aof: a mark between regions that are not written")
	}
	ring := &note{ringPrefix, id}
	if id == 0 && l.ringNoted == 0 {
		ring = nil
	}
	l.markLocked(ring)
}

// markLocked writes a mark over nothing, and syncs it.
func (l *Log) markLocked(ring *note) {
	g := group{note: ring, first: -1, last: max(0, l.db)}
	l.tail.placeMark(&g, l.tail.durable, false)
	l.groupSince = time.Now()
	if _, err := l.writeGroupLocked(g, l.written); err != nil {
		return
	}
	if l.waitSyncedLocked() != nil || l.syncLocked() != nil {
		return
	}
	if ring != nil {
		l.ringNoted = ring.id
	}
}

// removeTailFile deletes a tail file in which nothing is missing elsewhere.
func (l *Log) removeTailFile(path string) {
	if path == "" {
		return
	}
	if err := l.disk.fs.Remove(path); err != nil {
		l.env.Logger.Warn("the log's tail file stays", "file", path, "err", err)
	}
}

// keepLocked gives the ring what was appended to the buffer, which had before bytes.
func (l *Log) keepLocked(before int) {
	if before == 0 {
		l.bufSince = time.Now()
	}
	if l.config.fsync == Always {
		l.ring.skip() // its writer waits for the disk
		return
	}
	if !l.epochOpen {
		l.openEpochLocked(l.bufSince)
	}
	each := int(l.ring.each)
	if err := l.ring.append(l.buf[before:]); err != nil {
		l.ringLocked(err)
	} else if l.ring.safe < l.appended {
		l.slow.Store(true)
	}
	if before < drainAbove && len(l.buf) >= drainAbove {
		l.callFlusher()
	}
	if limit := each / 4 * 3; before < limit && len(l.buf) >= limit {
		l.crowded = true
		l.paceLocked()
	}
}

// bypassRingLocked notes that what was appended to the buffer, which had before bytes, is not for the ring.
func (l *Log) bypassRingLocked(before int) {
	if before == 0 {
		l.bufSince = time.Now()
	}
	if l.config.fsync != Always && !l.epochOpen {
		l.openEpochLocked(l.bufSince)
	}
	l.ring.skip()
	l.slow.Store(true)
}

// callFlusher does not wait for it.
func (l *Log) callFlusher() {
	select {
	case l.full <- struct{}{}:
	default: // it was called already
	}
}

// keptLocked tells whether the tail file has everything up to p, and writers need not help.
func (l *Log) keptLocked(p appendlog.Position) bool {
	return l.ring != nil && l.published && p <= l.ring.safe && !l.crowded
}

// paceLocked notes whether Commit must look closer. It need not when everything that was appended is
// safe, which Append ends, and nobody has to wait for anything else.
func (l *Log) paceLocked() {
	l.slow.Store(l.ring == nil || l.ring.safe < l.appended || l.err != nil || !l.published || l.phase != phaseRunning ||
		l.crowded || l.forcesLocked() || l.lateLocked())
}

// turnRingLocked follows the buffer, which was taken away.
func (l *Log) turnRingLocked() {
	l.crowded = false
	if l.ring != nil {
		l.ringLocked(l.ring.turn(l.appended))
		l.paceLocked()
	}
}

// handOverLocked notes where the regions of a group go, and tells how many these are.
func (l *Log) handOverLocked() (regions int) {
	if l.ring == nil {
		return 0
	}
	n, err := l.ring.handOver(l.tail.seq, l.tail.size)
	l.ringLocked(err)
	return n
}

// ringWrittenLocked notes that the regions of a group are written.
func (l *Log) ringWrittenLocked(regions int) {
	// After a failed sync the disk may lack what was written: then the regions stay.
	if l.ring != nil && l.err == nil {
		l.ringLocked(l.ring.written(regions, l.tail.seq, l.tail.size))
		l.paceLocked()
	}
}

// cutRingLocked follows the buffer at a Cut: what is appended from here on begins an increment, if the
// manifest comes to list it.
func (l *Log) cutRingLocked(seq int64) {
	if l.err != nil {
		return
	}
	if len(l.buf) > 0 {
		l.turnRingLocked()
	}
	l.beginRingLocked(seq)
}

func (l *Log) beginRingLocked(seq int64) {
	if l.ring != nil {
		l.ringLocked(l.ring.begins(seq))
	}
}

// moveRingLocked follows the log to the increment that the manifest now lists. Everything before is
// written.
func (l *Log) moveRingLocked() {
	if l.ring != nil && l.err == nil {
		l.ringLocked(l.ring.place(l.ring.active(), l.tail.seq, l.tail.size))
		l.beginRingLocked(0)
	}
}

// sinceLocked is when the oldest byte of the group that was written was promised: in Direct mode, now.
func (l *Log) sinceLocked() time.Time {
	if l.ring == nil {
		return time.Now()
	}
	return l.groupSince
}

// keepEpochLocked opens the next epoch when a sync begins that does not bring to the disk all that is
// promised.
func (l *Log) keepEpochLocked() {
	switch {
	case l.ring == nil || l.err != nil:
	case l.writing:
		l.openEpochLocked(l.groupSince)
	case l.cut != nil && len(l.cut.before.buf) > 0:
		l.openEpochLocked(l.cut.since)
	case len(l.buf) > 0:
		l.openEpochLocked(l.bufSince)
	}
}

// drainLocked writes what only the tail file has, for the sync that follows.
func (l *Log) drainLocked() {
	if l.ring == nil {
		return
	}
	for l.writing && l.err == nil {
		l.waitLocked()
	}
	if l.err == nil && l.phase == phaseRunning && l.cut == nil && len(l.buf) > 0 {
		_ = l.writeLocked() // a failure is sticky
	}
}
