package op

import (
	"errors"
	"math"
	"strings"

	"github.com/perduredb/perdure/internal/table"
)

// Bit 0 of a string is the highest bit of its first byte.

// maxBits is the limit of the offset of a bit, which limits the length of the string.
const maxBits = int64(MaxSize) * 8

func replaySetBit(x *Exec, p Place, args [][]byte) error {
	offset, err := integer(args[0])
	if err != nil || offset < 0 || offset >= maxBits {
		return errOffset
	}
	bit := string(args[1])
	if bit != "0" && bit != "1" {
		return errors.New("bit is not 0 or 1")
	}
	return x.edit(p, int(offset/8)+1, func(value []byte) {
		putBits(value, offset, 1, uint64(bit[0]-'0'))
	})
}

// bits returns n bits, at most 64. Bits after the end of p are zero.
func bits(p []byte, offset int64, n int) (v uint64) {
	for i := offset; i < offset+int64(n); i++ {
		v <<= 1
		if i/8 < int64(len(p)) {
			v |= uint64(p[i/8]>>(7-i%8)) & 1
		}
	}
	return v
}

// putBits writes the lowest n bits of v. p must be long enough.
func putBits(p []byte, offset int64, n int, v uint64) {
	for i := offset + int64(n) - 1; i >= offset; i-- {
		mask := byte(1) << (7 - i%8)
		p[i/8] &^= mask
		if v&1 != 0 {
			p[i/8] |= mask
		}
		v >>= 1
	}
}

// replayBitOp applies BITOP AND|OR|XOR|NOT destination source... Missing sources are empty, shorter
// ones are padded with zeros, and an empty result deletes the destination.
func replayBitOp(x *Exec, db int, args [][]byte) error {
	op := strings.ToUpper(string(args[0]))
	if op != "AND" && op != "OR" && op != "XOR" && op != "NOT" || op == "NOT" && len(args) != 3 {
		return errSyntax
	}
	var sources [][]byte
	size := 0
	for _, key := range args[2:] {
		source, err := x.look(db, key)
		if err != nil {
			return err
		}
		sources = append(sources, source)
		size = max(size, len(source))
	}
	p := x.Locate(db, string(args[1]))
	if size == 0 {
		x.delete(p)
		return nil
	}
	m, result, err := x.combine(p.Key, sources, size, func(dst []byte, sources [][]byte) { bitOp(op, dst, sources) })
	if err != nil {
		return err
	}
	if !m.Ok() {
		return x.put(p, result, 0)
	}
	return x.putMapped(p, m, 0)
}

// bitOp combines sources, which have the length of dst, into dst.
func bitOp(op string, dst []byte, sources [][]byte) {
	copy(dst, sources[0])
	for _, source := range sources[1:] {
		for i := range dst {
			switch op {
			case "AND":
				dst[i] &= source[i]
			case "OR":
				dst[i] |= source[i]
			case "XOR":
				dst[i] ^= source[i]
			}
		}
	}
	if op == "NOT" {
		for i := range dst {
			dst[i] = ^dst[i]
		}
	}
}

// field is one operation of BITFIELD.
type field struct {
	op       string // GET, SET or INCRBY
	overflow string // WRAP, SAT or FAIL
	signed   bool
	width    int
	offset   int64
	n        int64
}

func replayBitField(x *Exec, p Place, args [][]byte) error {
	fields, err := parseFields(args)
	if err != nil {
		return err
	}
	end := int64(0)
	for _, f := range fields {
		if f.op != "GET" {
			end = max(end, f.offset+int64(f.width))
		}
	}
	if end == 0 {
		if it, ok := p.find(); ok && it.Kind() != table.String {
			return ErrWrongType
		}
		return nil
	}
	return x.edit(p, int((end+7)/8), func(value []byte) {
		for _, f := range fields {
			f.apply(value)
		}
	})
}

func parseFields(args [][]byte) (fields []field, err error) {
	overflow := "WRAP"
	for len(args) > 0 {
		f := field{op: strings.ToUpper(string(args[0])), overflow: overflow}
		need := map[string]int{"GET": 3, "SET": 4, "INCRBY": 4, "OVERFLOW": 2}[f.op]
		if need == 0 || len(args) < need {
			return nil, errSyntax
		}
		words := args[1:need]
		args = args[need:]
		if f.op == "OVERFLOW" {
			if overflow = strings.ToUpper(string(words[0])); overflow != "WRAP" && overflow != "SAT" && overflow != "FAIL" {
				return nil, errSyntax
			}
			continue
		}
		if err := f.place(string(words[0]), string(words[1])); err != nil {
			return nil, err
		}
		if f.op != "GET" {
			if f.n, err = integer(words[2]); err != nil {
				return nil, err
			}
		}
		fields = append(fields, f)
	}
	return fields, nil
}

// place parses the type, such as i8 or u63, and the offset, such as 100 or #12. An offset with # is
// multiplied by the width.
func (f *field) place(kind, offset string) error {
	if kind == "" || kind[0] != 'i' && kind[0] != 'u' {
		return errSyntax
	}
	most := int64(63)
	if f.signed = kind[0] == 'i'; f.signed {
		most = 64
	}
	width, err := integer([]byte(kind[1:]))
	if err != nil || width < 1 || width > most {
		return errSyntax
	}
	f.width = int(width)
	times := int64(1)
	if rest, ok := strings.CutPrefix(offset, "#"); ok {
		offset, times = rest, width
	}
	f.offset, err = integer([]byte(offset))
	if err != nil || f.offset < 0 || f.offset > maxBits || f.offset*times+width > maxBits {
		return errOffset
	}
	f.offset *= times
	return nil
}

// apply changes value as the operation requires. An operation that overflows under FAIL does
// nothing.
func (f *field) apply(value []byte) {
	if f.op == "GET" {
		return
	}
	old := bits(value, f.offset, f.width)
	by := f.n
	if f.op == "SET" {
		old, by = uint64(f.n), 0
	} else if f.signed {
		old = uint64(int64(old<<(64-f.width)) >> (64 - f.width))
	}
	v, fits := f.sum(old, by)
	if !fits && f.overflow == "FAIL" {
		return
	}
	putBits(value, f.offset, f.width, v)
}

// sum adds within the type. If the result wraps, the code that stores it truncates it to the width.
func (f *field) sum(v uint64, by int64) (sum uint64, fits bool) {
	sum = v + uint64(by)
	var low, high bool // beyond the least and the greatest value
	var least, greatest uint64
	if f.signed {
		top := int64(math.MaxInt64 >> (64 - f.width))
		a, b := int64(v), by
		greatest, least = uint64(top), uint64(-top-1)
		// Both differences may wrap, as they do in a server: SET i6 0 -9223372036854775808 is
		// too great there, not too small.
		room, below := top-a, -top-1-a
		high = a > top || f.width != 64 && b > room || a >= 0 && b > 0 && b > room
		low = !high && (a < -top-1 || f.width != 64 && b < below || a < 0 && b < 0 && b < below)
	} else {
		greatest = 1<<f.width - 1
		high = v > greatest || by > 0 && uint64(by) > greatest-v
		low = !high && by < 0 && v < uint64(-by)
	}
	switch {
	case !high && !low:
		return sum, true
	case f.overflow == "SAT" && high:
		return greatest, false
	case f.overflow == "SAT":
		return least, false
	}
	return sum, false
}
