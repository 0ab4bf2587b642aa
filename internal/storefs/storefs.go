// Package storefs makes a whole store use another file system than the operating system's, such as
// one in memory, one that fails, or one that reports progress. Tests, crash-test campaigns, and the
// command use it.
package storefs

import (
	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/internal/engine"
	"github.com/perduredb/perdure/internal/vfs"
)

// Option returns an option that makes a store use fsys.
func Option(fsys vfs.FS) perdure.Option { return engine.OptionFS(fsys).(perdure.Option) }
