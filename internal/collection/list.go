package collection

import (
	"iter"

	"github.com/perduredb/perdure/internal/listpack"
	"github.com/perduredb/perdure/rdb"
)

// A List is a list of elements.
type List struct {
	pack
	n       int
	element text
}

// OpenList opens a stored list. An empty stored form is an empty list. The List may read stored
// until its first change.
func OpenList(stored []byte) (l List, err error) {
	l.pack = newPack()
	if len(stored) == 0 {
		return l, nil
	}
	if v := Value(stored); Type(stored) == typeList && len(v) > len(listHead) && string(v[:len(listHead)]) == listHead {
		if c, ok := openPack(v[len(listHead):]); ok {
			l.pack = c
			l.n = l.entries()
			return l, nil
		}
	}
	v, err := decode[*rdb.List](stored)
	if err != nil {
		return l, err
	}
	for e := range v.All() {
		l.PushBack(e)
	}
	return l, nil
}

// Stored returns the stored form.
func (l *List) Stored() []byte { return l.stored(typeList, listHead) }

// Len returns the number of elements.
func (l *List) Len() int { return l.n }

// At returns the element with a number from 0 to Len()-1. It is valid until the next call.
func (l *List) At(i int) []byte {
	e, _, _ := l.read(l.entry(i, l.n))
	return l.element.of(e)
}

// From yields elements with their numbers, from number i on to the end. Each is valid until the
// next iteration.
func (l *List) From(i int) iter.Seq2[int, []byte] {
	return func(yield func(i int, e []byte) bool) {
		for at := l.entry(i, l.n); ; i++ {
			e, next, ok := l.read(at)
			if !ok || !yield(i, l.element.of(e)) {
				return
			}
			at = next
		}
	}
}

// Backward yields elements with their numbers, from number i to the start. Each is valid until the
// next iteration.
func (l *List) Backward(i int) iter.Seq2[int, []byte] {
	return func(yield func(i int, e []byte) bool) {
		for at := l.entry(i, l.n); i >= 0; i-- {
			e, _, ok := l.read(at)
			if !ok || !yield(i, l.element.of(e)) {
				return
			}
			at = l.back(at, 1)
		}
	}
}

// PushBack appends an element, which must not be a part of the List.
func (l *List) PushBack(e []byte) {
	l.append(listpack.Of(e))
	l.n++
}

// Insert inserts an element as number i, from 0 to Len(). It must not be a part of the List.
func (l *List) Insert(i int, e []byte) {
	at := l.entry(i, l.n)
	l.splice(at, at, 0, listpack.Of(e))
	l.n++
}

// Set replaces the element with a number. The new one must not be a part of the List.
func (l *List) Set(i int, e []byte) {
	at := l.entry(i, l.n)
	if _, next, ok := l.read(at); ok {
		l.splice(at, next, 1, listpack.Of(e))
	}
}

// Delete deletes the elements with the numbers from first up to end.
func (l *List) Delete(first, end int) {
	from := l.entry(first, l.n)
	l.splice(from, l.entry(end, l.n), end-first)
	l.n -= end - first
}

// Encoding returns the result of OBJECT ENCODING.
func (l *List) Encoding() string { return "quicklist" }
