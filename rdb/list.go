package rdb

import (
	"iter"

	"github.com/perduredb/perdure/internal/corrupt"
)

// List is a list. It references the payload that it was decoded from.
type List struct{ view }

// Len returns the number of elements.
func (l *List) Len() int { return l.n }

// All yields the elements in order. Each is valid until the next iteration and must not be
// modified.
func (l *List) All() iter.Seq[[]byte] { return l.elements() }

// Set is a set. It references the payload that it was decoded from.
type Set struct{ view }

// Len returns the number of members.
func (s *Set) Len() int { return s.n }

// All yields the members in file order, which is arbitrary. Each is valid until the next iteration
// and must not be modified.
func (s *Set) All() iter.Seq[[]byte] { return s.elements() }

func (v *view) elements() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) { v.walk(&eachElement{yield: yield}) }
}

// eachElement is the visitor of loops over elements or members.
type eachElement struct {
	deaf
	yield func([]byte) bool
}

func (e *eachElement) element(p []byte) error           { return stopUnless(e.yield(p)) }
func (e *eachElement) member(p []byte, _ float64) error { return stopUnless(e.yield(p)) }

// listElement walks an element of a list.
func (w *walker) listElement() error {
	at := w.r.offset()
	s, err := w.r.str(&w.first, w.limit)
	if err != nil {
		return err
	}
	return w.withOffset(at, w.visitor.element(s.bytes(w.r)))
}

// setMember walks a member of a set.
func (w *walker) setMember() error {
	at := w.r.offset()
	s, err := w.r.str(&w.first, w.limit)
	if err != nil {
		return err
	}
	return w.withOffset(at, w.visitor.member(s.bytes(w.r), 0))
}

// quicklistNode walks a quicklist node: one element, or a listpack of elements.
func (w *walker) quicklistNode() error {
	at := w.r.offset()
	container, err := w.r.length()
	if err != nil {
		return err
	}
	switch container {
	case 1:
		return w.listElement()
	case 2:
		return w.packed((*walker).listpackElements)
	}
	return corrupt.New(at, "want a plain (1) or packed (2) list node, found %d", container)
}

func (w *walker) listpackElements(p []byte) error { return w.elements(w.listpack(p)) }
func (w *walker) ziplistElements(p []byte) error  { return w.elements(w.ziplist(p)) }

// elements passes the contents of c to the visitor as elements of a list.
func (w *walker) elements(c *pack) error {
	for c.more() {
		if err := w.visitor.element(c.text(&w.digits)); err != nil {
			return placed(err, c.at)
		}
	}
	return c.err
}

// members passes the contents of c to the visitor as members of a set.
func (w *walker) members(c *pack) error {
	for c.more() {
		if err := w.visitor.member(c.text(&w.digits), 0); err != nil {
			return placed(err, c.at)
		}
	}
	return c.err
}
