package scan

import (
	"fmt"
	"io"
	"strconv"

	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/resp"
)

// maxHeld is the number of held commands above which a scan stops holding them. An open
// transaction, or a group without its marker, then does not need additional memory, however long it
// is. The scan records where it began, and reads it a second time once it is whole.
const maxHeld = 128 << 10

// reread describes the bytes that a scan has read without holding their commands.
type reread struct {
	src       io.ReaderAt // the file; nil if it cannot be read again
	base      int64       // offset of the first byte of src
	on        bool
	from, end int64 // the range of whole records
	db        int   // database that is selected at from
}

// source enables a scan to read src again.
func (s *reread) source(src io.Reader, base int64) {
	s.src, _ = src.(io.ReaderAt)
	s.base = base
}

// hold holds the command that the scan has just read.
func (w *Scanner) hold(c appendlog.Command) {
	s := &w.reread
	if s.on {
		return
	}
	w.held = append(w.held, c)
	if len(w.held) < maxHeld || s.src == nil {
		return
	}
	s.on, s.from, s.end, s.db = true, w.held[0].Offset, w.whole, w.held[0].DB
	w.held, w.ends = nil, nil
	w.reader.Release()
}

// emitReread emits the whole records that were not held.
func (w *Scanner) emitReread() error {
	s := &w.reread
	if s.end > s.from {
		if err := w.rereadRange(s.from, s.end); err != nil {
			return err
		}
		s.from = s.end
	}
	s.on = w.multi
	return nil
}

// rereadRange emits the commands between two offsets one by one.
func (w *Scanner) rereadRange(from, to int64) error {
	s := &w.reread
	r := resp.NewReader(io.NewSectionReader(s.src, from-s.base, to-from), from)
	for {
		t, err := r.Next()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return fmt.Errorf("%s: read a second time: %w", w.path, err)
		case t.Line != nil:
			continue
		}
		switch name := t.Args[0]; {
		case len(name) == 6 && isWord(name, "SELECT"):
			if s.db, err = strconv.Atoi(string(t.Args[1])); err != nil {
				return fmt.Errorf("%s: read a second time: %w", w.path, err)
			}
			continue
		case len(name) == 5 && isWord(name, "MULTI"), len(name) == 4 && isWord(name, "EXEC"):
			continue
		}
		if err := w.emit([]appendlog.Command{{DB: s.db, Args: t.Args, File: w.path, Offset: t.Offset}}); err != nil {
			return err
		}
		w.Commands++
	}
}
