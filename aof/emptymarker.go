package aof

import (
	"time"

	"github.com/perduredb/perdure/aof/internal/wire"
)

// firstMarkerLocked writes and syncs the commit marker that must be in an incremental file before
// any write is acknowledged. The marker after the opening line distinguishes a file that has lost
// its manifest from one that never had one. The marker also records the id of the tail file in use,
// so that Open detects a missing or a wrong tail file. firstMarkerLocked does nothing if the file
// has both. The caller must have checked that no other write is in progress. A failure is reported
// in l.err.
func (l *Log) firstMarkerLocked() {
	id := uint64(0)
	if l.mirror.ring != nil {
		id = l.mirror.ring.ID
	}
	bare := l.out.incr.size <= int64(wire.OpeningLen)
	if !l.marked || l.err != nil || !bare && id == l.mirror.reported {
		return
	}
	// The write of the marker's group would also clear regions in flight.
	if l.mirror.ring != nil && l.mirror.ring.InFlight() {
		panic("aof: a mark between regions that are not written")
	}
	note := &wire.Note{Prefix: wire.RingPrefix, ID: id}
	if id == 0 && l.mirror.reported == 0 {
		note = nil
	}
	l.emptyMarkerLocked(note)
}

// emptyMarkerLocked writes and syncs an empty commit marker.
func (l *Log) emptyMarkerLocked(note *wire.Note) {
	g := group{note: note, first: -1, last: max(0, l.pending.lastDB)}
	l.out.incr.alignMarker(&g, l.out.incr.durable, false)
	l.out.since = time.Now()
	if _, err := l.writeGroupLocked(g, l.out.written); err != nil {
		return
	}
	if l.waitSyncedLocked() != nil || l.syncLocked() != nil {
		return
	}
	if note != nil {
		l.mirror.reported = note.ID
	}
}

// writeCloseMarkerLocked writes and syncs the clean-shutdown marker of the newest incremental file.
func (l *Log) writeCloseMarkerLocked() error {
	if _, err := l.writeGroupLocked(group{note: &wire.Note{Prefix: wire.ClosePrefix, ID: wire.RandomID()}}, l.out.written); err != nil {
		return err
	}
	l.mirror.reported = 0
	return l.syncLocked()
}
