// Package unsupported names the one error type for something that is whole and not known,
// snapshot.UnsupportedError: records of other producers, of newer versions, and commands that a
// store does not apply.
package unsupported

import "github.com/perduredb/perdure/snapshot"

// Err is matched by every Error, and by every error about a command that is not supported.
var Err = snapshot.ErrUnsupported

// Error describes something in a file that is not supported.
type Error = snapshot.UnsupportedError
