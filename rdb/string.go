package rdb

import (
	"encoding/binary"
	"strconv"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/lzf"
)

// Lengths:
//
//	00nnnnnn                   6 bits
//	01nnnnnn nnnnnnnn          14 bits, high ones first
//	80 <4 bytes big-endian>    32 bits
//	81 <8 bytes big-endian>    64 bits
//
// Strings:
//
//	length bytes               the bytes themselves
//	c0 <1 byte>                a signed integer, for its decimal text
//	c1 <2 bytes little-endian>
//	c2 <4 bytes little-endian>
//	c3 length length bytes     LZF: compressed size, size, the stream
//
// A hundred times "a" is c3 05 40 64 00 61 e0 5a 00.
const (
	length32   = 0x80
	length64   = 0x81
	stringInt8 = 0xc0
	stringI16  = 0xc1
	stringI32  = 0xc2
	stringLZF  = 0xc3

	scratchDoubles = 64 << 10 // up to this size a scratch buffer grows by doubling
)

// text is a string in the input: held bytes, or decoded bytes in a scratch buffer.
type text struct {
	from, to int    // places in the reader's held bytes if made is nil
	made     []byte // in a scratch buffer
}

// bytes returns the string, which is valid as long as the memory that it was read into.
func (t text) bytes(r *input) []byte {
	if t.made != nil {
		return t.made
	}
	return r.between(t.from, t.to)
}

// length reads a plain length.
func (r *input) length() (uint64, error) {
	at := r.offset()
	first, err := r.byte()
	if err != nil {
		return 0, err
	}
	if first < 0x40 {
		return uint64(first), nil
	}
	return r.longLength(first, at)
}

// longLength reads the rest of a length whose first byte was read at offset at.
func (r *input) longLength(first byte, at int64) (uint64, error) {
	switch {
	case first < 0x40:
		return uint64(first), nil
	case first < 0x80:
		low, err := r.byte()
		return uint64(first&0x3f)<<8 | uint64(low), err
	case first == length32:
		p, err := r.bytes(4)
		if err != nil {
			return 0, err
		}
		return uint64(binary.BigEndian.Uint32(p)), nil
	case first == length64:
		p, err := r.bytes(8)
		if err != nil {
			return 0, err
		}
		return binary.BigEndian.Uint64(p), nil
	}
	return 0, corrupt.New(at, "want a length, found %#x", first)
}

// str reads a string of at most limit bytes. It decodes other encodings into scratch, which it
// replaces if it is too small.
func (r *input) str(scratch *[]byte, limit int64) (text, error) {
	at := r.offset()
	first, err := r.byte()
	if err != nil {
		return text{}, err
	}
	n := uint64(first)
	if first >= 0x40 {
		if first >= stringInt8 {
			return r.encoded(first, at, scratch, limit)
		}
		if n, err = r.longLength(first, at); err != nil {
			return text{}, err
		}
	}
	if n > uint64(limit) {
		return text{}, r.tooLong(at, n, limit)
	}
	if r.end-r.pos < int(n) {
		if err := r.fill(int(n)); err != nil {
			return text{}, err
		}
	}
	from := r.pos - r.held
	r.pos += int(n)
	return text{from: from, to: from + int(n)}, nil
}

// longestShort is the length of the longest string that shortText reads.
const longestShort = 1<<14 - 1

// shortText returns the string at the start of p and the number of bytes that it takes with its
// length. It returns false if the string is not plain, is long, or continues after p.
func shortText(p []byte) (text []byte, n int, ok bool) {
	if len(p) < 2 {
		return nil, 0, false
	}
	size, head := int(p[0]), 1
	if size >= 0x40 {
		size, head = size&0x3f<<8|int(p[1]), 2
	}
	if p[0] >= length32 || len(p)-head < size {
		return nil, 0, false
	}
	return p[head : head+size : head+size], head + size, true
}

// encoded reads a string in an encoding other than its plain bytes.
func (r *input) encoded(first byte, at int64, scratch *[]byte, limit int64) (text, error) {
	var v int64
	switch first {
	case stringInt8:
		p, err := r.bytes(1)
		if err != nil {
			return text{}, err
		}
		v = int64(int8(p[0]))
	case stringI16:
		p, err := r.bytes(2)
		if err != nil {
			return text{}, err
		}
		v = int64(int16(binary.LittleEndian.Uint16(p)))
	case stringI32:
		p, err := r.bytes(4)
		if err != nil {
			return text{}, err
		}
		v = int64(int32(binary.LittleEndian.Uint32(p)))
	case stringLZF:
		return r.compressed(at, scratch, limit)
	default:
		return text{}, corrupt.New(at, "want a string, found encoding %#x", first)
	}
	*scratch = strconv.AppendInt((*scratch)[:0], v, 10)
	return text{made: *scratch}, nil
}

// compressed reads an LZF string after its first byte.
func (r *input) compressed(at int64, scratch *[]byte, limit int64) (text, error) {
	packed, err := r.length()
	if err != nil {
		return text{}, err
	}
	size, err := r.length()
	if err != nil {
		return text{}, err
	}
	if size > uint64(limit) {
		return text{}, r.overLimit(at, size, limit)
	}
	if packed > uint64(limit) {
		return text{}, r.tooLong(at, packed, limit)
	}
	stream := r.offset()
	p, err := r.bytes(int(packed))
	if err != nil {
		return text{}, err
	}
	if size > scratchDoubles && uint64(cap(*scratch)) < size {
		// Not doubled, as lzf would do: the scratch memory for a value is then bounded by its
		// decompressed size.
		*scratch = nil
	}
	out, err := lzf.Decompress((*scratch)[:0], p, int(size))
	if err != nil {
		e := corrupt.New(stream, "want an LZF stream")
		if bad, ok := err.(*lzf.Error); ok {
			e.Offset += int64(bad.Offset)
		}
		e.Err = err
		return text{}, e
	}
	*scratch = out
	if out == nil {
		out = []byte{}
	}
	return text{made: out}, nil
}

// tooLong returns the error for the next n bytes if limit does not allow them. If the input ends
// before n bytes, it returns a torn error instead.
func (r *input) tooLong(at int64, n uint64, limit int64) error {
	if left := r.size - r.offset(); r.size >= 0 && n > uint64(max(left, 0)) {
		return corrupt.Torn(r.offset(), "want %d bytes, found %d before the end", n, max(left, 0))
	}
	return r.overLimit(at, n, limit)
}
