// Package vfs is the seam to the file system: everything perdure does to a disk goes through an
// FS, and nothing else imports os.
//
// OS is the real one, Mem a file system in memory that can crash, Fault a wrapper that makes the
// n-th operation fail. An FS is safe for concurrent use; a File is used by one goroutine at a
// time, except that Sync and Datasync may run beside Write, WriteAt and Truncate.
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

	// Link gives a file a second name, and fails with fs.ErrExist when that is taken; durable only after
	// SyncDir. Where the file system has no such thing the error is errors.ErrUnsupported or
	// fs.ErrPermission.
	Link(oldname, newname string) error

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

	// Boot names the present run of the machine: another one has lost what was only in memory.
	// An error says that the system does not tell.
	Boot() (string, error)

	// Share maps an existing regular file into memory, all of it. What is stored there is the file's
	// content at once, also for who comes after this process was killed; it is not durable. An error
	// that is ErrNotShared says that this system, or the file's file system, is not known to keep that.
	Share(name string) (Shared, error)
}

// Shared is a file in memory. Its methods are called by one goroutine at a time. An error is one of
// the disk below, which may strike any store; the content is then not known.
type Shared interface {
	// Write copies p to an offset. It allocates nothing.
	Write(p []byte, offset int64) error

	// Store puts 8 bytes, little endian, to an offset that is a multiple of 8, all of them at once,
	// and after everything that was written or stored before.
	Store(offset int64, value uint64) error

	// WriteStore is Write and then Store, in one call.
	WriteStore(p []byte, offset int64, word int64, value uint64) error

	// Close ends the mapping; the file stays.
	Close() error
}

// File is an open file.
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer // at the end of the file, for a file from Create or OpenWrite
	io.Closer

	// WriteAt writes over what the file holds, and from its end on. It leaves the end where Write goes to
	// unknown until the next Truncate, and no hole: the offset is in the file, or its end.
	io.WriterAt

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
