package appendlog

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/errtext"
	"github.com/perduredb/perdure/internal/resp"
)

// maxDB is the largest database number that a log can select.
const maxDB = 65535

// A Reader reads units from a file of commands in RESP, as written by Append and Base.Commands and
// in Redis's append-only file. It handles SELECT, MULTI and EXEC, and skips lines that begin with
// #, which servers write between commands. It is used by one goroutine at a time.
type Reader struct {
	src  *resp.Reader
	file string
	unit []Command
	db   int   // selected
	end  int64 // offset of the end of the last whole unit
	last int   // database selected there
	err  error
}

// NewReader returns a Reader of src. File is the name of src in commands and in errors. Offset is
// the offset of the first byte of src in the file. Database 0 is selected there.
func NewReader(src io.Reader, file string, offset int64) *Reader {
	return &Reader{src: resp.NewReader(src, offset), file: file, end: offset}
}

// Next returns the next unit: one command, or all commands of a transaction. The commands are valid
// until the next call.
//
// Next returns io.EOF at the end of the input. If the input ends inside a unit, it returns a
// [*snapshot.CorruptError] matching [snapshot.ErrTorn]; the file can then be truncated at End. If
// the input is not RESP, or nests transactions, it returns a [*snapshot.CorruptError] that does not
// match ErrTorn. After an error it returns that error again.
func (r *Reader) Next() ([]Command, error) {
	if r.err != nil {
		return nil, r.err
	}
	r.unit = r.unit[:0]
	r.err = r.next()
	r.src.Release()
	if r.err != nil {
		r.err = errtext.Named(corrupt.InFile(r.err, r.file))
		return nil, r.err
	}
	return r.unit, nil
}

// End returns the offset of the end of the last unit that Next returned, with the SELECT commands
// and empty transactions that follow it.
func (r *Reader) End() int64 { return r.end }

// DB returns the database selected at [Reader.End].
func (r *Reader) DB() int { return r.last }

func (r *Reader) next() error {
	r.src.Hold()
	multi, begin := false, int64(0)
	for {
		t, err := r.src.Next()
		switch {
		case errors.Is(err, io.EOF) && multi:
			return corrupt.Torn(begin, "file ends inside a transaction")
		case err != nil:
			return err
		case len(t.Args) == 0:
			r.whole(multi, t.End())
			continue
		}
		switch name := strings.ToUpper(string(t.Args[0])); {
		case name == "SELECT":
			if r.db, err = selected(&t); err != nil {
				return err
			}
			r.whole(multi, t.End())
		case name == "MULTI" && multi, name == "EXEC" && !multi:
			return corrupt.New(t.Offset, "found unexpected %s", name)
		case name == "MULTI":
			multi, begin = true, t.Offset
		case name == "EXEC" && len(r.unit) == 0:
			multi = false
			r.whole(multi, t.End())
		case name == "EXEC":
			r.whole(false, t.End())
			return nil
		default:
			r.unit = append(r.unit, Command{DB: r.db, Args: t.Args, File: r.file, Offset: t.Offset})
			if !multi {
				r.whole(false, t.End())
				return nil
			}
		}
	}
}

// whole moves the end of the last whole unit, unless a transaction is open.
func (r *Reader) whole(multi bool, end int64) {
	if !multi {
		r.end, r.last = end, r.db
	}
}

// selected returns the database number of a SELECT.
func selected(t *resp.Token) (int, error) {
	if len(t.Args) != 2 {
		return 0, corrupt.New(t.Offset, "want 1 argument of SELECT, found %d", len(t.Args)-1)
	}
	db, err := strconv.Atoi(string(t.Args[1]))
	if err != nil || db < 0 || db > maxDB || strconv.Itoa(db) != string(t.Args[1]) {
		return 0, corrupt.New(t.Offset, "want a database number in SELECT, found something else")
	}
	return db, nil
}

// ReplayCommands passes every unit of a Reader to r, and returns the number of commands. For a torn
// tail it returns the [*snapshot.CorruptError] of [Reader.Next], after the units before it. It sets
// the file name in a [CommandError] that r returns.
func ReplayCommands(from *Reader, r Replayer) (commands int64, err error) {
	defer errtext.Name(&err)
	for {
		unit, err := from.Next()
		if errors.Is(err, io.EOF) {
			return commands, nil
		} else if err != nil {
			return commands, err
		}
		if err := r.Apply(unit); err != nil {
			var refused *CommandError
			if errors.As(err, &refused) && refused.File == "" {
				refused.File = from.file
				return commands, err
			}
			return commands, fmt.Errorf("%s: offset %d: %w", from.file, unit[0].Offset, err)
		}
		commands += int64(len(unit))
	}
}
