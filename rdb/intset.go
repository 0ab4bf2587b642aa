package rdb

import "encoding/binary"

// intsetHead is the size of the header of an intset. All numbers in an intset are little-endian:
//
//	intset = width count integer*   width: 4 bytes (2, 4 or 8); count: 4 bytes; integers of that
//	                                many bytes, signed, ascending
//
// The intset of 1 and 5 is 02 00 00 00 02 00 00 00 01 00 05 00.
const intsetHead = 4 + 4

// intset checks the size of an intset and returns its integers and their width.
func intset(p []byte) (integers []byte, width int, err error) {
	if len(p) < intsetHead {
		return nil, 0, flawed(0, "want an intset of at least %d bytes, found %d", intsetHead, len(p))
	}
	w, count := binary.LittleEndian.Uint32(p), binary.LittleEndian.Uint32(p[4:])
	if w != 2 && w != 4 && w != 8 {
		return nil, 0, flawed(0, "want an intset of width 2, 4 or 8, found %d", w)
	}
	if want := intsetHead + int64(w)*int64(count); want != int64(len(p)) {
		return nil, 0, flawed(4, "want an intset of %d bytes, found %d", want, len(p))
	}
	return p[intsetHead:], int(w), nil
}

// intsetMembers passes the integers of an intset to the visitor. They must ascend, so none occurs
// twice.
func (w *walker) intsetMembers(p []byte) error {
	integers, width, err := intset(p)
	if err != nil {
		return err
	}
	var last int64
	for i := 0; i < len(integers); i += width {
		e := integer(littleInt(integers[i : i+width]))
		if i > 0 && e.integer <= last {
			return flawed(intsetHead+i, "want ascending integers in an intset, found one out of order")
		}
		last = e.integer
		if err := w.visitor.element(e.text(&w.digits)); err != nil {
			return placed(err, intsetHead+i)
		}
	}
	return nil
}
