package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sort"

	"github.com/perduredb/perdure/internal/planted"
)

// OS returns the operating system's file system.
func OS() FS { return osFS{} }

type osFS struct{}

// osFile is an *os.File whose writes go to an offset of its own: the end of the file as this
// handle knows it. O_APPEND is not used, so that a truncate and a later write agree everywhere.
type osFile struct {
	*os.File
	fd  uintptr // for pwrite
	end int64
}

func newFile(f *os.File, end int64) *osFile { return &osFile{File: f, fd: f.Fd(), end: end} }

func (osFS) Open(name string) (File, error) { return openRegular(name, os.O_RDONLY) }

func (osFS) OpenWrite(name string) (File, error) { return openRegular(name, os.O_RDWR) }

// openRegular opens what Lstat says is a regular file, and checks that it got that file: a name
// that is swapped for a link or a FIFO in between is refused, and no open blocks.
func openRegular(name string, flag int) (File, error) {
	before, err := os.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !before.Mode().IsRegular() && !planted.On(planted.LinksFollowed) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: ErrNotRegular}
	}
	if planted.On(planted.LinksFollowed) {
		f, err := os.OpenFile(name, flag, 0)
		if err != nil {
			return nil, err
		}
		return newFile(f, 0), nil
	}
	f, err := os.OpenFile(name, flag|openFlags, 0)
	if err != nil {
		return nil, err
	}
	after, err := f.Stat()
	if err == nil && !os.SameFile(before, after) {
		err = &fs.PathError{Op: "open", Path: name, Err: ErrNotRegular}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return newFile(f, after.Size()), nil
}

func (osFS) Create(name string) (File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
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
	d, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	names, err := d.Readdirnames(-1)
	sort.Strings(names)
	return names, errors.Join(err, d.Close())
}

func (osFS) SyncDir(name string) error {
	if !canSyncDir {
		return nil
	}
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (osFS) Lock(name string) (io.Closer, error) {
	return lockFile(name)
}

func (f *osFile) Write(p []byte) (int, error) {
	n, err := f.WriteAt(p, f.end)
	f.end += int64(n)
	return n, err
}

func (f *osFile) WriteAt(p []byte, offset int64) (int, error) { return pwrite(f.File, f.fd, p, offset) }

// Close leaves no descriptor behind that another file may get.
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

// readPID returns the number that a lock file holds, or 0.
func readPID(name string) int {
	data, err := os.ReadFile(name)
	if err != nil {
		return 0
	}
	var pid int
	if _, err := fmt.Sscanf(string(data), "%d", &pid); err != nil {
		return 0
	}
	return pid
}
