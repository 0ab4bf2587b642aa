package collection

import (
	"encoding/binary"
	"errors"

	"github.com/perduredb/perdure/internal/listpack"
	"github.com/perduredb/perdure/snapshot"
)

// pack contains the entries of a listpack, which may change.
type pack struct {
	p     []byte
	n     int    // number of entries
	room  []byte // of an own copy: packedHead bytes, and p
	rooms *Rooms // memory for room, or nil
	err   error

	offsets []int // of the elements that At has read
}

// openPack opens a stored form of a type with a listpack.
func openPack(env Env, t snapshot.Type, stored []byte) (c pack, ok bool) {
	if Type(stored) != t {
		return pack{}, false
	}
	if isPacked(stored) {
		return pack{p: stored[packedHead:], n: packedCount(stored), rooms: env.Rooms}, true
	}
	p, ok := listpackIn(t, stored[typeSize:])
	if !ok || listpack.Check(p) != nil {
		return pack{}, false
	}
	c = pack{p: listpack.Entries(p), n: listpack.Count(p), rooms: env.Rooms}
	if c.n == listpack.Unknown {
		c.count()
	}
	return c, true
}

// count counts the entries.
func (c *pack) count() {
	c.n = 0
	for at, ok := 0, true; ok; c.n++ {
		if _, at, ok = c.read(at); !ok {
			return
		}
	}
}

// newPack returns a pack without entries.
func newPack(env Env) pack { return pack{rooms: env.Rooms} }

// Err returns the first error.
func (c *pack) Err() error { return c.err }

// read returns the entry at an offset, and the offset of the next. It reports false at the end, and
// if the entry is damaged.
func (c *pack) read(at int) (e listpack.Element, next int, ok bool) {
	if c.err != nil || at >= len(c.p) {
		return e, at, false
	}
	e, next, err := listpack.Read(c.p, at)
	if err != nil {
		c.err = damage(err)
		return e, at, false
	}
	return e, next, true
}

// skip returns the offset after n entries.
func (c *pack) skip(at, n int) int {
	for ; n > 0 && at < len(c.p) && c.err == nil; n-- {
		next, err := listpack.Skip(c.p, at)
		if err != nil {
			c.err = damage(err)
			return len(c.p)
		}
		at = next
	}
	return at
}

// back returns the offset of the entry n entries before an offset.
func (c *pack) back(at, n int) int {
	for ; n > 0 && at > 0 && c.err == nil; n-- {
		before, err := listpack.Before(c.p, at)
		if err != nil {
			c.err = damage(err)
			return 0
		}
		at = before
	}
	return at
}

// entry returns the offset of entry number i.
func (c *pack) entry(i int) int {
	if i > c.n/2 {
		return c.back(len(c.p), c.n-i)
	}
	return c.skip(0, i)
}

// at returns the offset of element number i, where each element has step entries. The first call
// after a change reads all entries.
func (c *pack) at(i, step int) int {
	if c.offsets == nil {
		for at := 0; at < len(c.p) && c.err == nil; at = c.skip(at, step) {
			c.offsets = append(c.offsets, at)
		}
	}
	if i < 0 || i >= len(c.offsets) {
		return len(c.p)
	}
	return c.offsets[i]
}

// find returns the offset of an entry with a text, and the offset of the next entry. It compares
// every step-th entry.
func (c *pack) find(text []byte, step int) (at, next int, ok bool) {
	if c.err != nil {
		return 0, 0, false
	}
	at, next, err := listpack.Find(c.p, listpack.Of(text), step)
	if err != nil {
		c.err = damage(err)
	}
	return at, next, err == nil && next > 0
}

// errCount is the error for a listpack with more entries than its header counts. A load without
// validation accepts it.
var errCount = errors.New("want a count of all entries, found a lower one")

// slack is the number of bytes by which a copy can grow.
const slack = 64

// splice replaces entries, whose number is removed. Its other parameters are those of
// listpack.Splice.
func (c *pack) splice(from, to, removed int, elements ...listpack.Element) {
	if removed > c.n && c.err == nil {
		c.err = damage(errCount)
	}
	if c.err != nil {
		return
	}
	size := packedHead + len(c.p) + from - to
	for i := range elements {
		size += elements[i].Size()
	}
	if size = max(size, packedHead+len(c.p)); size > cap(c.room) {
		c.room = append(c.rooms.take(size + max(slack, size/8))[:packedHead], c.p...)
		c.p = c.room[packedHead:]
	}
	c.p, c.offsets = listpack.Splice(c.p, from, to, elements...), nil // it stays in room
	c.n += len(elements) - removed
}

// append appends an entry.
func (c *pack) append(e listpack.Element) { c.splice(len(c.p), len(c.p), 0, e) }

// stored returns the stored form of a type with the entries. It is valid until the next change.
func (c *pack) stored(t snapshot.Type) []byte {
	if c.n > mostPacked {
		return appendValue(binary.LittleEndian.AppendUint16(nil, uint16(t)), t, c.p, c.n)
	}
	if c.room == nil {
		return append(appendPackedHead(nil, t, c.n), c.p...)
	}
	appendPackedHead(c.room[:0], t, c.n)
	return c.room[:packedHead+len(c.p)]
}

// longest returns the length of the longest element.
func (c *pack) longest() (n int) {
	for at := 0; ; {
		e, next, ok := c.read(at)
		if !ok {
			return n
		}
		n = max(n, len(e.Bytes))
		at = next
	}
}

// Limits of the form that OBJECT ENCODING calls listpack, as in Redis.
const (
	hashFields  = 512
	members     = 128 // of a sorted set
	integers    = 512 // of an intset
	elementSize = 64
)

// encoding returns small if the elements are within the limits of Redis, or else large.
func (c *pack) encoding(n, most int, small, large string) string {
	if n > most || c.longest() > elementSize {
		return large
	}
	return small
}
