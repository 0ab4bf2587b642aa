package snapshot

import (
	"fmt"

	"github.com/perduredb/perdure/internal/errtext"
)

// An EntryError is returned by a Loader for a well-formed entry that does not fit into its store,
// such as one for a database that does not exist. That may be damage. If its files have a checksum,
// a Snapshotter reads such a file to its end, and returns damage at Offset if the checksum does not
// match. Otherwise it returns the EntryError and sets File.
type EntryError struct {
	File   string
	Offset int64 // offset of the entry
	Err    error
}

// Error returns file, offset and cause in one line.
func (e *EntryError) Error() string {
	file := e.File
	if file == "" {
		file = "input"
	}
	return fmt.Sprintf("%s: offset %d: %s", file, e.Offset, errtext.Trim(e.Err))
}

// Unwrap returns the cause.
func (e *EntryError) Unwrap() error { return e.Err }

// SetFile sets File, if it is "".
func (e *EntryError) SetFile(file string) {
	if e.File == "" {
		e.File = file
	}
}
