package listpack

import (
	"encoding/binary"
	"slices"
)

// Splice replaces the entries from offset from up to offset to by elements, and returns the
// entries. It changes p, or moves it to new memory, as append does. Both offsets must be those of
// entries, or the length of p. The Bytes of the elements must not be part of p.
func Splice(p []byte, from, to int, elements ...Element) []byte {
	added := 0
	for i := range elements {
		added += elements[i].Size()
	}
	p = move(p, to, from+added)
	at := from
	for i := range elements {
		at = elements[i].put(p, at)
	}
	return p
}

// Append adds elements at the end.
func Append(p []byte, elements ...Element) []byte { return Splice(p, len(p), len(p), elements...) }

// move moves the bytes from one offset on to another offset.
func move(p []byte, from, to int) []byte {
	size := len(p)
	if to > from {
		p = slices.Grow(p, to-from)
	}
	p = p[:size+to-from]
	copy(p[to:], p[from:size])
	return p
}

// Size returns the size of the element as an entry.
func (e *Element) Size() int {
	head, body := e.shape()
	return head + body + backlenSize(head+body)
}

// shape returns the sizes of the encoding and of the data of the element. The integer encodings are
// the smallest that fit.
func (e *Element) shape() (head, body int) {
	if e.IsInt {
		switch n := e.Int; {
		case n >= 0 && n < 1<<7:
			return 1, 0
		case n >= -1<<12 && n < 1<<12:
			return 1, 1
		case n >= -1<<15 && n < 1<<15:
			return 1, 2
		case n >= -1<<23 && n < 1<<23:
			return 1, 3
		case n >= -1<<31 && n < 1<<31:
			return 1, 4
		}
		return 1, 8
	}
	switch n := len(e.Bytes); {
	case n < 1<<6:
		return 1, n
	case n < 1<<12:
		return 2, n
	default:
		return 5, n
	}
}

// put writes the entry at an offset, and returns the offset after it.
func (e *Element) put(p []byte, at int) int {
	head, body := e.shape()
	data := p[at+head:]
	if e.IsInt {
		p[at] = 0xf1 // and so on, by the size of the data
		switch body {
		case 0:
			p[at] = byte(e.Int)
		case 1:
			p[at] = 0xc0 | byte(e.Int>>8)&0x1f
		case 3, 4:
			p[at] += byte(body - 2)
		case 8:
			p[at] = 0xf4
		}
		for i := range body {
			data[i] = byte(e.Int >> (8 * i))
		}
	} else {
		switch head {
		case 1:
			p[at] = 0x80 | byte(body)
		case 2:
			p[at], p[at+1] = 0xe0|byte(body>>8), byte(body)
		default:
			p[at] = 0xf0
			binary.LittleEndian.PutUint32(p[at+1:], uint32(body))
		}
		copy(data, e.Bytes)
	}
	return putBacklen(p, at+head+body, head+body)
}

// backlenSize returns the size of the back-length for an entry of size bytes. Like Redis, it is one
// byte more than necessary for the largest size of each width but the first.
func backlenSize(size int) int {
	n := 1
	for n < 5 && size >= 1<<(7*n)-1 && size != 127 {
		n++
	}
	return n
}

// putBacklen writes the back-length for an entry of size bytes, and returns the offset after it.
func putBacklen(p []byte, at, size int) int {
	n := backlenSize(size)
	for i := range n {
		b := byte(size>>(7*(n-1-i))) & 0x7f
		if i > 0 {
			b |= 0x80
		}
		p[at+i] = b
	}
	return at + n
}

// backlen reports whether p begins with the back-length of an entry of size bytes, and returns the
// width of the back-length. The shortest width is also valid.
func backlen(p []byte, size int) (int, bool) {
	if size < 0x80 {
		return 1, int(p[0]) == size
	}
	n := 2
	for n < 5 && size>>(7*n) != 0 {
		n++
	}
	if backlenIs(p, size, n) {
		return n, true
	}
	return n + 1, n < 5 && size == 1<<(7*n)-1 && backlenIs(p, size, n+1)
}

// backlenIs reports whether p begins with size encoded in n bytes.
func backlenIs(p []byte, size, n int) bool {
	if len(p) < n {
		return false
	}
	for i := range n {
		b := byte(size>>(7*(n-1-i))) & 0x7f
		if i > 0 {
			b |= 0x80
		}
		if p[i] != b {
			return false
		}
	}
	return true
}
