package snapshot

import (
	"io"
	"io/fs"
	"log/slog"
	"time"
)

// Env is the environment that a store passes to its Snapshotter and to its log.
type Env struct {
	// FS is the file system of the data directory. It is never nil in an Env made by a store or by
	// package storetest. For the components of this module nil means the file system of the
	// operating system.
	FS     FS
	Dir    string       // the data directory; it exists
	Logger *slog.Logger // never nil
	Strict bool         // refuse a torn tail instead of truncating it
	Until  time.Time    // replay the log up to the end of this second; zero replays all of it
	Store  string       // id of the store, 16 hex digits, for its files; "" before it has one
	After  string       // end of an earlier log (appendlog.Ender), which a new log comes after
}

// FS is the file system of a data directory that a store has open. It always leads to that
// directory, even if the directory is renamed. It accepts only names that filepath.Join makes from
// Env.Dir. It is safe for concurrent use.
//
// Errors match fs.ErrNotExist, fs.ErrExist and fs.ErrPermission where these apply. Create, Rename,
// Remove and Mkdir are durable only after SyncDir of the directory.
type FS interface {
	// Open opens a regular file for reading. It returns an error for a directory, a device or a
	// symbolic link.
	Open(name string) (File, error)

	// OpenWrite opens an existing regular file for reading and writing; writes go to its end.
	OpenWrite(name string) (File, error)

	// Create creates a new file with mode 0600. It returns an error matching fs.ErrExist if the
	// name exists.
	Create(name string) (File, error)

	// Rename atomically renames oldname to newname, replacing an existing file.
	Rename(oldname, newname string) error

	// Remove deletes a file or an empty directory.
	Remove(name string) error

	// Mkdir creates a directory with mode 0700. It returns an error matching fs.ErrExist if the
	// name exists.
	Mkdir(name string) error

	// ReadDir returns the names in a directory, sorted.
	ReadDir(name string) ([]string, error)

	// Lstat describes a file without following a symbolic link.
	Lstat(name string) (fs.FileInfo, error)

	// SyncDir makes the creations, renames and removals in a directory durable.
	SyncDir(name string) error
}

// A File is an open file of an FS. It is used by one goroutine at a time, except that Sync and
// Datasync may run concurrently with Write and Truncate.
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer // at the end of the file, for a file from Create or OpenWrite
	io.Closer

	// Size returns the current size in bytes.
	Size() (int64, error)

	// Stat describes the open file.
	Stat() (fs.FileInfo, error)

	// Truncate sets the size. It is durable only after Sync.
	Truncate(size int64) error

	// Sync makes the contents and the metadata durable. After an error, all bytes that were not
	// synced may be lost, even if a later Sync returns nil. The caller must then fail, and write a
	// new file.
	Sync() error

	// Datasync makes the contents durable, and the metadata that is needed to read them.
	Datasync() error
}
