// Package vfs is the seam to the file system: everything perdure does to a disk goes through an
// FS, and nothing else imports os.
//
// OS is the real one, Mem a file system in memory that can crash, Fault a wrapper that makes the
// n-th operation fail. An FS is safe for concurrent use; a File is used by one goroutine at a
// time, except that Sync and Datasync may run beside Write.
package vfs

import (
	"io"
	"io/fs"
)

// FS is the set of operations that perdure needs of a file system. Paths are those of the
// operating system. Errors are *fs.PathError or satisfy errors.Is with fs.ErrNotExist,
// fs.ErrExist and fs.ErrPermission where these are meant.
type FS interface {
	// Open opens a regular file for reading. Anything else (a directory, a FIFO, a device, a
	// symbolic link) is refused with ErrNotRegular, without blocking.
	Open(name string) (File, error)

	// OpenWrite opens an existing regular file for reading and writing; writes go to the end.
	OpenWrite(name string) (File, error)

	// Create makes a new file, mode 0600, and fails with fs.ErrExist when the name is taken.
	// The name is durable only after SyncDir.
	Create(name string) (File, error)

	// Rename replaces newname by oldname atomically; durable only after SyncDir.
	Rename(oldname, newname string) error

	// Remove deletes a file or an empty directory; durable only after SyncDir.
	Remove(name string) error

	// Mkdir makes a directory, mode 0700, and fails with fs.ErrExist when the name is taken.
	Mkdir(name string) error

	// ReadDir lists the names in a directory, sorted.
	ReadDir(name string) ([]string, error)

	// Lstat describes what the name is, without following a symbolic link.
	Lstat(name string) (fs.FileInfo, error)

	// SyncDir makes the creations, renames and removals in a directory durable. Where the
	// system has no such call it does nothing.
	SyncDir(name string) error

	// Lock takes an exclusive lock on the file, which it creates when needed and never deletes.
	// A lock held elsewhere, in this process too, gives an error that is ErrLocked, at once.
	Lock(name string) (io.Closer, error)
}

// File is an open file.
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer // at the end of the file, for a file from Create or OpenWrite
	io.Closer

	// Size returns the file's present size in bytes.
	Size() (int64, error)

	// Truncate sets the size; durable only after Sync.
	Truncate(size int64) error

	// Sync makes content and metadata durable. After an error what was unsynced may be lost,
	// and a later nil says nothing of it.
	Sync() error

	// Datasync makes content durable, and as much metadata as reading it back needs.
	Datasync() error

	// DropCache asks the system to forget clean cached pages of the file from an offset on, so
	// that the next read is answered by the disk. It may do nothing.
	DropCache(offset int64)
}
