package rdb

import (
	"fmt"
	"strconv"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/listpack"
)

// flaw is an error within a value, with its position in the packed form being read, if any. The
// caller that knows the offset of the form converts it into a [*CorruptError].
type flaw struct {
	at   int
	what string
}

func (f *flaw) Error() string { return f.what }

func flawed(at int, format string, args ...any) *flaw { return &flaw{at, fmt.Sprintf(format, args...)} }

// placed sets the position of a visitor's error in a packed form.
func placed(err error, at int) error {
	if f, ok := err.(*flaw); ok {
		f.at = at
	}
	return err
}

// element is an element of a listpack or a ziplist.
type element listpack.Element

func integer(n int64) element     { return element(listpack.Integer(n)) }
func byteString(p []byte) element { return element{Bytes: p} }

// digits has room for the text of an integer.
type digits [20]byte

// text returns the element as a string, which is stored in d or is a part of the packed form.
func (e *element) text(d *digits) []byte {
	if e.IsInt {
		return strconv.AppendInt(d[:0], e.Int, 10)
	}
	return e.Bytes
}

// pack is an iterator over a listpack or a ziplist. A copy continues at the position where it was
// made.
type pack struct {
	p     []byte
	zip   bool // a ziplist
	next  int  // position of the next entry
	at    int  // position of the current entry
	count int  // entries read
	err   error
	element
}

// more advances to the next entry and reports whether there is one. At the end it checks the header
// against the entries. Any error is in err.
func (c *pack) more() bool {
	if c.err != nil {
		return false
	}
	if c.next == len(c.p)-1 {
		c.err = c.closing()
		return false
	}
	at, size := c.next, 0
	if c.zip {
		size, c.err = c.ziplistEntry()
	} else {
		size, c.err = c.listpackEntry()
	}
	if c.err != nil {
		return false
	}
	c.at, c.next = at, at+size
	c.count++
	return true
}

// want advances to the next entry and returns an error at the end.
func (c *pack) want(what string) error {
	if !c.more() && c.err == nil {
		c.err = flawed(len(c.p)-1, "want %s, found the end", what)
	}
	return c.err
}

// wantInt is like want for an entry that must be an integer.
func (c *pack) wantInt(what string) (int64, error) {
	if err := c.want(what); err != nil {
		return 0, err
	}
	if !c.IsInt {
		c.err = flawed(c.at, "want %s, found a string of %d bytes", what, len(c.Bytes))
	}
	return c.Int, c.err
}

// closing checks the header against the entries at the end.
func (c *pack) closing() error {
	if c.zip {
		return c.ziplistEnd()
	}
	return c.listpackEnd()
}

// counted compares the count in a header with the number of entries read. A count of manyEntries
// means unknown.
func (c *pack) counted(at, declared int) error {
	if declared != manyEntries && declared != c.count {
		return flawed(at, "want a count of %d entries, found %d", c.count, declared)
	}
	return nil
}

const manyEntries = listpack.Unknown

// packed reads a string that contains a packed form and passes it to fn. It adds the offset to a
// flaw that fn returns.
func (w *walker) packed(fn func(w *walker, p []byte) error) error {
	at := w.r.offset()
	s, err := w.r.str(&w.first, w.limit)
	if err != nil {
		return err
	}
	p := s.bytes(w.r)
	err = fn(w, p)
	f, ok := err.(*flaw)
	switch {
	case !ok:
		return err
	case s.made != nil:
		return corrupt.New(at, "%s, at byte %d after decompression", f.what, f.at)
	}
	return corrupt.New(w.r.offset()-int64(len(p)-f.at), "%s", f.what)
}
