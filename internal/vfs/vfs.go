// Package vfs abstracts the file system: perdure accesses disks only through an [FS], and no other
// package imports os.
//
// [OS] is the real file system, [Mem] a file system in memory that can crash, and [Fault] a wrapper
// that makes the n-th operation fail. An FS is safe for concurrent use. A [File] is used by one
// goroutine at a time, except that Sync and Datasync may run concurrently with Write, WriteAt, and
// Truncate.
package vfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// FS is the set of file system operations that perdure needs. Paths are those of the operating
// system. Errors are *fs.PathError, or match fs.ErrNotExist, fs.ErrExist, and fs.ErrPermission in
// those cases.
type FS interface {
	// Abs returns a name that does not depend on the process's working directory.
	Abs(name string) (string, error)

	// OpenRoot opens a directory, following a symbolic link. If name is not a directory, it returns
	// an error matching ErrNotDirectory without blocking.
	OpenRoot(dir string) (Root, error)

	// Open opens a regular file for reading. It returns an error matching ErrNotRegular, without
	// blocking, for anything else: a directory, a FIFO, a device, or a symbolic link.
	Open(name string) (File, error)

	// OpenWrite opens an existing regular file for reading and writing; writes go to the end.
	OpenWrite(name string) (File, error)

	// Create creates a new file with mode 0600. It returns fs.ErrExist if the name exists. The name
	// is durable only after SyncDir.
	Create(name string) (File, error)

	// Rename replaces newname with oldname atomically. The change is durable only after SyncDir.
	Rename(oldname, newname string) error

	// Link adds a second name for a file. It returns fs.ErrExist if that name exists. The name is
	// durable only after SyncDir. If the file system does not support links, it returns
	// errors.ErrUnsupported or fs.ErrPermission.
	Link(oldname, newname string) error

	// Remove deletes a file or an empty directory. The removal is durable only after SyncDir.
	Remove(name string) error

	// Mkdir creates a directory with mode 0700. It returns fs.ErrExist if the name exists.
	Mkdir(name string) error

	// ReadDir returns the sorted names in a directory.
	ReadDir(name string) ([]string, error)

	// Lstat describes the file with that name without following a symbolic link.
	Lstat(name string) (fs.FileInfo, error)

	// SyncDir makes the creations, renames, and removals in a directory durable. It does nothing if
	// the operating system has no such call.
	SyncDir(name string) error

	// Lock takes an exclusive lock on the file. It creates the file if needed and never deletes it.
	// If another process or this process holds the lock, it returns an error matching ErrLocked
	// immediately. It returns an error matching ErrNotRegular if the name is not a regular file,
	// and ErrManyNames if the file has more than one name. Lock writes nothing before it holds the
	// lock and has verified that the name is that of the locked file.
	Lock(name string) (Lock, error)

	// Boot returns an identifier of the current boot. A different boot has lost all data that was
	// only in memory. It returns an error if the operating system does not report one.
	Boot() (string, error)

	// Share maps a whole existing regular file into memory. Bytes stored in the mapping are the
	// file's content immediately, also for a process that opens the file after this one was killed.
	// They are not durable. Share returns an error matching ErrNotShared if the operating system or
	// the file system is not known to guarantee that.
	Share(name string) (Shared, error)
}

// Root is an open directory. It resolves every name from its handle, even if the directory or the
// working directory is renamed. Callers use the names that filepath.Join makes from the argument of
// OpenRoot. For any other name Root returns an error matching ErrOutside.
//
// A directory below the root must be a real directory: Root returns an error matching
// ErrNotDirectory for a link. Root keeps a handle on each directory that it has used. It returns an
// error matching ErrMoved if another directory has replaced one of them.
type Root interface {
	FS
	io.Closer
}

// WrapRoot returns a Root that performs every operation through fsys, a wrapper of root. Its Close
// closes root.
func WrapRoot(fsys FS, root Root) Root {
	return struct {
		FS
		io.Closer
	}{fsys, root}
}

// Lock is a lock that is held until Close.
type Lock interface {
	io.Closer

	// Held returns an error matching ErrLockLost if the name of the lock file no longer exists, or
	// if it names another file. On Windows it always returns nil, because Windows keeps the name of
	// a locked file.
	Held() error
}

// Shared is a file mapped into memory. One goroutine at a time calls its methods. An error is one
// of the underlying disk, which any store may cause; the content is then unknown.
type Shared interface {
	// Write copies p to offset. It allocates nothing.
	Write(p []byte, offset int64) error

	// Store stores 8 bytes, little-endian, at an offset that is a multiple of 8. The store is
	// atomic and comes after everything that was written or stored before.
	Store(offset int64, value uint64) error

	// WriteStore performs Write and then Store in one call.
	WriteStore(p []byte, offset int64, word int64, value uint64) error

	// Close removes the mapping; the file remains.
	Close() error
}

// File is an open file.
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer // at the end of the file, for a file from Create or OpenWrite
	io.Closer

	// WriteAt overwrites the content of the file, and may extend it from its end. The offset must
	// be in the file or at its end, so that WriteAt leaves no hole. After WriteAt, the end where
	// Write appends is unknown until the next Truncate.
	io.WriterAt

	// Size returns the current size of the file in bytes.
	Size() (int64, error)

	// Stat describes the open file. SameFile compares the result with that of Lstat.
	Stat() (fs.FileInfo, error)

	// Linked returns an error matching ErrUnlinked if the file has lost its last name. It may run
	// concurrently with Write, and allocates nothing.
	Linked() error

	// Truncate sets the size. The change is durable only after Sync.
	Truncate(size int64) error

	// Sync makes content and metadata durable. After an error, unsynced data may be lost, and a
	// later nil does not mean that it is durable.
	Sync() error

	// Datasync makes the content durable, with the metadata needed to read it back.
	Datasync() error

	// DropCache asks the kernel to drop clean cached pages of the file from offset on, so that the
	// next read comes from the disk. It may do nothing.
	DropCache(offset int64)
}

// SameFile reports whether two descriptions are of the same file. Both must come from one FS or its
// Roots.
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

// CheckWritable creates and removes a file, to check that files can be created in its directory.
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
