package rdb

import (
	"encoding/binary"
	"iter"

	"github.com/perduredb/perdure/internal/corrupt"
)

// Array is an array of Redis 8.8: elements at places of which most may be free. It is a part of the
// payload that it was decoded from.
type Array struct {
	Insert    uint64 // where the next element goes that is added without a place
	HasInsert bool   // Insert says so

	view
}

// Len returns how many elements there are.
func (a *Array) Len() int { return a.n }

// All yields places and elements, ascending. Each element is an int64, a float64 or a []byte, which is
// valid until the next is asked for and must not be changed.
func (a *Array) All() iter.Seq2[uint64, any] {
	return func(yield func(uint64, any) bool) { a.walk(&eachSlot{yield: yield}) }
}

// eachSlot is a loop over elements of an array.
type eachSlot struct {
	deaf
	yield func(uint64, any) bool
}

func (e *eachSlot) slot(index uint64, p modulePiece) error { return goOn(e.yield(index, p.value())) }

// Tags of an element of an array.
const (
	arrayString = iota
	arrayInt
	arrayDouble
	arrayShortString
)

// array passes over an array: how many elements, where the next one is inserted, the elements.
func (w *walker) array() error {
	n, err := w.r.length()
	if err != nil {
		return err
	}
	at := w.r.offset()
	flag, err := w.r.length()
	if err != nil {
		return err
	}
	insert := uint64(0)
	switch flag {
	case 0:
	case 1:
		if insert, err = w.r.length(); err != nil {
			return err
		}
	default:
		return corrupt.New(at, "want an insert flag of 0 or 1, found %d", flag)
	}
	if err := w.visitor.arrayHead(insert, flag == 1); err != nil {
		return err
	}
	for range n {
		if err := w.arrayElement(); err != nil {
			return err
		}
		if err := w.within(); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) arrayElement() error {
	at := w.r.offset()
	index, err := w.r.length()
	if err != nil {
		return err
	}
	tagAt := w.r.offset()
	tag, err := w.r.length()
	if err != nil {
		return err
	}
	var p modulePiece
	switch tag {
	case arrayString, arrayShortString:
		s, err := w.r.str(&w.first, w.limit)
		if err != nil {
			return err
		}
		p = modulePiece{op: moduleString, bytes: s.bytes(w.r)}
	case arrayInt, arrayDouble:
		b, err := w.r.bytes(8)
		if err != nil {
			return err
		}
		p = modulePiece{op: moduleInt, bits: binary.LittleEndian.Uint64(b)}
		if tag == arrayDouble {
			p.op = moduleDouble
		}
	default:
		return corrupt.New(tagAt, "want a tag of an array element (0 to 3), found %d", tag)
	}
	return w.told(at, w.visitor.slot(index, p))
}
