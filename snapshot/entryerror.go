package snapshot

import (
	"fmt"
	"strings"
)

// EntryError is what a Loader returns for an entry that does not fit into its store although its form
// is right: its database does not exist, for one. That may be damage. A Snapshotter whose files have a
// checksum reads such a file to its end, and returns damage at Offset when the checksum does not fit;
// otherwise it returns the EntryError, and fills in File.
type EntryError struct {
	File   string
	Offset int64 // of the entry
	Err    error
}

// Error gives file, offset and cause.
func (e *EntryError) Error() string {
	file := e.File
	if file == "" {
		file = "input"
	}
	return fmt.Sprintf("%s: offset %d: %s", file, e.Offset, strings.TrimPrefix(e.Err.Error(), "perdure: "))
}

// Unwrap returns the cause.
func (e *EntryError) Unwrap() error { return e.Err }

// SetFile fills in the name of the file, if there is none yet.
func (e *EntryError) SetFile(file string) {
	if e.File == "" {
		e.File = file
	}
}
