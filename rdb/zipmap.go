package rdb

import "encoding/binary"

// zipmapMany is the count that means an unknown number of fields in a zipmap:
//
//	zipmap = count field* ff                  count: 1 byte, fe unknown; one field at least
//	field  = size name size free value pad    size: 1 byte below fe, or fe and 4 bytes
//	                                          little-endian; free: 1 byte, the size of pad
//
// The zipmap of a = "b" is 01 01 61 01 00 62 ff.
const zipmapMany = 254

// zipmapFrame checks the minimum size and the end of a zipmap.
func zipmapFrame(p []byte) error {
	if len(p) < 2 {
		return flawed(0, "want a zipmap of at least 2 bytes, found %d", len(p))
	}
	if last := p[len(p)-1]; last != 0xff {
		return flawed(len(p)-1, "want ff at the end of a zipmap, found %02x", last)
	}
	return nil
}

// zipmapFields passes the fields of a zipmap to the visitor.
func (w *walker) zipmapFields(p []byte) error {
	if err := zipmapFrame(p); err != nil {
		return err
	}
	count := 0
	for at := 1; at < len(p)-1; count++ {
		name, next, err := zipmapString(p, at, 0)
		if err != nil {
			return err
		}
		value, next, err := zipmapString(p, next, 1)
		if err != nil {
			return err
		}
		if err := w.visitor.field(name, value, 0); err != nil {
			return placed(err, at)
		}
		at = next
	}
	if count == 0 { // servers refuse it, unlike an empty hash of another encoding
		return flawed(0, "want a zipmap of at least one field, found none")
	}
	if p[0] != zipmapMany && int(p[0]) != count {
		return flawed(0, "want a count of %d fields, found %d", count, p[0])
	}
	return nil
}

// zipmapString reads a string of a zipmap and returns the position of the next one. A value has one
// more byte, between size and bytes, with the length of the padding that follows.
func zipmapString(p []byte, at, free int) (s []byte, next int, err error) {
	end := len(p) - 1
	if at >= end {
		return nil, 0, flawed(at, "want a zipmap string, found the end")
	}
	size, head := int64(p[at]), 1
	switch {
	case p[at] == 0xff:
		return nil, 0, flawed(at, "want a zipmap string, found the end marker before byte %d", end)
	case p[at] == zipmapMany:
		head = 5
		if end-at < head {
			return nil, 0, flawed(at, "want a size of %d bytes, found %d before the end", head, end-at)
		}
		size = int64(binary.LittleEndian.Uint32(p[at+1:]))
	}
	from := at + head + free
	pad := int64(0)
	if free > 0 {
		if from > end {
			return nil, 0, flawed(at, "want a zipmap value, found the end")
		}
		pad = int64(p[from-1])
	}
	if left := int64(end - from); size+pad > left {
		return nil, 0, flawed(at, "want %d bytes in a zipmap, found %d before the end", size+pad, left)
	}
	to := from + int(size)
	return p[from:to:to], to + int(pad), nil
}
