// Package storefs gives a whole store another file system than the operating system's: one in
// memory, one that fails, one that reports progress. Tests, campaigns and the command use it.
package storefs

import (
	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/internal/engine"
	"github.com/perduredb/perdure/internal/vfs"
)

// Option makes a store work on fsys.
func Option(fsys vfs.FS) perdure.Option { return engine.OptionFS(fsys).(perdure.Option) }
