// Package vfs is the seam to the file system: everything perdure does to a disk goes through an
// FS, and nothing else imports os.
//
// OS is the real one, Mem a file system in memory that can crash, Fault a wrapper that makes the
// n-th operation fail. An FS is safe for concurrent use; a File is used by one goroutine at a
// time, except that Sync and Datasync may run beside Write, WriteAt and Truncate.
package vfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// FS is the set of operations that perdure needs of a file system. Paths are those of the
// operating system. Errors are *fs.PathError or satisfy errors.Is with fs.ErrNotExist,
// fs.ErrExist and fs.ErrPermission where these are meant.
type FS interface {
	// Abs returns a name that does not depend on the process's working directory.
	Abs(name string) (string, error)

	// OpenRoot opens a directory, through a symbolic link too. A name that is not a directory
	// returns an error matching ErrNotDirectory, without blocking.
	OpenRoot(dir string) (Root, error)

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
	// A lock held elsewhere, in this process too, returns an error matching ErrLocked, at once.
	// Anything but a regular file is refused with ErrNotRegular, and a file with more than one
	// name with ErrManyNames. Nothing is written before the lock is held and the name is known to
	// be that of the locked file.
	Lock(name string) (Lock, error)

	// Boot names the present run of the machine: another one has lost what was only in memory.
	// An error says that the system does not tell.
	Boot() (string, error)

	// Share maps an existing regular file into memory, all of it. What is stored there is the file's
	// content at once, also for who comes after this process was killed; it is not durable. An error
	// that is ErrNotShared says that this system, or the file's file system, is not known to keep that.
	Share(name string) (Shared, error)
}

// Root is an open directory. It resolves every name from its handle, whatever happens to the
// directory's own name or to the working directory. Callers use the names that filepath.Join makes
// from the argument of OpenRoot; any other name returns an error matching ErrOutside.
//
// A directory below the root must be a real one: a link is refused with ErrNotDirectory. Root keeps
// a handle on each one that it has used, and returns an error matching ErrMoved if another directory
// has taken its place.
type Root interface {
	FS
	io.Closer
}

// WrapRoot returns a Root that does everything through fsys, a wrapper of root, and closes root.
func WrapRoot(fsys FS, root Root) Root {
	return struct {
		FS
		io.Closer
	}{fsys, root}
}

// Lock is a lock that is held until Close.
type Lock interface {
	io.Closer

	// Held returns an error matching ErrLockLost if the lock file's name is gone, or names another
	// file than the locked one. On Windows it always returns nil, because the system keeps the
	// name of a locked file.
	Held() error
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

	// Stat describes the open file. SameFile compares the result with that of Lstat.
	Stat() (fs.FileInfo, error)

	// Linked returns an error matching ErrUnlinked if the file has lost its last name. It may run
	// concurrently with Write, and allocates nothing.
	Linked() error

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

// SameFile reports whether two descriptions are of one file. Both come from one FS or its Roots.
func SameFile(a, b fs.FileInfo) bool {
	if node, ok := a.Sys().(*memNode); ok {
		return node == b.Sys()
	}
	return os.SameFile(a, b)
}

// CheckNamed returns an error matching ErrMoved if name does not lead to the open file f.
func CheckNamed(fsys FS, name string, f File) error {
	open, err := f.Stat()
	if err != nil {
		return err
	}
	found, err := fsys.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &fs.PathError{Op: "check", Path: name, Err: ErrMoved}
	case err == nil && !SameFile(open, found):
		err = &fs.PathError{Op: "check", Path: name, Err: ErrMoved}
	}
	return err
}

// CheckWritable makes a file and removes it. It shows that files can be made in a directory.
func CheckWritable(fsys FS, name string) error {
	if err := fsys.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := fsys.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), fsys.Remove(name))
}

// below returns the part of name below dir, or "." for dir itself.
func below(op, dir, name string) (string, error) {
	name, dir = filepath.Clean(name), filepath.Clean(dir)
	if name == dir {
		return ".", nil
	}
	prefix := strings.TrimSuffix(dir, string(filepath.Separator)) + string(filepath.Separator)
	if rel, ok := strings.CutPrefix(name, prefix); ok {
		return rel, nil
	}
	return "", &fs.PathError{Op: op, Path: name, Err: ErrOutside}
}
