package snapshot

import (
	"io"
	"io/fs"
	"log/slog"
	"time"
)

// Env is what a store passes to its Snapshotter and to its log about where they work.
type Env struct {
	// FS is the file system of the data directory. It is never nil in an Env that a store or
	// package storetest made. For the components of this module nil is the operating system's.
	FS     FS
	Dir    string       // the data directory; it exists
	Logger *slog.Logger // never nil
	Strict bool         // refuse what a crash left torn, rather than truncate it
	Until  time.Time    // replay the log up to the end of this second only; zero is all of it
	Store  string       // id of the store, 16 hex digits, for its files; "" when the store has none yet
	After  string       // the end of an earlier log of the store (aof.Ender), which a new log comes after
}

// FS is the file system of a data directory, as a store has it open: whatever happens to the
// directory's name, it leads to the same directory. Names are those that filepath.Join makes from
// Env.Dir; any other name is refused. It is safe for concurrent use.
//
// Errors match fs.ErrNotExist, fs.ErrExist and fs.ErrPermission where these are meant. Create,
// Rename, Remove and Mkdir are durable after SyncDir of the directory only.
type FS interface {
	// Open opens a regular file for reading. A directory, a device or a symbolic link is an error.
	Open(name string) (File, error)

	// OpenWrite opens an existing regular file for reading and writing; writes go to its end.
	OpenWrite(name string) (File, error)

	// Create makes a new file, mode 0600. It returns an error matching fs.ErrExist if the name is
	// taken.
	Create(name string) (File, error)

	// Rename replaces newname by oldname atomically.
	Rename(oldname, newname string) error

	// Remove deletes a file or an empty directory.
	Remove(name string) error

	// Mkdir makes a directory, mode 0700. It returns an error matching fs.ErrExist if the name is
	// taken.
	Mkdir(name string) error

	// ReadDir returns the names in a directory, sorted.
	ReadDir(name string) ([]string, error)

	// Lstat describes a file without following a symbolic link.
	Lstat(name string) (fs.FileInfo, error)

	// SyncDir makes the creations, renames and removals in a directory durable.
	SyncDir(name string) error
}

// File is an open file of an FS. It is used by one goroutine at a time, except that Sync and
// Datasync may run concurrently with Write and Truncate.
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer // at the end of the file, for a file from Create or OpenWrite
	io.Closer

	// Size returns the present size in bytes.
	Size() (int64, error)

	// Stat describes the open file.
	Stat() (fs.FileInfo, error)

	// Truncate sets the size. It is durable after Sync only.
	Truncate(size int64) error

	// Sync makes content and metadata durable. After an error whatever was not synced may be lost,
	// and a later Sync that returns nil does not change that: fail, and write a new file.
	Sync() error

	// Datasync makes content durable, and as much metadata as reading it back needs.
	Datasync() error
}
