package rdb

import (
	"encoding/binary"
	"iter"
	"math"

	"github.com/perduredb/perdure/internal/corrupt"
)

// Opcodes in the data of a module.
const (
	moduleEnd = iota
	moduleInt
	moduleUint
	moduleFloat
	moduleDouble
	moduleString
)

// Module is a value of a module-defined type: the module it belongs to, and the pieces that the
// module wrote. Only the module knows their meaning. It references the payload that it was decoded
// from.
type Module struct {
	Name    string // of the type, nine characters
	Version int    // of the type's encoding
	view
}

// Len returns the number of pieces.
func (m *Module) Len() int { return m.n }

// All yields the pieces in order. Each is an int64, a uint64, a float32, a float64, or a []byte. A
// []byte is valid until the next iteration and must not be modified.
func (m *Module) All() iter.Seq[any] {
	return func(yield func(any) bool) { m.walk(&eachPiece{yield: yield}) }
}

// eachPiece is the visitor of [Module.All].
type eachPiece struct {
	deaf
	yield func(any) bool
}

func (e *eachPiece) piece(p modulePiece) error { return stopUnless(e.yield(p.value())) }

// modulePiece is an undecoded piece: an opcode with the bits of a number, or with bytes.
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

// moduleName returns the name and the version in a module id: nine characters of six bits each and,
// in the lowest ten bits, the version.
func moduleName(id uint64) (name string, version int) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	var text [9]byte
	for i := range text {
		text[i] = alphabet[id>>(64-6*(i+1))&63]
	}
	return string(text[:]), int(id & 1023)
}

// module walks a module's value: its id, then opcodes with operands until opcode 0.
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
			err = w.withOffset(at, w.visitor.piece(piece))
		}
		if err == nil {
			err = w.within()
		}
		if err != nil {
			return err
		}
	}
}

// modulePiece reads the operand of the opcode at offset at.
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
	return piece, corrupt.New(at, "want a module value opcode of 0 to 5, found %d", op)
}
