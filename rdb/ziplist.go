package rdb

import (
	"encoding/binary"

	"github.com/perduredb/perdure/internal/listpack"
)

// A ziplist; all numbers are little-endian, except where noted:
//
//	ziplist = size tail count entry* ff  size: 4 bytes, of the ziplist; tail: 4 bytes, the offset
//	                                     of the last entry; count: 2 bytes, ffff unknown
//	entry   = before encoding data       before: size of the previous entry, 0 for the first: 1
//	                                     byte below fe, or fe and 4 bytes
//
//	00nnnnnn bytes                  a string of up to 63 bytes
//	01nnnnnn n bytes                a string of up to 16383 bytes, high bits first
//	80 <4 bytes big-endian> bytes   a string
//	c0, d0, e0, f0, fe              signed integers of 2, 4, 8, 3 and 1 bytes
//	f1 to fd                        the integers 0 to 12
//
// The ziplist of "a" and 1 is 10 00 00 00 0d 00 00 00 02 00 00 01 61 03 f2 ff.
const (
	ziplistHead  = 4 + 4 + 2
	ziplistLeast = ziplistHead + 1
)

// ziplist opens a ziplist and checks its size and end. The walker has a single pack, which the next
// call reuses.
func (w *walker) ziplist(p []byte) *pack {
	c := &w.pack
	*c = pack{p: p, zip: true, next: ziplistHead, at: ziplistHead}
	if len(p) < ziplistLeast {
		c.err = flawed(0, "want a ziplist of at least %d bytes, found %d", ziplistLeast, len(p))
		return c
	}
	if tail := binary.LittleEndian.Uint32(p[4:]); tail < ziplistHead || int64(tail) >= int64(len(p)) {
		c.err = flawed(4, "want the last entry of a ziplist within %d bytes, found it at %d", len(p), tail)
		return c
	}
	c.err = flawOf(listpack.Framed("ziplist", p))
	return c
}

// cut returns the error for an entry that extends past the end.
func (c *pack) cut(want int64, found int) error {
	return flawed(c.next, "want an entry of %d bytes, found %d before the end", want, found)
}

func (c *pack) ziplistEnd() error {
	if tail := int64(binary.LittleEndian.Uint32(c.p[4:])); tail != int64(c.at) {
		return flawed(4, "want the last entry of a ziplist at %d, found %d", c.at, tail)
	}
	return c.counted(8, int(binary.LittleEndian.Uint16(c.p[8:])))
}

// ziplistEntry reads the entry at next and returns its size.
func (c *pack) ziplistEntry() (int, error) {
	p := c.p[c.next : len(c.p)-1]
	before, lead := int64(p[0]), 1
	switch {
	case p[0] == 0xff:
		return 0, flawed(c.next, "want a ziplist entry, found the end marker before byte %d", len(c.p)-1)
	case p[0] == 0xfe:
		lead = 5
		if len(p) < lead {
			return 0, c.cut(int64(lead), len(p))
		}
		before = int64(binary.LittleEndian.Uint32(p[1:]))
	}
	// For the first entry, at is the start of the entries, so the size before it is 0.
	if want := int64(c.next - c.at); before != want {
		return 0, flawed(c.next, "want a previous-entry size of %d, found %d", want, before)
	}
	if len(p) < lead+1 {
		return 0, c.cut(int64(lead)+1, len(p))
	}
	size, err := c.ziplistData(p[lead:])
	return lead + size, err
}

// ziplistData reads the encoding and data and returns their size.
func (c *pack) ziplistData(p []byte) (int, error) {
	head, body := 1, int64(0)
	isInt := true
	switch b := p[0]; {
	case b < 0x40:
		body, isInt = int64(b), false
	case b < 0x80:
		if len(p) < 2 {
			return 0, c.cut(2, len(p))
		}
		head, body, isInt = 2, int64(b&0x3f)<<8|int64(p[1]), false
	case b < 0xc0:
		if len(p) < 5 {
			return 0, c.cut(5, len(p))
		}
		head, body, isInt = 5, int64(binary.BigEndian.Uint32(p[1:])), false
	case b == 0xc0:
		body = 2
	case b == 0xd0:
		body = 4
	case b == 0xe0:
		body = 8
	case b == 0xf0:
		body = 3
	case b == 0xfe:
		body = 1
	case b < 0xf1 || b > 0xfd:
		return 0, flawed(c.next, "want a ziplist encoding, found %#x", b)
	}
	if int64(head)+body > int64(len(p)) {
		return 0, c.cut(int64(head)+body, len(p))
	}
	size := head + int(body)
	switch {
	case !isInt:
		c.element = byteString(p[head:size:size])
	case body == 0:
		c.element = integer(int64(p[0]&0x0f) - 1)
	default:
		c.element = integer(listpack.LittleInt(p[1:size]))
	}
	return size, nil
}
