package aof

import (
	"github.com/perduredb/perdure/aof/internal/wire"
	"github.com/perduredb/perdure/internal/vfs"
)

// group is a commit group, which the writer passes to the kernel at once. Small records are
// copied into buf. The large values between them are only linked.
type group struct {
	buf   []byte
	links []link
	first int // database selected before the group; -1 if it begins with a SELECT, or is not known
	last  int // database that is selected after it

	note *wire.Note // extra word of its commit marker; nil if none
}

// link is a large value that the caller of AppendLinked has pinned.
type link struct {
	at      int // offset in the buffer before which the value belongs
	value   []byte
	release func() // unpins the value; nil if a later link of the record does
}

// release unpins the large values of a group.
func (g *group) release() {
	for _, k := range g.links {
		if k.release != nil {
			k.release()
		}
	}
	g.links = nil
}

// pieces returns the number of pieces of a group: parts of the buffer, and the large values between
// them.
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

// sum adds the group to a checksum.
func (g *group) sum(crc uint32) uint32 {
	for i := range g.pieces() {
		crc = wire.Sum(crc, g.piece(i))
	}
	return crc
}

// write writes a group to f, each piece in a separate write, and returns the number of bytes
// written. It stops before the next piece if failed reports that a concurrent sync has failed.
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
