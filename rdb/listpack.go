package rdb

import "github.com/perduredb/perdure/internal/listpack"

// listpack opens a listpack and checks its size and end. The walker has a single pack, which the
// next call reuses.
func (w *walker) listpack(p []byte) *pack {
	c := &w.pack
	*c = pack{p: p, next: listpack.Head, err: flawOf(listpack.Check(p))}
	return c
}

// flawOf converts an error of package listpack.
func flawOf(err error) error {
	if e, ok := err.(*listpack.Error); ok {
		return &flaw{e.At, e.What}
	}
	return nil
}

func (c *pack) listpackEnd() error { return c.counted(4, listpack.Count(c.p)) }

// listpackEntry reads the entry at next and returns its size including the back-length.
func (c *pack) listpackEntry() (size int, err error) {
	e, next, err := listpack.Read(c.p[:len(c.p)-1], c.next)
	if err != nil {
		return 0, flawOf(err)
	}
	c.element = element(e)
	return next - c.next, nil
}

// intsetMembers passes the integers of an intset to the visitor. They must ascend, so none occurs
// twice.
func (w *walker) intsetMembers(p []byte) error {
	s, err := listpack.OpenIntset(p)
	if err != nil {
		return flawOf(err)
	}
	var last int64
	for i := range s.Len() {
		e, at := integer(s.At(i)), listpack.IntsetHead+i*s.Width()
		if i > 0 && e.Int <= last {
			return flawed(at, "want ascending integers in an intset, found one out of order")
		}
		last = e.Int
		if err := w.visitor.element(e.text(&w.digits)); err != nil {
			return placed(err, at)
		}
	}
	return nil
}
