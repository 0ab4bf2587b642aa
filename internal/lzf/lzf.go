// Package lzf reads and writes LZF, the compression of strings in Redis's dumps.
//
// The stream is liblzf's; it carries no length and no checksum of its own, which stand around it.
// Decompress is a pure function. A Compressor belongs to one goroutine at a time.
package lzf

import "fmt"

// A stream is a row of runs, each led by a control byte c:
//
//	000nnnnn <n+1 bytes>             literal run: the next 1 to 32 bytes as they are
//	lllooooo oooooooo                copy l+2 bytes (l 1 to 6) from o+1 bytes back
//	111ooooo llllllll oooooooo       copy l+9 bytes from o+1 bytes back
//
// A copy may overlap what it writes: it goes on byte by byte. So "aaaaaaaaaa" is
//
//	00 61 e0 00 00                   'a', then 9 bytes from 1 back
const (
	maxLiteral  = 32
	minMatch    = 3
	maxMatch    = 264
	maxDistance = 8192
	longMatch   = 7 // the length field that says: one more length byte

	// MaxExpansion bounds the output by the input: 3 bytes make at most maxMatch.
	MaxExpansion = maxMatch / 3
)

// Error says where a stream is damaged.
type Error struct {
	Offset int // of the control byte, from the start of the stream
	What   string
}

// Error gives offset and what is wrong.
func (e *Error) Error() string { return fmt.Sprintf("lzf: byte %d: %s", e.Offset, e.What) }

// Decompress appends to dst what src stands for, which must be exactly size bytes, and returns
// the longer slice. A declared size that src cannot reach is refused before anything is
// allocated; every other damage is found before a byte outside of size is written. The error is
// an *Error; dst's own bytes are never changed. It keeps neither slice, and allocates only when
// dst lacks room.
func Decompress(dst, src []byte, size int) ([]byte, error) {
	if size < 0 || size/MaxExpansion > len(src) {
		return dst, &Error{0, fmt.Sprintf("%d bytes cannot come out of %d", size, len(src))}
	}
	start := len(dst)
	dst = grow(dst, size)
	out := dst[start : start+size]
	n, in := 0, 0
	for in < len(src) {
		at := in
		c := int(src[in])
		in++
		if c < maxLiteral {
			run := c + 1
			if run > len(src)-in {
				return dst[:start], &Error{at, "literal run goes over the end"}
			}
			if run > len(out)-n {
				return dst[:start], &Error{at, "more output than declared"}
			}
			copy(out[n:], src[in:in+run])
			n, in = n+run, in+run
			continue
		}
		length := c >> 5
		if length == longMatch && in < len(src) {
			length += int(src[in])
			in++
		}
		if in >= len(src) {
			return dst[:start], &Error{at, "reference goes over the end"}
		}
		distance := c&31<<8 + int(src[in]) + 1
		length += 2
		in++
		if distance > n {
			return dst[:start], &Error{at, "reference to before the start"}
		}
		if length > len(out)-n {
			return dst[:start], &Error{at, "more output than declared"}
		}
		copyBack(out, n, distance, length)
		n += length
	}
	if n != size {
		return dst[:start], &Error{in, fmt.Sprintf("%d bytes come out, %d are declared", n, size)}
	}
	return dst[:start+size], nil
}

// copyBack copies length bytes from distance bytes before out[n] to out[n], with overlap: what
// is there repeats, twice as much with every copy.
func copyBack(out []byte, n, distance, length int) {
	from, to := out[n-distance:n], out[n:n+length]
	for len(to) > 0 {
		done := copy(to, from)
		to = to[done:]
		from = out[n-distance : n+length-len(to)]
	}
}

// grow makes room for size more bytes behind dst without changing its length. It at least doubles
// the capacity, so that a buffer that is used again stops growing soon.
func grow(dst []byte, size int) []byte {
	if cap(dst)-len(dst) >= size {
		return dst
	}
	bigger := make([]byte, len(dst), max(len(dst)+size, 2*cap(dst)))
	copy(bigger, dst)
	return bigger
}
