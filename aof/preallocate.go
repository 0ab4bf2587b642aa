package aof

import (
	"errors"

	"github.com/perduredb/perdure/aof/internal/wire"
)

// Under Always an incremental file is extended ahead of need, and groups are written over the
// padding there. Package wire describes its format. A sync that does not make a new size durable
// takes 2/3 of the time. Only the newest incremental file has padding after its last group; Close
// removes it. A crash leaves:
//
//  1. while a group is written over padding: a part of it, which the next Replay truncates.
//  2. after that write: the group, and the rest of the padding.
//  3. while more padding is written: the group, and a part of the padding.
//  4. after a sync: as before, durably.
//  5. after removePaddingLocked: the groups alone.
const (
	paddingMin = 4 << 10 // bytes; the file is extended by its own length, up to wire.PaddingMax
	// paddingPause is the number of groups that get no padding after a group that cannot be written
	// over it.
	paddingPause = 64
)

// layOverPaddingLocked reports whether a group is to be written over padding, and lays it out for
// that.
func (l *Log) layOverPaddingLocked(g *group) bool {
	if !l.marked || l.mirror.ring != nil || !l.published || l.config.fsync != Always || len(g.buf) == 0 {
		return false
	}
	return l.out.incr.layOverPadding(g, &l.out.paged)
}

// layOverPadding lays out a group to be written over padding. It uses the buffer paged, and reports
// whether that is possible.
func (t *incrFile) layOverPadding(g *group, paged *[]byte) bool {
	if t.skipPadding--; t.skipPadding >= 0 || len(g.links) > 0 {
		return false
	}
	at := int(t.size % wire.PageSize)
	if at+len(g.buf) <= wire.PageSize && !wire.Readable(g.buf, at) {
		return true
	}
	laid, ok := wire.Paginate((*paged)[:0], g.buf, t.size)
	if !ok {
		t.skipPadding = paddingPause
		return false
	}
	if g.buf, *paged = laid, g.buf; cap(*paged) > maxReused {
		*paged = nil
	}
	return true
}

// endPadding ensures that the bytes after a sealed group are a line, and returns the number of
// bytes that it appended.
func (t *incrFile) endPadding(g *group) int {
	if end := t.size + int64(g.size()); end%wire.PaddingLine != wire.PaddingLine-1 {
		return 0
	}
	g.buf = append(g.buf, "#\n"...)
	return len("#\n")
}

// padAhead writes padding if a group of that many bytes, which ends at offset, has used up the
// padding. The sync of the group makes the padding durable too. A long group gets no padding,
// because writing as much again would cost more than the next sync saves. If a write of padding
// fails, the file continues without padding. The goroutine that has the token writing calls it
// without mu.
func (l *Log) padAhead(t *incrFile, offset int64, group int) error {
	if t.padded = max(t.padded, offset); t.padded > offset || t.unpaddable || group > wire.PaddingMax/4 || l.failed() {
		return nil
	}
	end := offset + min(max(offset, paddingMin), wire.PaddingMax)
	end = (end + wire.PageSize - 1) &^ (wire.PageSize - 1)
	from := offset % wire.PaddingLine
	n, err := t.file.WriteAt(wire.PaddingLines()[from:from+end-offset], offset)
	if err == nil && n == int(end-offset) {
		t.padded = end
		return nil
	}
	t.unpaddable = true
	err = writeError(n, int(end-offset), err)
	l.env.Logger.Warn("cannot preallocate padding; the log continues without", "file", t.path, "err", err)
	if e := t.file.Truncate(offset); e != nil {
		return errors.Join(err, e)
	}
	return nil
}

// removePaddingLocked durably removes the padding from the file, because the next group is appended
// and not written over it. It releases mu during the disk operations. The caller must have checked
// that no other write is in progress.
func (l *Log) removePaddingLocked() error {
	if l.out.incr.padded <= l.out.incr.size {
		return nil
	}
	defer func(was bool) { l.out.writing = was }(l.out.writing)
	l.out.writing = true
	if err := l.waitSyncedLocked(); err != nil {
		return err
	}
	if err := l.truncate(l.out.incr); err != nil {
		return l.failLocked("truncate", l.out.incr.path, err)
	}
	l.out.incr.padded = l.out.incr.size
	if err := l.waitSyncedLocked(); err != nil {
		return err
	}
	return l.syncLocked()
}

// truncate truncates t to its whole groups. mu is held on entry and on return, but not during the
// call of the file system.
func (l *Log) truncate(t *incrFile) error {
	size := t.size
	l.mu.Unlock()
	defer l.mu.Lock()
	return t.file.Truncate(size)
}
