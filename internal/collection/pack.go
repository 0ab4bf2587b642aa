package collection

import (
	"github.com/perduredb/perdure/internal/listpack"
	"github.com/perduredb/perdure/snapshot"
)

// pack is a listpack that may change.
type pack struct {
	p     []byte
	room  []byte // of an own copy: headRoom bytes, and p
	rooms *Rooms // memory for room, or nil
	err   error

	offsets []int // of the elements that At has read
}

// openPack opens the listpack in the string p.
func openPack(env Env, p []byte) (c pack, ok bool) {
	s, ok := unwrap(p)
	if !ok || listpack.Check(s) != nil {
		return pack{}, false
	}
	return pack{p: s, rooms: env.Rooms}, true
}

// newPack returns an empty listpack.
func newPack(env Env) pack { return pack{p: []byte(listpack.Empty), rooms: env.Rooms} }

// Err returns the first error.
func (c *pack) Err() error { return c.err }

// read returns the entry at an offset, and the offset of the next. It reports false at the end, and
// if the entry is damaged.
func (c *pack) read(at int) (e listpack.Element, next int, ok bool) {
	if c.err != nil || at >= listpack.End(c.p) {
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
	for range n {
		_, next, ok := c.read(at)
		if !ok {
			return listpack.End(c.p)
		}
		at = next
	}
	return at
}

// back returns the offset of the entry n entries before an offset.
func (c *pack) back(at, n int) int {
	for ; n > 0 && at > listpack.Head && c.err == nil; n-- {
		before, err := listpack.Before(c.p, at)
		if err != nil {
			c.err = damage(err)
			return listpack.Head
		}
		at = before
	}
	return at
}

// entries returns the number of entries.
func (c *pack) entries() int {
	if c.p == nil { // it was not opened, because of an error
		return 0
	}
	n := listpack.Count(c.p)
	if n != listpack.Unknown {
		return n
	}
	n = 0
	for at := listpack.Head; ; n++ {
		_, next, ok := c.read(at)
		if !ok {
			return n
		}
		at = next
	}
}

// entry returns the offset of entry number i of n.
func (c *pack) entry(i, n int) int {
	if i > n/2 {
		return c.back(listpack.End(c.p), n-i)
	}
	return c.skip(listpack.Head, i)
}

// at returns the offset of element number i, where each element has step entries. The first call
// after a change reads all entries.
func (c *pack) at(i, step int) int {
	if c.offsets == nil {
		for at := listpack.Head; at < listpack.End(c.p) && c.err == nil; at = c.skip(at, step) {
			c.offsets = append(c.offsets, at)
		}
	}
	if i < 0 || i >= len(c.offsets) {
		return listpack.End(c.p)
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

const (
	slack    = 64 // bytes by which a copy can grow
	headRoom = 16 // bytes for a type, the head of a list, and the length of a listpack
)

// splice replaces entries. Its parameters are those of listpack.Splice.
func (c *pack) splice(from, to, removed int, elements ...listpack.Element) {
	if c.err != nil {
		return
	}
	size := headRoom + len(c.p) + from - to
	for i := range elements {
		size += elements[i].Size()
	}
	if size = max(size, headRoom+len(c.p)); size > cap(c.room) {
		c.room = append(c.rooms.take(size + max(slack, size/8))[:headRoom], c.p...)
		c.p = c.room[headRoom:]
	}
	c.p, c.offsets = listpack.Splice(c.p, from, to, removed, elements...), nil // it stays in room
}

// append appends an entry.
func (c *pack) append(e listpack.Element) { c.splice(listpack.End(c.p), listpack.End(c.p), 0, e) }

// stored returns the stored form of the listpack as a value of a type. head is the part of the
// value before the string. The result is valid until the next change.
func (c *pack) stored(t snapshot.Type, head string) []byte {
	var room [headRoom]byte
	before := appendLength(append(AppendStored(room[:0], t, nil), head...), len(c.p))
	if c.room == nil {
		return append(before, c.p...)
	}
	start := headRoom - len(before)
	copy(c.room[start:], before)
	return c.room[start : headRoom+len(c.p)]
}

// longest returns the length of the longest element.
func (c *pack) longest() (n int) {
	for at := listpack.Head; ; {
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
