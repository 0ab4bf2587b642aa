package rdb

import (
	"encoding/binary"
	"iter"
	"math"

	"github.com/perduredb/perdure/internal/corrupt"
)

// Opcodes of what a module writes.
const (
	moduleEnd = iota
	moduleInt
	moduleUint
	moduleFloat
	moduleDouble
	moduleString
)

// Module is a value of a module's own type: which module it belongs to, and the pieces that it
// wrote. What they mean the module knows. It is a part of the payload that it was decoded from.
type Module struct {
	Name    string // of the type, nine characters
	Version int    // of the type's encoding
	view
}

// Len returns how many pieces there are.
func (m *Module) Len() int { return m.n }

// All yields the pieces in order. Each is an int64, a uint64, a float32, a float64 or a []byte,
// which is valid until the next is asked for and must not be changed.
func (m *Module) All() iter.Seq[any] {
	return func(yield func(any) bool) { m.walk(&eachPiece{yield: yield}) }
}

// eachPiece is a loop over pieces.
type eachPiece struct {
	deaf
	yield func(any) bool
}

func (e *eachPiece) piece(p modulePiece) error { return goOn(e.yield(p.value())) }

// modulePiece is a piece as it is read: an opcode with the bits of a number, or bytes.
type modulePiece struct {
	op, bits uint64
	bytes    []byte
}

func (p *modulePiece) value() any {
	switch p.op {
	case moduleInt:
		return int64(p.bits)
	case moduleUint:
		return p.bits
	case moduleFloat:
		return math.Float32frombits(uint32(p.bits))
	case moduleDouble:
		return math.Float64frombits(p.bits)
	}
	return p.bytes
}

// moduleName gives the nine characters and the version of an id: six bits each and, lowest, ten.
func moduleName(id uint64) (name string, version int) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	var text [9]byte
	for i := range text {
		text[i] = alphabet[id>>(64-6*(i+1))&63]
	}
	return string(text[:]), int(id & 1023)
}

// module passes over a module's value: its id, and then opcodes with operands to the zero one.
func (w *walker) module() error {
	id, err := w.r.length()
	if err != nil {
		return err
	}
	if err := w.visitor.module(id); err != nil {
		return err
	}
	for {
		at := w.r.offset()
		op, err := w.r.length()
		if err != nil {
			return err
		}
		if op == moduleEnd {
			return w.within()
		}
		piece, err := w.modulePiece(at, op)
		if err == nil {
			err = w.told(at, w.visitor.piece(piece))
		}
		if err == nil {
			err = w.within()
		}
		if err != nil {
			return err
		}
	}
}

// modulePiece reads the operand of an opcode that stands at an offset.
func (w *walker) modulePiece(at int64, op uint64) (modulePiece, error) {
	piece := modulePiece{op: op}
	switch op {
	case moduleInt, moduleUint:
		n, err := w.r.length()
		piece.bits = n
		return piece, err
	case moduleFloat:
		p, err := w.r.bytes(4)
		if err != nil {
			return piece, err
		}
		piece.bits = uint64(binary.LittleEndian.Uint32(p))
		return piece, nil
	case moduleDouble:
		p, err := w.r.bytes(8)
		if err != nil {
			return piece, err
		}
		piece.bits = binary.LittleEndian.Uint64(p)
		return piece, nil
	case moduleString:
		s, err := w.r.str(&w.first, w.limit)
		if err != nil {
			return piece, err
		}
		piece.bytes = s.bytes(w.r)
		return piece, nil
	}
	return piece, corrupt.New(at, "want an opcode of a module value (0 to 5), found %d", op)
}
