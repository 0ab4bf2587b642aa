// Package lzf reads and writes LZF, the compression of strings in Redis's dumps.
//
// The stream format is liblzf's. A stream contains neither a length nor a checksum; both are stored
// outside it. [Decompress] is a pure function. A [Compressor] is not safe for concurrent use.
package lzf

import "fmt"

// A stream is a row of runs, each led by a control byte c:
//
//	000nnnnn <n+1 bytes>             literal run: the next 1 to 32 bytes, unchanged
//	lllooooo oooooooo                copy l+2 bytes (l 1 to 6) from o+1 bytes back
//	111ooooo llllllll oooooooo       copy l+9 bytes from o+1 bytes back
//
// A copy may overlap its own output, because it proceeds byte by byte. So "aaaaaaaaaa" is
//
//	00 61 e0 00 00                   'a', then 9 bytes from 1 back
const (
	maxLiteral  = 32
	minMatch    = 3
	maxMatch    = 264
	maxDistance = 8192
	longMatch   = 7 // value of the length field if another length byte follows

	// MaxExpansion is the maximum ratio of output to input: 3 bytes expand to at most maxMatch.
	MaxExpansion = maxMatch / 3
)

// An Error describes damage of a stream.
type Error struct {
	Offset int // offset of the control byte in the stream
	What   string
}

// Error returns a message with the offset and the problem.
func (e *Error) Error() string { return fmt.Sprintf("lzf: byte %d: %s", e.Offset, e.What) }

// Decompress appends the decompressed src to dst and returns the extended slice. The result must
// have exactly size bytes. Decompress rejects a size that src cannot reach before it allocates. It
// detects all other damage before it writes a byte outside size. The error is a [*Error].
// Decompress never changes the bytes of dst, retains neither slice, and allocates only if dst lacks
// room.
func Decompress(dst, src []byte, size int) ([]byte, error) {
	if size < 0 || size/MaxExpansion > len(src) {
		return dst, &Error{0, fmt.Sprintf("%d bytes cannot expand to %d", len(src), size)}
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
				return dst[:start], &Error{at, "literal run exceeds the input"}
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
			return dst[:start], &Error{at, "reference exceeds the input"}
		}
		distance := c&31<<8 + int(src[in]) + 1
		length += 2
		in++
		if distance > n {
			return dst[:start], &Error{at, "reference before the start of the output"}
		}
		if length > len(out)-n {
			return dst[:start], &Error{at, "more output than declared"}
		}
		copyBack(out, n, distance, length)
		n += length
	}
	if n != size {
		return dst[:start], &Error{in, fmt.Sprintf("got %d bytes of output, want %d", n, size)}
	}
	return dst[:start+size], nil
}

// copyBack copies length bytes from distance bytes before out[n] to out[n]. If the ranges overlap,
// the existing bytes repeat; each copy doubles them.
func copyBack(out []byte, n, distance, length int) {
	from, to := out[n-distance:n], out[n:n+length]
	for len(to) > 0 {
		done := copy(to, from)
		to = to[done:]
		from = out[n-distance : n+length-len(to)]
	}
}

// grow makes room for size more bytes after dst without changing its length. It at least doubles
// the capacity, so that a reused buffer soon stops growing.
func grow(dst []byte, size int) []byte {
	if cap(dst)-len(dst) >= size {
		return dst
	}
	bigger := make([]byte, len(dst), max(len(dst)+size, 2*cap(dst)))
	copy(bigger, dst)
	return bigger
}
