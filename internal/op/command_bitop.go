package op

import (
	"encoding/binary"
	"strings"

	"github.com/perduredb/perdure/internal/table"
)

// MaxCopied is the limit of the total size of the sources of a BITOP that are not large, and
// therefore copied. A key that is given several times counts each time.
const MaxCopied = 64 << 20

var (
	errNot          = clientError("BITOP NOT must be called with a single source key.")
	errBitOpSources = clientError("the sources of BITOP need too much memory")
)

// CheckBitOp checks the arguments of BITOP apart from the keys.
func CheckBitOp(args [][]byte) error {
	op := strings.ToUpper(string(args[0]))
	switch {
	case op != "AND" && op != "OR" && op != "XOR" && op != "NOT":
		return errSyntax
	case op == "NOT" && len(args) != 3:
		return errNot
	}
	return nil
}

// bitOpTo is BITOP AND|OR|XOR|NOT destination source... Missing sources are empty, shorter ones are
// padded with zeros, and an empty result deletes the destination.
func bitOpTo(x *Exec, db int, args [][]byte) error {
	if err := CheckBitOp(args); err != nil {
		return err
	}
	sources, copied := make([][]byte, len(args)-2), 0
	for i, key := range args[2:] {
		var err error
		if sources[i], err = x.look(x.Locate(db, string(key))); err != nil {
			return err
		}
		if len(sources[i]) <= LargeValue {
			copied += len(sources[i])
		}
		if copied > MaxCopied && !x.Replaying {
			return errBitOpSources
		}
	}
	result, err := x.BitOp(args, sources)
	if err != nil {
		return err
	}
	return x.StoreBitOp(db, args, result)
}

// A BitOpResult is the result of a BITOP that has not been stored.
type BitOpResult struct {
	size   int
	value  []byte
	mapped table.Mapping // of a large value
}

// BitOp computes the result of a BITOP, given the values of its sources. It uses no key of the
// table, so that no shard needs to be locked.
func (x *Exec) BitOp(args, sources [][]byte) (r BitOpResult, err error) {
	op := strings.ToUpper(string(args[0]))
	for _, source := range sources {
		r.size = max(r.size, len(source))
	}
	if r.size > 0 {
		r.mapped, r.value, err = x.combine(string(args[1]), sources, r.size, func(dst []byte, sources [][]byte) { bitOp(op, dst, sources) })
	}
	return r, err
}

// StoreBitOp stores the result of a BITOP, and replies with its length.
func (x *Exec) StoreBitOp(db int, args [][]byte, r BitOpResult) (err error) {
	p := x.Locate(db, string(args[1]))
	switch {
	case r.size == 0:
		x.delete(p)
		x.Reply.Int(0)
		return nil
	case r.mapped.Ok():
		err = x.putMapped(p, r.mapped, 0)
	default:
		err = x.put(p, r.value, 0)
	}
	if err != nil {
		return err
	}
	x.changed(db, p.Key)
	x.commandWords(db, "BITOP", args)
	x.Reply.Int(int64(r.size))
	return nil
}

// Drop frees a result that is not stored.
func (r BitOpResult) Drop(s *Store) {
	if r.mapped.Ok() {
		s.Table.Unmap(r.mapped)
	}
}

// bitOp combines sources, which have the length of dst, into dst.
func bitOp(op string, dst []byte, sources [][]byte) {
	copy(dst, sources[0])
	if op == "NOT" {
		for i := range dst {
			dst[i] = ^dst[i]
		}
		return
	}
	for _, source := range sources[1:] {
		i := 0
		for ; i+8 <= len(dst); i += 8 {
			a, b := binary.LittleEndian.Uint64(dst[i:]), binary.LittleEndian.Uint64(source[i:])
			binary.LittleEndian.PutUint64(dst[i:], combineWords(op[0], a, b))
		}
		for ; i < len(dst); i++ {
			dst[i] = byte(combineWords(op[0], uint64(dst[i]), uint64(source[i])))
		}
	}
}

// combineWords combines two words. op is the first letter of AND, OR, or XOR.
func combineWords(op byte, a, b uint64) uint64 {
	switch op {
	case 'A':
		return a & b
	case 'O':
		return a | b
	}
	return a ^ b
}
