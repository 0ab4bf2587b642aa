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
func Option(fsys vfs.FS) perdure.Option {
	return option(func(o *engine.Options) { o.FS = fsys })
}

// SmallCollections returns an option that makes a collection above size bytes have trees, so that
// tests have them although their collections are small.
func SmallCollections(size int) perdure.Option {
	return option(func(o *engine.Options) { o.SmallCollection = size })
}

func option(set func(*engine.Options)) perdure.Option { return engine.OptionOf(set).(perdure.Option) }
