package rdb

import (
	"encoding/binary"
	"iter"

	"github.com/perduredb/perdure/internal/corrupt"
)

// Array is an array of Redis 8.8: elements at indexes. Most indexes may be free. It references the
// payload that it was decoded from.
type Array struct {
	Insert    uint64 // index of the next element added without an index
	HasInsert bool   // Insert is set

	view
}

// Len returns the number of elements.
func (a *Array) Len() int { return a.n }

// All yields indexes and elements in ascending order of index. Each element is an int64, a float64,
// or a []byte. A []byte is valid until the next iteration and must not be modified.
func (a *Array) All() iter.Seq2[uint64, any] {
	return func(yield func(uint64, any) bool) { a.walk(&eachSlot{yield: yield}) }
}

// eachSlot is the visitor of [Array.All].
type eachSlot struct {
	deaf
	yield func(uint64, any) bool
}

func (e *eachSlot) slot(index uint64, p modulePiece) error {
	return stopUnless(e.yield(index, p.value()))
}

// Tags of an array element.
const (
	arrayString = iota
	arrayInt
	arrayDouble
	arrayShortString
)

// array walks an array: the number of elements, the insert index, and the elements.
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
		return corrupt.New(tagAt, "want an array element tag of 0 to 3, found %d", tag)
	}
	return w.withOffset(at, w.visitor.slot(index, p))
}
