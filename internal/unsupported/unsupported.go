// Package unsupported holds the one error type for what is whole and not known: records of other
// producers, of newer versions, and commands that a store does not apply.
package unsupported

import (
	"errors"
	"fmt"
)

// Err matches every Error, and every error about a command that is not supported.
var Err = errors.New("not supported")

// Error says what in a file is not supported. The file may be whole: it never matches
// corrupt.ErrCorrupt.
type Error struct {
	File   string // path or base name; empty until whoever knows the name fills it in
	Offset int64  // of the first byte of what is not supported; -1 for what cannot be written
	What   string // what it is
	Owner  string // the program whose record it is; empty when not known
	WayOut string // what to do with the file; empty when there is nothing particular
}

// Error gives file, offset and what is not supported, in one line.
func (e *Error) Error() string {
	file := e.File
	switch {
	case e.Offset < 0:
		return "not supported: " + e.What
	case file == "":
		file = "input"
	}
	return fmt.Sprintf("%s: offset %d: not supported: %s", file, e.Offset, e.What)
}

// Is makes errors.Is(err, Err) true of every Error.
func (e *Error) Is(target error) bool { return target == Err }

// SetFile fills in the name of the file, if there is none yet.
func (e *Error) SetFile(file string) {
	if e.File == "" {
		e.File = file
	}
}
