package aof

import (
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/vfs"
)

// group is what one turn of the writer hands to the system: small units, copied one behind the other, and
// between them the large values of others, which are only linked.
type group struct {
	buf   []byte
	links []link
	first int // the database that it finds selected; -1 when it begins with a SELECT, or nobody knows
	last  int // the one that it leaves selected

	note *note // what its mark reports besides; nil is nothing
}

// link is a large value that somebody else holds.
type link struct {
	at      int // before which byte of the buffer it stands
	value   []byte
	release func() // ends the hold; nil when a later link of the same unit does
}

var _ appendlog.Linker = (*Log)(nil)

// AppendLinked puts one unit into the log that comes in pieces, and returns its place. It is Append, but
// that every second piece is not copied: the log reads it until it calls release, which it does
// once, from a goroutine that holds nothing of the log's, as soon as the piece is written or will not
// be. kept is false when the log has failed, or does not receive yet: then it calls nothing. It copies the
// other pieces to memory, waits for nothing, and allocates a few words for each large piece.
//
// What is linked bypasses the tail file of Ring mode, and so does what is appended behind, until it
// is written: Commit waits for that.
func (l *Log) AppendLinked(firstDB, lastDB int, unit [][]byte, release func()) (p appendlog.Position, kept bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mute {
		if l.err != nil || l.phase == phaseClosed {
			l.appended += appendlog.Position(sizeOf(unit)) // as in Append
		}
		return l.appended, false
	}
	before := len(l.buf)
	if l.config.timestamps {
		l.stampLocked()
	}
	l.selectLocked(firstDB, before)
	l.db = lastDB
	linked := 0
	for i, piece := range unit {
		if i%2 == 0 {
			l.buf = append(l.buf, piece...)
			continue
		}
		l.links = append(l.links, link{at: len(l.buf), value: piece})
		linked += len(piece)
	}
	l.links[len(l.links)-1].release = release
	l.appended += appendlog.Position(len(l.buf) - before + linked)
	if l.ring != nil && l.err == nil {
		l.bypassRingLocked(before)
	}
	l.setFlushLocked()
	return l.appended, true
}

func sizeOf(pieces [][]byte) (n int) {
	for _, p := range pieces {
		n += len(p)
	}
	return n
}

// takeLocked takes away what was appended and not written. The next buffer is the spare one.
func (l *Log) takeLocked() group {
	g := group{buf: l.buf, links: l.links, first: l.bufDB, last: l.db}
	l.buf, l.links, l.spare = l.spare[:0], nil, nil
	return g
}

// putBackLocked puts in front of what was appended what was taken away before.
func (l *Log) putBackLocked(g group) {
	for _, k := range l.links {
		k.at += len(g.buf)
		g.links = append(g.links, k)
	}
	if len(g.buf) > 0 {
		l.bufDB = g.first
	}
	l.buf, l.links = append(g.buf, l.buf...), g.links
}

// forgetBufferLocked drops what was appended and not written.
func (l *Log) forgetBufferLocked() {
	l.dropLocked(group{links: l.links})
	l.buf, l.links = nil, nil
}

// dropLocked gives up a group. Who holds its large values may need a lock that comes before the log's.
func (l *Log) dropLocked(g group) {
	if len(g.links) > 0 {
		l.tasks.Go(g.release)
	}
}

// release ends the holds on a group's large values.
func (g *group) release() {
	for _, k := range g.links {
		if k.release != nil {
			k.release()
		}
	}
	g.links = nil
}

// pieces is how many a group has: parts of the buffer, and the values between them.
func (g *group) pieces() int { return 2*len(g.links) + 1 }

func (g *group) piece(i int) []byte {
	if i%2 == 1 {
		return g.links[i/2].value
	}
	from, to := 0, len(g.buf)
	if i > 0 {
		from = g.links[i/2-1].at
	}
	if i/2 < len(g.links) {
		to = g.links[i/2].at
	}
	return g.buf[from:to]
}

func (g *group) size() (n int) {
	for i := range g.pieces() {
		n += len(g.piece(i))
	}
	return n
}

// sum continues a checksum.
func (g *group) sum(crc uint32) uint32 {
	for i := range g.pieces() {
		crc = sum(crc, g.piece(i))
	}
	return crc
}

// write hands a group to the system, each piece in a write of its own, and tells how much has gone there. It ends before the
// next piece when failed tells that a sync beside it has ended the file.
func (g *group) write(f vfs.File, offset int64, failed func() bool) (n int, err error) {
	for i := range g.pieces() {
		p := g.piece(i)
		if len(p) == 0 {
			continue
		}
		if n > 0 && failed() {
			return n, nil
		}
		written, err := f.WriteAt(p, offset+int64(n))
		n += written
		if err != nil || written < len(p) {
			return n, err
		}
	}
	return n, nil
}
