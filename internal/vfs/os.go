package vfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
)

// OS returns the operating system's file system.
func OS() FS { return osFS{} }

type osFS struct{}

// osFile is an *os.File that writes at its own offset: the end of the file as known to this handle.
// It does not use O_APPEND, so that a truncate and a later write behave alike on all systems.
type osFile struct {
	*os.File
	fd  uintptr // for pwrite
	end int64
	// counted reports whether the file system counts names. Some report 0 for every file.
	counted bool
}

func newFile(f *os.File, end int64) *osFile {
	fd := f.Fd()
	n, err := namesOf(fd)
	return &osFile{File: f, fd: fd, end: end, counted: err == nil && n > 0}
}

// resolver resolves a name to a file. It is an osFS or an osRoot.
type resolver interface {
	Lstat(name string) (fs.FileInfo, error)
	openFile(name string, flag int) (*os.File, error)
}

func (osFS) openFile(name string, flag int) (*os.File, error) { return os.OpenFile(name, flag, 0o600) }

func (osFS) Abs(name string) (string, error) { return filepath.Abs(name) }

func (osFS) Open(name string) (File, error) { return openRegular(osFS{}, name, os.O_RDONLY) }

func (osFS) OpenWrite(name string) (File, error) { return openRegular(osFS{}, name, os.O_RDWR) }

// openRegular opens a file that Lstat reports as regular, and verifies that it opened that file. It
// refuses a name that is replaced by a link or a FIFO between the two calls, and no open blocks.
func openRegular(r resolver, name string, flag int) (File, error) {
	f, info, err := openSame(r, name, flag)
	if err != nil {
		return nil, err
	}
	return newFile(f, info.Size()), nil
}

// openSame opens the regular file that Lstat describes, and no other.
func openSame(r resolver, name string, flag int) (*os.File, fs.FileInfo, error) {
	before, err := r.Lstat(name)
	if err != nil {
		return nil, nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, nil, &fs.PathError{Op: "open", Path: name, Err: ErrNotRegular}
	}
	f, err := r.openFile(name, flag|openFlags)
	if err != nil {
		return nil, nil, err
	}
	after, err := f.Stat()
	if err == nil && !os.SameFile(before, after) {
		err = &fs.PathError{Op: "open", Path: name, Err: ErrNotRegular}
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, after, nil
}

func (osFS) Create(name string) (File, error) { return createFile(osFS{}, name) }

func createFile(r resolver, name string) (File, error) {
	f, err := r.openFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return nil, err
	}
	return newFile(f, 0), nil
}

func (osFS) Rename(oldname, newname string) error { return os.Rename(oldname, newname) }

func (osFS) Link(oldname, newname string) error { return os.Link(oldname, newname) }

func (osFS) Remove(name string) error { return os.Remove(name) }

func (osFS) Mkdir(name string) error { return os.Mkdir(name, 0o700) }

func (osFS) Lstat(name string) (fs.FileInfo, error) { return os.Lstat(name) }

func (osFS) ReadDir(name string) ([]string, error) {
	d, err := openDir(name)
	if err != nil {
		return nil, err
	}
	return readNames(d)
}

func (osFS) SyncDir(name string) error {
	if !canSyncDir {
		return nil
	}
	d, err := openDir(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// openDir opens a directory, following a link. It does not wait for the other end of a FIFO.
func openDir(name string) (*os.File, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, notDirectory("open", name, info.Mode())
	}
	return os.OpenFile(name, os.O_RDONLY|dirFlags, 0)
}

// readNames returns the sorted names in a directory and closes it.
func readNames(d *os.File) ([]string, error) {
	names, err := d.Readdirnames(-1)
	sort.Strings(names)
	return names, errors.Join(err, d.Close())
}

func (osFS) Lock(name string) (Lock, error) { return lockFile(osFS{}, name) }

func (osFS) Boot() (string, error) { return bootID() }

func (osFS) Share(name string) (Shared, error) { return shareFile(osFS{}, name) }

func (f *osFile) Write(p []byte) (int, error) {
	n, err := f.WriteAt(p, f.end)
	f.end += int64(n)
	return n, err
}

func (f *osFile) WriteAt(p []byte, offset int64) (int, error) { return pwrite(f.File, f.fd, p, offset) }

// Close invalidates fd, because another file may get that descriptor.
func (f *osFile) Close() error {
	f.fd = ^uintptr(0)
	return f.File.Close()
}

func (f *osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (f *osFile) Truncate(size int64) error {
	if err := f.File.Truncate(size); err != nil {
		return err
	}
	f.end = size
	return nil
}

func (f *osFile) Datasync() error { return datasync(f.File) }

func (f *osFile) DropCache(offset int64) { dropCache(f.File, offset) }

func (f *osFile) Linked() error {
	if !f.counted {
		return nil
	}
	n, err := namesOf(f.fd)
	if err == nil && n == 0 {
		err = ErrUnlinked
	}
	if err != nil {
		err = &fs.PathError{Op: "fstat", Path: f.Name(), Err: err}
	}
	return err
}
