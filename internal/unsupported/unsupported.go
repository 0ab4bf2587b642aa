// Package unsupported names [snapshot.UnsupportedError], the only error type for intact but unknown
// data: records of other producers or of newer versions, and commands that a store does not apply.
package unsupported

import "github.com/perduredb/perdure/snapshot"

// Err is matched by every Error, and by every error about an unsupported command.
var Err = snapshot.ErrUnsupported

// An Error describes unsupported data in a file.
type Error = snapshot.UnsupportedError
