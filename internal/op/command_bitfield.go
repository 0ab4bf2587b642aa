package op

import (
	"math"
	"strings"
)

// field is one operation of BITFIELD.
type field struct {
	op       string // GET, SET or INCRBY
	overflow string // WRAP, SAT or FAIL
	signed   bool
	width    int
	offset   int64
	n        int64
}

// bitField is BITFIELD, and BITFIELD_RO, which only reads.
func bitField(name string) oneFunc {
	return func(x *Exec, p Place, args [][]byte) error {
		fields, err := x.parseFields(args)
		if x.Replaying && (err == errFieldType || err == errOverflowType) {
			err = errSyntax
		}
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
			value, err := x.look(p)
			if err != nil {
				return err
			}
			x.replyFields(value, fields)
			return nil
		}
		if name == "BITFIELD_RO" {
			return errFieldRO
		}
		changed, err := x.editBits(p, int((end+7)/8), func(value []byte) bool { return x.replyFields(value, fields) })
		if err == nil && changed {
			x.commandOn(p, name, args)
		}
		return err
	}
}

// replyFields applies operations to value, and replies with their results. It reports whether value
// has changed.
func (x *Exec) replyFields(value []byte, fields []field) (changed bool) {
	x.Reply.Array(len(fields))
	for _, f := range fields {
		before := bits(value, f.offset, f.width)
		if result, ok := f.apply(value); ok {
			x.Reply.Int(result)
		} else {
			x.Reply.Null()
		}
		changed = changed || bits(value, f.offset, f.width) != before
	}
	return changed
}

var (
	errFieldRO      = clientError("BITFIELD_RO only supports the GET subcommand")
	errFieldType    = clientError("Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.")
	errOverflowType = clientError("Invalid OVERFLOW type specified")
)

func (x *Exec) parseFields(args [][]byte) (fields []field, err error) {
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
				return nil, errOverflowType
			}
			continue
		}
		if err := f.place(string(words[0]), string(words[1])); err != nil {
			return nil, err
		}
		if f.op != "GET" {
			if f.n, err = x.integer(words[2]); err != nil {
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
		return errFieldType
	}
	most := int64(63)
	if f.signed = kind[0] == 'i'; f.signed {
		most = 64
	}
	width, err := integer([]byte(kind[1:]))
	if err != nil || width < 1 || width > most {
		return errFieldType
	}
	f.width = int(width)
	times := int64(1)
	if rest, ok := strings.CutPrefix(offset, "#"); ok {
		offset, times = rest, width
	}
	f.offset, err = integer([]byte(offset))
	if err != nil || f.offset < 0 || f.offset > maxBits || f.offset*times+width > maxBits {
		return errBitOffset
	}
	f.offset *= times
	return nil
}

// apply changes value as the operation requires, and returns its result: the value of a GET, the
// old value of a SET, and the new value of an INCRBY. An operation that overflows under FAIL does
// nothing, and ok is false.
func (f *field) apply(value []byte) (result int64, ok bool) {
	old := bits(value, f.offset, f.width)
	if f.op == "GET" {
		return f.signExtend(old), true
	}
	from, by := old, f.n
	if f.op == "SET" {
		from, by = uint64(f.n), 0
	} else {
		from = uint64(f.signExtend(old))
	}
	v, fits := f.sum(from, by)
	if !fits && f.overflow == "FAIL" {
		return 0, false
	}
	putBits(value, f.offset, f.width, v)
	if f.op == "SET" {
		return f.signExtend(old), true
	}
	return f.signExtend(v & (1<<f.width - 1)), true
}

// signExtend returns the value of the low bits of v.
func (f *field) signExtend(v uint64) int64 {
	if !f.signed {
		return int64(v)
	}
	return int64(v<<(64-f.width)) >> (64 - f.width)
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
