// Package listpack reads and changes listpacks and intsets, in which Redis stores small
// collections. Its functions take the entries of a listpack, which perdure stores without their
// frame, or a whole intset. They check what they read, and return an [Error] for damage.
package listpack

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
)

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
	Head    = 4 + 2  // offset of the first entry
	Unknown = 0xffff // a count that is not known

	least = Head + 1
)

// An Error describes damage at an offset of a listpack or intset.
type Error struct {
	At   int
	What string
}

// Error returns the text without the offset.
func (e *Error) Error() string { return e.What }

func damaged(at int, format string, args ...any) *Error {
	return &Error{at, fmt.Sprintf(format, args...)}
}

// An Element is an element of a listpack: an integer, which represents its decimal text, or bytes.
type Element struct {
	Bytes []byte // nil for an integer that was read
	Int   int64
	IsInt bool
}

// Of returns the element for a text: an integer if the text is the decimal form of one. Bytes is
// the text.
func Of(text []byte) Element {
	n, ok := ParseInt(text)
	return Element{Bytes: text, Int: n, IsInt: ok}
}

// Integer returns the element for a number.
func Integer(n int64) Element { return Element{Int: n, IsInt: true} }

// Append appends the text of the element.
func (e Element) Append(dst []byte) []byte {
	if e.IsInt {
		return strconv.AppendInt(dst, e.Int, 10)
	}
	return append(dst, e.Bytes...)
}

// Is reports whether an element that was read has the text for which Of returned o.
func (e Element) Is(o Element) bool {
	if e.IsInt {
		return o.IsInt && e.Int == o.Int
	}
	return bytes.Equal(e.Bytes, o.Bytes)
}

// maxDecimal is the length of the longest decimal form of an int64.
const maxDecimal = 20

// ParseInt parses the decimal form of an int64: without a plus sign and leading zeros.
func ParseInt(text []byte) (n int64, ok bool) {
	digits := text
	negative := len(text) > 0 && text[0] == '-'
	if negative {
		digits = text[1:]
	}
	if len(digits) == 0 || len(digits) >= maxDecimal || digits[0] == '0' && len(text) > 1 {
		return 0, false
	}
	var u uint64 // 19 digits do not overflow it
	for _, d := range digits {
		if d < '0' || d > '9' {
			return 0, false
		}
		u = u*10 + uint64(d-'0')
	}
	if negative {
		return -int64(u), u <= 1<<63
	}
	return int64(u), u < 1<<63
}

// Check checks the size and the end of a listpack.
func Check(p []byte) error {
	if len(p) < least {
		return damaged(0, "want a listpack of at least %d bytes, found %d", least, len(p))
	}
	return Framed("listpack", p)
}

// Framed checks the size and the end of a listpack, or of a ziplist, which has the same frame.
func Framed(name string, p []byte) error {
	if size := binary.LittleEndian.Uint32(p); int64(size) != int64(len(p)) {
		return damaged(0, "want a %s of its %d bytes, found a size of %d", name, len(p), size)
	}
	if last := p[len(p)-1]; last != 0xff {
		return damaged(len(p)-1, "want ff at the end of a %s, found %02x", name, last)
	}
	return nil
}

// Count returns the number of entries according to the header, which may be Unknown. The listpack
// must have passed Check.
func Count(p []byte) int { return int(binary.LittleEndian.Uint16(p[4:])) }

// Entries returns the entries of a listpack, which must have passed Check.
func Entries(p []byte) []byte { return p[Head : len(p)-1] }

// Size returns the size of a listpack whose entries have n bytes.
func Size(n int) int { return Head + n + 1 }

// AppendFrame appends the listpack of entries, whose number is count.
func AppendFrame(dst, entries []byte, count int) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(Size(len(entries))))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(min(count, Unknown)))
	return append(append(dst, entries...), 0xff)
}

// short returns the size of the entry at an offset, with its back-length. It returns 0 for a
// damaged entry, and for one that is neither a string of less than 64 bytes nor an integer of up to
// 13 bits.
func short(p []byte, at int) int {
	size := 1
	switch b := p[at]; {
	case b >= 0xe0:
		return 0
	case b >= 0xc0:
		size = 2
	case b >= 0x80:
		size += int(b & 0x3f)
	}
	if end := at + size; end >= len(p) || int(p[end]) != size {
		return 0
	}
	return size + 1
}

func isShortString(b byte) bool { return b&0xc0 == 0x80 }

// Read returns the entry at an offset of entries, and the offset of the next entry. The Bytes of
// the element are part of p. Other bytes may precede the entries.
func Read(p []byte, at int) (e Element, next int, err error) {
	if n := short(p, at); n > 0 && isShortString(p[at]) { // the most common entry
		next = at + n
		return Element{Bytes: p[at+1 : next-1 : next-1]}, next, nil
	}
	return readAny(p, at)
}

// Skip returns the offset of the entry that follows the one at an offset. It takes about
// 1/3 of the time of Read.
func Skip(p []byte, at int) (next int, err error) {
	if n := short(p, at); n > 0 {
		return at + n, nil
	}
	_, next, err = readAny(p, at)
	return next, err
}

// readAny is Read for any entry.
func readAny(p []byte, at int) (e Element, next int, err error) {
	rest := p[at:]
	head, body, isInt, err := shape(rest, at)
	if err != nil {
		return e, 0, err
	}
	size := head + body
	if size >= len(rest) {
		return e, 0, cut(at, size+1, len(rest))
	}
	if isInt {
		e = Integer(entryInt(rest[0], rest[1:size]))
	} else {
		e = Element{Bytes: rest[head:size:size]}
	}
	back, ok := backlen(rest[size:], size)
	if !ok {
		return e, 0, damaged(at+size, "want a back-length of %d, found another value", size)
	}
	return e, at + size + back, nil
}

// shape returns the sizes of the encoding and of the data of the entry at the start of p.
func shape(p []byte, at int) (head, body int, isInt bool, err error) {
	switch b := p[0]; {
	case b < 0x80:
		return 1, 0, true, nil
	case b < 0xc0:
		return 1, int(b & 0x3f), false, nil
	case b < 0xe0:
		return 1, 1, true, nil
	case b < 0xf0:
		if len(p) < 2 {
			return 0, 0, false, cut(at, 2, len(p))
		}
		return 2, int(b&0x0f)<<8 | int(p[1]), false, nil
	case b == 0xf0:
		if len(p) < 5 {
			return 0, 0, false, cut(at, 5, len(p))
		}
		size := binary.LittleEndian.Uint32(p[1:])
		if int64(size) > int64(len(p)) {
			return 0, 0, false, damaged(at, cutText, size, len(p))
		}
		return 5, int(size), false, nil
	case b <= 0xf4:
		return 1, [...]int{2, 3, 4, 8}[b-0xf1], true, nil
	default:
		return 0, 0, false, damaged(at, "want a listpack entry, found %#x", b)
	}
}

const cutText = "want an entry of %d bytes, found %d before the end"

// cut returns the error for an entry that extends past the end.
func cut(at, want, found int) error { return damaged(at, cutText, want, found) }

// entryInt returns the integer with encoding b and data p.
func entryInt(b byte, p []byte) int64 {
	switch {
	case b < 0x80:
		return int64(b)
	case b < 0xe0:
		n := int64(b&0x1f)<<8 | int64(p[0])
		return n << 51 >> 51 // 13 bits, signed
	}
	return LittleInt(p)
}

// LittleInt returns a signed little-endian integer of 1 to 8 bytes.
func LittleInt(p []byte) int64 {
	var n uint64
	for i, b := range p {
		n |= uint64(b) << (8 * i)
	}
	shift := 64 - 8*len(p)
	return int64(n<<shift) >> shift
}

// Find returns the offset of the first of the entries that is wanted, and the offset of the next
// entry, which is 0 if no entry is wanted. It compares every step-th entry.
func Find(p []byte, wanted Element, step int) (at, next int, err error) {
	for at < len(p) {
		found := false
		if n := short(p, at); n > 0 && isShortString(p[at]) {
			next = at + n
			found = string(p[at+1:next-1]) == string(wanted.Bytes)
		} else {
			var e Element
			if e, next, err = readAny(p, at); err != nil {
				return 0, 0, err
			}
			found = e.Is(wanted)
		}
		if found {
			return at, next, nil
		}
		at = next
		for skip := step - 1; skip > 0 && at < len(p); skip-- {
			if at, err = Skip(p, at); err != nil {
				return 0, 0, err
			}
		}
	}
	return at, 0, nil
}

// Before returns the offset of the entry that ends at an offset of entries above 0. The caller
// reads the entry with Read, which checks it.
func Before(p []byte, end int) (at int, err error) {
	size := 0
	for n := 1; n <= 5 && n <= end; n++ {
		b := p[end-n]
		size |= int(b&0x7f) << (7 * (n - 1))
		if b&0x80 != 0 {
			continue
		}
		if at = end - n - size; at < 0 {
			break
		}
		if _, next, err := Read(p, at); err != nil || next != end {
			break
		}
		return at, nil
	}
	return 0, damaged(end, "want an entry before byte %d, found another value", end)
}
