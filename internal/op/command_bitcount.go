package op

import (
	"encoding/binary"
	mathbits "math/bits"
	"strings"
)

// bitRange is the part of a string that BITCOUNT and BITPOS examine: the bits from first to last.
type bitRange struct{ first, last int64 }

// bitUnit returns the number of bits of the unit in which a range is given.
func bitUnit(arg []byte) (int64, error) {
	switch strings.ToUpper(string(arg)) {
	case "BYTE":
		return 8, nil
	case "BIT":
		return 1, nil
	}
	return 0, errSyntax
}

// bitRangeOf returns the range from start to end, in units, of a string of n bytes.
func bitRangeOf(start, end, unit, n int64) bitRange {
	start, end = clampRange(start, end, n*8/unit)
	if start > end { // also a start that is not a number of bits
		return bitRange{0, -1}
	}
	return bitRange{start * unit, end*unit + unit - 1}
}

// bitCount is BITCOUNT key [start end [BYTE | BIT]].
func bitCount(x *Exec, p Place, args [][]byte) error {
	value, err := x.look(p)
	if err != nil {
		return err
	}
	start, end, unit := int64(0), int64(-1), int64(8)
	switch {
	case value == nil:
		x.Reply.Int(0)
		return nil
	case len(args) == 1 || len(args) > 3:
		return errSyntax
	case len(args) > 1:
		if start, err = x.integer(args[0]); err != nil {
			return err
		}
		if end, err = x.integer(args[1]); err != nil {
			return err
		}
	}
	if start < 0 && end < 0 && start > end {
		x.Reply.Int(0)
		return nil
	}
	if len(args) == 3 {
		if unit, err = bitUnit(args[2]); err != nil {
			return err
		}
	}
	x.Reply.Int(bitRangeOf(start, end, unit, int64(len(value))).count(value))
	return nil
}

// count returns the number of bits in the range that are set.
func (r bitRange) count(value []byte) (n int64) {
	for i := r.first; i <= r.last; {
		if i%8 != 0 || r.last-i < 7 {
			n += int64(value[i/8]>>(7-i%8)) & 1
			i++
			continue
		}
		whole := value[i/8 : (r.last+1)/8]
		n += ones(whole)
		i += int64(len(whole)) * 8
	}
	return n
}

// ones returns the number of bits that are set.
func ones(p []byte) (n int64) {
	for ; len(p) >= 8; p = p[8:] {
		n += int64(mathbits.OnesCount64(binary.LittleEndian.Uint64(p)))
	}
	for _, b := range p {
		n += int64(mathbits.OnesCount8(b))
	}
	return n
}

// bitPos is BITPOS key bit [start [end [BYTE | BIT]]]. Zeros follow the end of the string, unless
// the client has given an end.
func bitPos(x *Exec, p Place, args [][]byte) error {
	bit, err := x.integer(args[0])
	if err != nil {
		return err
	}
	if bit != 0 && bit != 1 {
		return errBitArgument
	}
	value, err := x.look(p)
	if err != nil {
		return err
	}
	if value == nil {
		x.Reply.Int(-bit)
		return nil
	}
	if len(args) > 4 {
		return errSyntax
	}
	start, end, unit := int64(0), int64(-1), int64(8)
	if len(args) > 1 {
		if start, err = x.integer(args[1]); err != nil {
			return err
		}
	}
	if len(args) == 4 {
		if unit, err = bitUnit(args[3]); err != nil {
			return err
		}
	}
	if len(args) > 2 {
		if end, err = x.integer(args[2]); err != nil {
			return err
		}
	}
	r := bitRangeOf(start, end, unit, int64(len(value)))
	at := r.find(value, byte(bit))
	if at < 0 && bit == 0 && len(args) < 3 && r.first <= r.last {
		at = int64(len(value)) * 8
	}
	x.Reply.Int(at)
	return nil
}

// find returns the position of the first bit of the range that is bit, or -1.
func (r bitRange) find(value []byte, bit byte) int64 {
	skip := byte(0)
	if bit == 0 {
		skip = 0xff
	}
	for i := r.first; i <= r.last; {
		switch {
		case i%8 == 0 && r.last-i >= 7 && value[i/8] == skip:
			i += 8
		case value[i/8]>>(7-i%8)&1 == bit:
			return i
		default:
			i++
		}
	}
	return -1
}
