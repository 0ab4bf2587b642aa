package aof

import (
	"time"

	"github.com/perduredb/perdure/aof/internal/ring"
	"github.com/perduredb/perdure/aof/internal/wire"
	"github.com/perduredb/perdure/appendlog"
)

// This file contains the use of a ring by a Log. In Direct mode there is no ring.

// drainAbove is the buffer length at which the flusher is woken before its timer fires. If regions
// are smaller, the writers write the buffer.
const drainAbove = 256 << 10

// makeRing creates the tail file or records why it could not. The log's directory must not be used
// by another goroutine during the call.
func (l *Log) makeRing() {
	l.mu.Lock()
	config, has := l.config, l.ring != nil
	l.mu.Unlock()
	if config.mode != Ring || has {
		return
	}
	if config.fsync == Always { // it would not be used
		l.mu.Lock()
		l.noRing = "under always a write waits for the disk"
		l.mu.Unlock()
		return
	}
	created, err := ring.Create(l.disk.fs, l.disk.dir, l.disk.filename, config.ringSize)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.noRing = err.Error()
		l.env.Logger.Warn("the log goes on without Ring", "dir", l.disk.dir, "err", err)
		return
	}
	l.ring, l.broken, l.noRing = created, nil, ""
}

// restartRingLocked starts to use the ring where the log continues, at the end of its incremental
// file.
func (l *Log) restartRingLocked() {
	if l.ring != nil {
		l.ringLocked(l.ring.Restart(l.written, l.incr.seq, l.incr.size, l.appended > l.written))
	}
	l.paceLocked()
}

// ringLocked handles the result of a store. If the store failed, it ends the ring. The records are
// in memory too, and are written at once.
func (l *Log) ringLocked(err error) {
	if err == nil {
		return
	}
	l.noRing = err.Error()
	l.env.Logger.Error("the log goes on without Ring", "file", l.ring.Path, "err", err)
	l.broken = l.ring
	l.dropRingLocked()
	l.callFlusher()
}

// dropRingLocked ends the ring. It keeps the file.
func (l *Log) dropRingLocked() {
	old := l.ring
	l.ring = nil
	l.paceLocked()
	if err := old.Close(); err != nil {
		l.env.Logger.Warn("close of the log's tail file", "file", old.Path, "err", err)
	}
}

// endRingLocked ends the ring when the log is closed, and returns the path of its file.
func (l *Log) endRingLocked() string {
	path := ""
	if l.broken != nil {
		path = l.broken.OwnPath(l.disk.fs)
	}
	if l.ring != nil {
		path = l.ring.OwnPath(l.disk.fs) // while the mapping prevents the reuse of the file's identity
		l.dropRingLocked()
	}
	l.paceLocked()
	return path
}

// removeBrokenLocked deletes the file of a ring that has failed, once all records are in an
// incremental file.
func (l *Log) removeBrokenLocked() {
	if l.broken == nil || l.closing || l.err != nil || l.writing || l.cut != nil || len(l.buf) > 0 {
		return
	}
	if l.firstMarkLocked(); l.err != nil {
		return
	}
	path := l.broken.OwnPath(l.disk.fs)
	l.broken = nil
	l.mu.Unlock()
	defer l.mu.Lock()
	l.removeTailFile(path)
}

// firstMarkLocked writes and syncs the commit marker that must be in an incremental file before any
// write is acknowledged. The marker after the opening line distinguishes a file that has lost its
// manifest from one that never had one. The marker also records the id of the tail file in use, so
// that Open detects a missing or a wrong tail file. firstMarkLocked does nothing if the file has
// both. The caller must have checked that no other write is in progress. A failure is reported in
// l.err.
func (l *Log) firstMarkLocked() {
	id := uint64(0)
	if l.ring != nil {
		id = l.ring.ID
	}
	bare := l.incr.size <= int64(wire.OpeningLen)
	if !l.marked || l.err != nil || !bare && id == l.ringNoted {
		return
	}
	if l.ring != nil && l.ring.InFlight() { // the group's write would also clear these regions
		panic("aof: a mark between regions that are not written")
	}
	ring := &wire.Note{Prefix: wire.RingPrefix, ID: id}
	if id == 0 && l.ringNoted == 0 {
		ring = nil
	}
	l.markLocked(ring)
}

// markLocked writes and syncs an empty commit marker.
func (l *Log) markLocked(ring *wire.Note) {
	g := group{note: ring, first: -1, last: max(0, l.db)}
	l.incr.alignMarker(&g, l.incr.durable, false)
	l.groupSince = time.Now()
	if _, err := l.writeGroupLocked(g, l.written); err != nil {
		return
	}
	if l.waitSyncedLocked() != nil || l.syncLocked() != nil {
		return
	}
	if ring != nil {
		l.ringNoted = ring.ID
	}
}

// removeTailFile deletes a tail file whose records are all in the log.
func (l *Log) removeTailFile(path string) {
	if path == "" {
		return
	}
	if err := l.disk.fs.Remove(path); err != nil {
		l.env.Logger.Warn("the log's tail file stays", "file", path, "err", err)
	}
}

// keepLocked mirrors the records appended to the buffer after its first before bytes.
func (l *Log) keepLocked(before int) {
	if before == 0 {
		l.bufSince = time.Now()
	}
	if l.config.fsync == Always {
		l.ring.Skip() // its writer waits for the fsync
		return
	}
	if !l.epochOpen {
		l.openEpochLocked(l.bufSince)
	}
	each := int(l.ring.RegionSize)
	if err := l.ring.Append(l.buf[before:]); err != nil {
		l.ringLocked(err)
	} else if l.ring.Safe < l.appended {
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

// bypassRingLocked records that the records after the first before bytes of the buffer are not
// mirrored.
func (l *Log) bypassRingLocked(before int) {
	if before == 0 {
		l.bufSince = time.Now()
	}
	if l.config.fsync != Always && !l.epochOpen {
		l.openEpochLocked(l.bufSince)
	}
	l.ring.Skip()
	l.slow.Store(true)
}

// callFlusher wakes the flusher without waiting for it.
func (l *Log) callFlusher() {
	select {
	case l.full <- struct{}{}:
	default: // it was woken already
	}
}

// keptLocked reports whether the tail file has everything up to p and writers need not help to
// write.
func (l *Log) keptLocked(p appendlog.Position) bool {
	return l.ring != nil && l.published && p <= l.ring.Safe && !l.crowded
}

// paceLocked sets whether Commit must take the slow path. It need not if everything appended is
// safe and no caller has to wait for anything else. Append ends that state.
func (l *Log) paceLocked() {
	l.slow.Store(l.ring == nil || l.ring.Safe < l.appended || l.err != nil || !l.published || l.phase != phaseRunning ||
		l.crowded || l.forcesLocked() || l.lateLocked())
}

// turnRingLocked advances to the next region after the buffer was detached.
func (l *Log) turnRingLocked() {
	l.crowded = false
	if l.ring != nil {
		l.ringLocked(l.ring.Next(l.appended))
		l.paceLocked()
	}
}

// handOverLocked records where the regions of a group will be written, and returns the number of
// these regions.
func (l *Log) handOverLocked() (regions int) {
	if l.ring == nil {
		return 0
	}
	n, err := l.ring.Writing(l.incr.seq, l.incr.size)
	l.ringLocked(err)
	return n
}

// ringWrittenLocked records that the regions of a group are written.
func (l *Log) ringWrittenLocked(regions int) {
	// After a failed sync the disk may lack the written bytes: keep the regions.
	if l.ring != nil && l.err == nil {
		l.ringLocked(l.ring.Written(regions, l.incr.seq, l.incr.size))
		l.paceLocked()
	}
}

// cutRingLocked advances to the next region at a Cut. The records appended from here on begin an
// incremental file, if the manifest will list it.
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
		l.ringLocked(l.ring.Begin(seq))
	}
}

// moveRingLocked makes the active region continue the incremental file that the manifest now lists.
// Everything before it is written.
func (l *Log) moveRingLocked() {
	if l.ring != nil && l.err == nil {
		l.ringLocked(l.ring.Continue(l.incr.seq, l.incr.size))
		l.beginRingLocked(0)
	}
}

// sinceLocked returns the time at which the oldest byte of the written group was acknowledged; in
// Direct mode that is now.
func (l *Log) sinceLocked() time.Time {
	if l.ring == nil {
		return time.Now()
	}
	return l.groupSince
}

// keepEpochLocked opens the next epoch if the sync that begins does not make all acknowledged bytes
// durable.
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

// drainLocked writes the records that are only in the tail file, for the sync that follows.
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
