package rdb

import "encoding/binary"

// A listpack, all numbers little-endian:
//
//	listpack = size count entry* ff   size: 4 bytes, of the whole; count: 2 bytes, ffff unknown
//	entry    = encoding data backlen  backlen: size of encoding and data, to be read backwards
//
//	0nnnnnnn                   an integer from 0 to 127
//	10nnnnnn bytes             a string of up to 63 bytes
//	110nnnnn n                 a signed integer of 13 bits, high ones first
//	1110nnnn n bytes           a string of up to 4095 bytes, high bits of its size first
//	f0 <4 bytes size> bytes    a string
//	f1, f2, f3, f4             signed integers of 2, 3, 4 and 8 bytes
//
// A backlen has 7 bits a byte, high ones first, and the top bit set in all bytes but the first.
// The listpack of "a" and 1 is 0c 00 00 00 02 00 81 61 02 01 01 ff.
const (
	listpackHead  = 4 + 2
	listpackLeast = listpackHead + 1
)

// listpack opens a listpack and checks its size and end. The walker has a single pack, which the
// next call reuses.
func (w *walker) listpack(p []byte) *pack {
	c := &w.pack
	*c = pack{p: p, next: listpackHead}
	if len(p) < listpackLeast {
		c.err = flawed(0, "want a listpack of at least %d bytes, found %d", listpackLeast, len(p))
	} else {
		c.err = framed("listpack", p)
	}
	return c
}

// framed checks the size and end of a listpack or ziplist.
func framed(name string, p []byte) error {
	if size := binary.LittleEndian.Uint32(p); int64(size) != int64(len(p)) {
		return flawed(0, "want a %s of its %d bytes, found a size of %d", name, len(p), size)
	}
	if last := p[len(p)-1]; last != 0xff {
		return flawed(len(p)-1, "want ff at the end of a %s, found %02x", name, last)
	}
	return nil
}

func (c *pack) listpackEnd() error {
	return c.counted(4, int(binary.LittleEndian.Uint16(c.p[4:])))
}

// listpackEntry reads the entry at next and returns its size including the backlen.
func (c *pack) listpackEntry() (int, error) {
	p := c.p[c.next : len(c.p)-1]
	head, body := 1, 0 // bytes of the encoding and of the following data
	isInt := true
	switch b := p[0]; {
	case b < 0x80:
	case b < 0xc0:
		body, isInt = int(b&0x3f), false
	case b < 0xe0:
		body = 1
	case b < 0xf0:
		if len(p) < 2 {
			return 0, c.cut(2, len(p))
		}
		head, body, isInt = 2, int(b&0x0f)<<8|int(p[1]), false
	case b == 0xf0:
		if len(p) < 5 {
			return 0, c.cut(5, len(p))
		}
		size := binary.LittleEndian.Uint32(p[1:])
		if int64(size) > int64(len(p)) {
			return 0, c.cut(int64(size), len(p))
		}
		head, body, isInt = 5, int(size), false
	case b <= 0xf4:
		body = [...]int{2, 3, 4, 8}[b-0xf1]
	default:
		return 0, flawed(c.next, "want a listpack entry, found %#x", b)
	}
	size := head + body
	if size >= len(p) {
		return 0, c.cut(int64(size)+1, len(p))
	}
	if isInt {
		c.element = integer(listpackInt(p[0], p[1:size]))
	} else {
		c.element = byteString(p[head:size:size])
	}
	back, ok := backlen(p[size:], size)
	if !ok {
		return 0, flawed(c.next+size, "want a back-length of %d, found another value", size)
	}
	return size + back, nil
}

// cut returns the error for an entry that extends past the end.
func (c *pack) cut(want int64, found int) error {
	return flawed(c.next, "want an entry of %d bytes, found %d before the end", want, found)
}

// listpackInt returns the integer with encoding b and data p.
func listpackInt(b byte, p []byte) int64 {
	switch {
	case b < 0x80:
		return int64(b)
	case b < 0xe0:
		n := int64(b&0x1f)<<8 | int64(p[0])
		return n << 51 >> 51 // 13 bits, signed
	}
	return littleInt(p)
}

// littleInt returns a signed little-endian integer of 1 to 8 bytes.
func littleInt(p []byte) int64 {
	var n uint64
	for i, b := range p {
		n |= uint64(b) << (8 * i)
	}
	shift := 64 - 8*len(p)
	return int64(n<<shift) >> shift
}

// backlen reports whether p begins with the back-length of an entry of size bytes, and returns the
// width of the back-length. Redis stores the largest size of each width in one byte more than
// needed; both widths are valid.
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
