package aof

import (
	"time"

	"github.com/perduredb/perdure/aof/internal/ring"
)

// This file contains the use of a ring by a Log. Direct mode works without a ring.

// drainAbove is the buffer length that wakes the flusher before its timer fires. If regions
// are smaller, the writers write the buffer.
const drainAbove = 256 << 10

// makeRing creates the tail file, for restartMirrorLocked. It returns nil and the reason for users
// if the log has one already, does not use one, or cannot create it. No other goroutine may use the
// log's directory during the call.
func (l *Log) makeRing() (made *ring.Ring, reason string) {
	l.mu.Lock()
	config, has := l.config, l.mirror.ring != nil
	l.mu.Unlock()
	switch {
	case config.mode != Ring || has:
		return nil, ""
	case config.fsync == Always: // it would not be used
		return nil, "under always a write waits for the disk"
	}
	made, err := ring.Create(l.disk.fs, l.disk.dir, l.disk.filename, config.ringSize)
	if err != nil {
		l.env.Logger.Warn("the log continues in Direct mode", "dir", l.disk.dir, "err", err)
		return nil, err.Error()
	}
	return made, ""
}

// restartMirrorLocked begins to mirror at the end of the log's file, in the ring that makeRing has
// returned if that is not nil. A ring becomes visible to Append together with its first region.
func (l *Log) restartMirrorLocked(made *ring.Ring, reason string) {
	l.mirror.reason = reason
	if made != nil {
		l.mirror.ring, l.mirror.broken = made, nil
	}
	l.mirror.restart(l.out.written, l.out.incr, l.pending.appended > l.out.written)
	l.paceLocked()
}

// removeBrokenLocked deletes the file of a ring that has failed, once all records are in an
// incremental file.
func (l *Log) removeBrokenLocked() {
	if l.mirror.broken == nil || l.closing || l.err != nil || l.out.writing || l.cut != nil || len(l.pending.buf) > 0 {
		return
	}
	if l.firstMarkerLocked(); l.err != nil {
		return
	}
	path := l.mirror.broken.OwnPath(l.disk.fs)
	l.mirror.broken = nil
	l.mu.Unlock()
	defer l.mu.Lock()
	l.disk.removeTailFile(path, l.env.Logger)
}

// mirrorLocked mirrors the records appended to the buffer after its first before bytes.
func (l *Log) mirrorLocked(before int) {
	m, ring := &l.mirror, l.mirror.ring
	if before == 0 {
		l.pending.since = time.Now()
	}
	if l.config.fsync == Always {
		ring.Skip() // its writer waits for the fsync
		return
	}
	if !l.interval.open {
		l.beginIntervalLocked(l.pending.since)
	}
	if err := ring.Append(l.pending.buf[before:]); err != nil {
		m.check(err)
	} else if ring.Safe < l.pending.appended {
		m.slow.Store(true)
	}
	if before < drainAbove && len(l.pending.buf) >= drainAbove {
		m.callFlusher()
	}
	if limit := int(ring.RegionSize) / 4 * 3; before < limit && len(l.pending.buf) >= limit {
		m.crowded = true
		l.paceLocked()
	}
}

// skipMirrorLocked records that the records after the first before bytes of the buffer are not
// mirrored.
func (l *Log) skipMirrorLocked(before int) {
	if before == 0 {
		l.pending.since = time.Now()
	}
	if l.config.fsync != Always && !l.interval.open {
		l.beginIntervalLocked(l.pending.since)
	}
	l.mirror.ring.Skip()
	l.mirror.slow.Store(true)
}

// paceLocked sets whether Commit must take the slow path. It need not if everything appended is
// safe and no caller has to wait for anything else. Append ends that state.
func (l *Log) paceLocked() {
	l.mirror.slow.Store(!l.mirror.has(l.pending.appended) || l.err != nil || !l.published ||
		l.phase != phaseRunning || l.forcesLocked() || l.lateLocked())
}
