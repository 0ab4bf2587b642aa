// Package corrupt holds the one error type for damaged files.
//
// The decoders of rdb and aof return it, the root package shows it under its own name. It
// carries a place, never a key or a value: what an error prints may reach a log.
package corrupt

import (
	"errors"
	"fmt"
)

// ErrCorrupt marks every Error: errors.Is(err, ErrCorrupt).
var ErrCorrupt = errors.New("corrupt file")

// ErrTorn marks an Error that an ordinary crash explains: the file ends too early.
var ErrTorn = errors.New("torn tail")

// Error says where a file is damaged and how.
type Error struct {
	File   string // path or base name; empty until whoever knows the name fills it in
	Offset int64  // of the first byte that is not as it must be, from the start of the file
	What   string // what was expected and what was found
	Torn   bool   // the file ends inside a record, as after a crash
	Err    error  // the cause, when there is one
}

// New returns an Error at offset whose What is the formatted text.
func New(offset int64, format string, args ...any) *Error {
	return &Error{Offset: offset, What: fmt.Sprintf(format, args...)}
}

// Torn returns an Error for a file that ends before the record at offset does.
func Torn(offset int64, format string, args ...any) *Error {
	e := New(offset, format, args...)
	e.Torn = true
	return e
}

// Error gives file, offset and what is wrong, in one line.
func (e *Error) Error() string {
	file := e.File
	if file == "" {
		file = "input"
	}
	s := fmt.Sprintf("%s: offset %d: %s", file, e.Offset, e.What)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Is makes errors.Is(err, ErrCorrupt) true of every Error, and ErrTorn of a torn one.
func (e *Error) Is(target error) bool {
	return target == ErrCorrupt || target == ErrTorn && e.Torn
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// SetFile fills in the name of the file, if there is none yet.
func (e *Error) SetFile(file string) {
	if e.File == "" {
		e.File = file
	}
}

// InFile returns err with file filled in where it has a place for the name and none there: it is an
// Error, or another error that says where in a file something stands.
func InFile(err error, file string) error {
	var e interface{ SetFile(file string) }
	if errors.As(err, &e) {
		e.SetFile(file)
	}
	return err
}
