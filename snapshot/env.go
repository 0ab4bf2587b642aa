package snapshot

import (
	"log/slog"
	"time"

	"github.com/perduredb/perdure/internal/vfs"
)

// FS is the file system that a store works on.
type FS = vfs.FS

// File is an open file of an FS.
type File = vfs.File

// Env is what a store tells its Snapshotter and its log about where they work.
type Env struct {
	FS     FS
	Dir    string       // the data directory; it exists
	Logger *slog.Logger // never nil
	Strict bool         // refuse what a crash left torn, rather than cut it
	Until  time.Time    // replay the log up to the end of this second only; zero is all of it
	Store  string       // id of the store, 16 hex digits, for its files; "" when the store has none yet
	After  string       // the end of an earlier log of the store (aof.Ender), which a new log comes after
}
