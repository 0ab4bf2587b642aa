package aof

import (
	"bytes"
	"errors"
	"io"
	"sync"
)

// Under Always an increment is made longer ahead of need, and groups are written over what is there then: a
// sync that brings no new size to the disk takes two thirds of the time. What is there is filler, lines
// that a Redis 7 skips:
//
//	offset   0 ... 63   64 ... 127   and so on, to a multiple of 4,096
//	         ##...#LF   ##...#LF
//	written over up to 100:
//	         group      group##...LF
//
// What is left of a line is a line. Only the LF alone is none: a group that ends in front of one is followed by
// #LF, over that byte and the next, which counts as filler.
//
//  1. A sector of a group that a loss of power has torn is the group's or filler, zeros or garbage.
//  2. No sector begins inside of a unit with what begins a command or a line. So no SELECT that stands in a value is read as
//     one, which another program has appended. No unit goes over the end of a page: see paginate. Nor does a mark: see placeMark.
//  3. Where nothing but filler follows the last mark, the file ends at that mark. Sizes count none of it.
//  4. Only the newest increment has filler behind its last group, and none after Close.
//
// A crash leaves:
//
//  1. while a group is written over filler: a part of it, which the next Replay cuts off.
//  2. after it: the group, and what is left of the filler.
//  3. while more filler is written: the group, and a part of that.
//  4. after a sync: the same, for good.
//  5. after cutFillerLocked: the groups alone.
const (
	fillerLine = 64
	minLine    = len("#\n")
	fillerMin  = 4 << 10 // the file gets as much filler as it is long, between these two
	fillerMax  = 256 << 10
	sector     = 512 // what a disk writes whole or not at all
	// fillerRest is how many groups get no filler behind one that cannot be written over it.
	fillerRest = 64
)

// fillerLines is long enough for every extension.
var fillerLines = sync.OnceValue(func() []byte {
	return bytes.Repeat(append(bytes.Repeat([]byte{'#'}, fillerLine-1), '\n'), (fillerMax+pageSize)/fillerLine+1)
})

// isFiller tells whether a line is one of filler, or the rest of one.
func isFiller(line []byte) bool {
	n := len(line) - 1
	return n > 0 && line[n] == '\n' && len(bytes.TrimLeft(line[:n], "#")) == 0
}

// overLocked tells whether a group is to be written over filler, and lays it out for that.
func (l *Log) overLocked(g *group) bool {
	if !l.marked || l.ring != nil || !l.published || l.config.fsync != Always || len(g.buf) == 0 {
		return false
	}
	t := l.tail
	if t.rest--; t.rest >= 0 || len(g.links) > 0 {
		return false
	}
	at := int(t.size % pageSize)
	if at+len(g.buf) <= pageSize && !readable(g.buf, at) {
		return true
	}
	paged, ok := paginate(l.paged[:0], g.buf, t.size)
	if !ok {
		t.rest = fillerRest
		return false
	}
	if g.buf, l.paged = paged, g.buf; cap(l.paged) > keepBuffer {
		l.paged = nil
	}
	return true
}

// endLine makes sure that what follows a group which was sealed is a line, and tells how many bytes that took.
func (t *incr) endLine(g *group) int {
	if end := t.size + int64(g.size()); end%fillerLine != fillerLine-1 {
		return 0
	}
	g.buf = append(g.buf, "#\n"...)
	return len("#\n")
}

// fill writes filler where a group of so many bytes, which ends at offset, has used it up. The sync of the group is
// that of the filler. A long group is followed by none: to write as much again would cost more than the next
// sync gains. Where there is no room, the file goes on without. It is called without mu, by who writes.
func (l *Log) fill(t *incr, offset int64, group int) error {
	if t.filled = max(t.filled, offset); t.filled > offset || t.full || group > fillerMax/4 || l.failed() {
		return nil
	}
	end := offset + min(max(offset, fillerMin), fillerMax)
	end = (end + pageSize - 1) &^ (pageSize - 1)
	from := offset % fillerLine
	n, err := t.file.WriteAt(fillerLines()[from:from+end-offset], offset)
	if err == nil && n == int(end-offset) {
		t.filled = end
		return nil
	}
	t.full = true
	err = writeError(n, int(end-offset), err)
	l.env.Logger.Warn("the log's newest file goes on without filler", "file", t.path, "err", err)
	if e := t.file.Truncate(offset); e != nil {
		return errors.Join(err, e)
	}
	return nil
}

// cutFillerLocked takes the filler off the file, durably: what is appended then is not written over it. It
// lets go of mu meanwhile. Nobody else writes.
func (l *Log) cutFillerLocked() error {
	if l.tail.filled <= l.tail.size {
		return nil
	}
	defer func(was bool) { l.writing = was }(l.writing)
	l.writing = true
	if err := l.waitSyncedLocked(); err != nil {
		return err
	}
	if err := l.truncate(l.tail); err != nil {
		return l.failLocked("truncate", l.tail.path, err)
	}
	l.tail.filled = l.tail.size
	if err := l.waitSyncedLocked(); err != nil {
		return err
	}
	return l.syncLocked()
}

// waitSyncedLocked waits for the end of the sync that is under way.
func (l *Log) waitSyncedLocked() error {
	for l.syncing && l.err == nil {
		l.waitLocked()
	}
	return l.err
}

// truncate is called with mu held, and lets go of it as datasync does.
func (l *Log) truncate(t *incr) error {
	size := t.size
	l.mu.Unlock()
	defer l.mu.Lock()
	return t.file.Truncate(size)
}

// fillerBehind tells how many bytes at the end of a file are filler, of those from an offset on.
func fillerBehind(f io.ReaderAt, from, size int64) (int64, error) {
	whole := true // the first line is
	if longest := size - fillerMax - 2*pageSize; longest > from {
		from, whole = longest, false
	}
	tail := make([]byte, size-from)
	if n, err := f.ReadAt(tail, from); n < len(tail) {
		return 0, err
	}
	filler := len(tail)
	for rest := tail; len(rest) > 0; whole = true {
		end := bytes.IndexByte(rest, '\n') + 1
		if end == 0 {
			return 0, nil // it ends inside of a line
		}
		if !whole || !isFiller(rest[:end]) {
			filler = len(rest) - end
		}
		rest = rest[end:]
	}
	return int64(filler), nil
}
