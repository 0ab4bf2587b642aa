// Package corrupt creates [snapshot.CorruptError], the only error type for damaged files.
//
// The decoders of rdb, aof, and resp return it. It contains a position, never a key or a value,
// because error messages may reach a log.
package corrupt

import (
	"errors"
	"fmt"

	"github.com/perduredb/perdure/snapshot"
)

// ErrCorrupt is matched by every Error.
var ErrCorrupt = snapshot.ErrCorrupt

// ErrTorn is matched by an Error that an ordinary crash explains: the file ends too early.
var ErrTorn = snapshot.ErrTorn

// Error describes where a file is damaged and how.
type Error = snapshot.CorruptError

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

// InFile returns err with its empty file name set to file. It applies to an Error and to other
// errors that contain a position in a file; it returns other errors unchanged.
func InFile(err error, file string) error {
	var e interface{ SetFile(file string) }
	if errors.As(err, &e) {
		e.SetFile(file)
	}
	return err
}
