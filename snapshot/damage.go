package snapshot

import (
	"errors"
	"fmt"

	"github.com/perduredb/perdure/internal/errtext"
)

// ErrCorrupt is matched by every [*CorruptError]. It is perdure.ErrCorrupt.
var ErrCorrupt = errors.New("perdure: corrupt file")

// ErrTorn is matched by a [*CorruptError] about damage that an ordinary crash explains: the file
// ends too early. It is perdure.ErrTorn.
var ErrTorn = errors.New("perdure: torn tail")

// A CorruptError describes the place and the kind of damage in a file. It contains an offset, never
// a key or a value, because an error may be printed to a log.
type CorruptError struct {
	File   string // path or base name; "" until a caller that knows the name sets it
	Offset int64  // offset of the first wrong byte, from the start of the file
	What   string // expected and found content
	Torn   bool   // the file ends inside a record, as after a crash
	Err    error  // the cause, if there is one
}

// Error returns file, offset and What in one line.
func (e *CorruptError) Error() string {
	file := e.File
	if file == "" {
		file = "input"
	}
	s := fmt.Sprintf("%s: offset %d: %s", file, e.Offset, e.What)
	if e.Err != nil {
		s += ": " + errtext.Trim(e.Err)
	}
	return s
}

// Is reports whether target is [ErrCorrupt] or, for an error that is Torn, [ErrTorn].
func (e *CorruptError) Is(target error) bool {
	return target == ErrCorrupt || target == ErrTorn && e.Torn
}

// Unwrap returns the cause.
func (e *CorruptError) Unwrap() error { return e.Err }

// SetFile sets File, if it is "".
func (e *CorruptError) SetFile(file string) {
	if e.File == "" {
		e.File = file
	}
}

// ErrUnsupported is matched by every error about an intact record that is not supported. It is
// perdure.ErrUnsupported.
var ErrUnsupported = errors.New("perdure: not supported")

// An UnsupportedError describes an unsupported record in a file, such as one of another producer or
// of a newer version. The file may be whole, so the error never matches [ErrCorrupt].
type UnsupportedError struct {
	File   string // path or base name; "" until a caller that knows the name sets it
	Offset int64  // offset of the first unsupported byte; -1 for a record that cannot be written
	What   string // description of the record
	Owner  string // name of the program that wrote the record; "" if it is not known
	WayOut string // advice for the user of the file; or ""
}

// Error returns file, offset and What in one line.
func (e *UnsupportedError) Error() string {
	file := e.File
	switch {
	case e.Offset < 0:
		return "not supported: " + e.What
	case file == "":
		file = "input"
	}
	return fmt.Sprintf("%s: offset %d: not supported: %s", file, e.Offset, e.What)
}

// Is reports whether target is [ErrUnsupported].
func (e *UnsupportedError) Is(target error) bool { return target == ErrUnsupported }

// SetFile sets File, if it is "".
func (e *UnsupportedError) SetFile(file string) {
	if e.File == "" {
		e.File = file
	}
}
