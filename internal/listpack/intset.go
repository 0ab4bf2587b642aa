package listpack

import (
	"encoding/binary"
	"math"
	"slices"
	"sort"
)

// An Intset is a set of integers. All its numbers are little-endian:
//
//	intset = width count integer*   width: 4 bytes (2, 4 or 8); count: 4 bytes; integers of that
//	                                many bytes, signed, ascending
//
// The intset of 1 and 5 is 02 00 00 00 02 00 00 00 01 00 05 00.
type Intset []byte

// IntsetHead is the offset of the first integer of an Intset.
const IntsetHead = 4 + 4

// EmptyIntset is the Intset without integers.
const EmptyIntset = "\x02\x00\x00\x00\x00\x00\x00\x00"

// OpenIntset checks the header of an Intset, but not the order of its integers.
func OpenIntset(p []byte) (Intset, error) {
	if len(p) < IntsetHead {
		return nil, damaged(0, "want an intset of at least %d bytes, found %d", IntsetHead, len(p))
	}
	w, count := binary.LittleEndian.Uint32(p), binary.LittleEndian.Uint32(p[4:])
	if w != 2 && w != 4 && w != 8 {
		return nil, damaged(0, "want an intset of width 2, 4 or 8, found %d", w)
	}
	if want := IntsetHead + int64(w)*int64(count); want != int64(len(p)) {
		return nil, damaged(4, "want an intset of %d bytes, found %d", want, len(p))
	}
	return p, nil
}

// Width returns the number of bytes of an integer.
func (s Intset) Width() int { return int(s[0]) }

// Len returns the number of integers.
func (s Intset) Len() int { return (len(s) - IntsetHead) / s.Width() }

// At returns integer number i.
func (s Intset) At(i int) int64 {
	w := s.Width()
	return LittleInt(s[IntsetHead+i*w:][:w])
}

// Find returns the number of the first integer that is at least n, and reports whether it is n.
func (s Intset) Find(n int64) (i int, ok bool) {
	i = sort.Search(s.Len(), func(i int) bool { return s.At(i) >= n })
	return i, i < s.Len() && s.At(i) == n
}

// Insert inserts n as integer number i, which Find has returned, and returns the Intset. It changes
// s, or moves it to new memory, as append does.
func (s Intset) Insert(i int, n int64) Intset {
	w := s.Width()
	if need := widthOf(n); need > w {
		s = s.widen(need)
		w = need
	}
	at := IntsetHead + i*w
	s = move(s, at, at+w)
	s.put(i, n)
	return s.counted()
}

// Delete deletes integer number i, and returns the Intset. The width of the others remains.
func (s Intset) Delete(i int) Intset {
	at := IntsetHead + i*s.Width()
	return Intset(slices.Delete(s, at, at+s.Width())).counted()
}

// widen returns a copy with integers of w bytes.
func (s Intset) widen(w int) Intset {
	n := s.Len()
	wide := make(Intset, IntsetHead+n*w, IntsetHead+(n+1)*w)
	wide[0] = byte(w)
	for i := range n {
		wide.put(i, s.At(i))
	}
	return wide
}

// put stores integer number i.
func (s Intset) put(i int, n int64) {
	w := s.Width()
	for b := range w {
		s[IntsetHead+i*w+b] = byte(n >> (8 * b))
	}
}

// counted stores the number of integers in the header.
func (s Intset) counted() Intset {
	binary.LittleEndian.PutUint32(s[4:], uint32(s.Len()))
	return s
}

// widthOf returns the number of bytes that n needs.
func widthOf(n int64) int {
	switch {
	case n >= math.MinInt16 && n <= math.MaxInt16:
		return 2
	case n >= math.MinInt32 && n <= math.MaxInt32:
		return 4
	}
	return 8
}
