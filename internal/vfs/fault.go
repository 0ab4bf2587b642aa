package vfs

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
)

// An Op is one file system operation, as a Fault sees it before it is performed.
type Op struct {
	N    int    // number of operations before it
	Kind string // the method in lower case; also "write" for WriteAt and "put" for Shared.Write
	Name string // the file or directory; the new name of a rename
	Size int    // bytes of a read or a write
}

// String describes the operation in one line.
func (o Op) String() string { return fmt.Sprintf("%d %s %s", o.N, o.Kind, o.Name) }

// Changes reports whether the operation changes the content of a disk or makes it durable.
func (o Op) Changes() bool {
	switch o.Kind {
	case "create", "write", "sync", "datasync", "rename", "link", "remove", "truncate", "syncdir", "mkdir", "put", "store":
		return true
	}
	return false
}

// A ShortWrite makes a write store only N bytes and then fail with Err. If Err is nil, the write
// only reports that it wrote N bytes.
type ShortWrite struct {
	N   int
	Err error
}

// Error describes the cause.
func (e *ShortWrite) Error() string { return describe("short write", e.Err) }

// Unwrap returns the cause.
func (e *ShortWrite) Unwrap() error { return e.Err }

// A ShortRead makes a read return at most N bytes, with Err.
type ShortRead struct {
	N   int
	Err error
}

// Error describes the cause.
func (e *ShortRead) Error() string { return describe("short read", e.Err) }

// Unwrap returns the cause.
func (e *ShortRead) Unwrap() error { return e.Err }

// A Done makes an operation fail with Err although it has been performed.
type Done struct{ Err error }

// Error describes the cause.
func (e *Done) Error() string { return describe("done", e.Err) }

// Unwrap returns the cause.
func (e *Done) Unwrap() error { return e.Err }

func describe(what string, err error) string {
	if err == nil {
		return what
	}
	return err.Error()
}

// A Fault is a file system that asks before every operation whether it should fail. A failed sync
// of a file of a [Mem] drops the pages that it should have written.
type Fault struct {
	fs FS
	*faults
}

// faults is the state that a Fault and its Roots share.
type faults struct {
	mem  *Mem // the underlying Mem; nil for another file system
	fail func(Op) error

	mu sync.Mutex // guards n
	n  int
}

// NewFault wraps fsys. If fail returns an error, the operation returns that error and is not
// performed, unless the error is a [ShortWrite], a [ShortRead], or a [Done]. A close always closes.
// One goroutine at a time calls fail.
func NewFault(fsys FS, fail func(Op) error) *Fault {
	mem, _ := fsys.(*Mem)
	return &Fault{fsys, &faults{mem: mem, fail: fail}}
}

// Count returns the number of operations requested.
func (f *faults) Count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.n
}

// Violations returns the violations of the underlying Mem, or nothing for another file system.
func (f *faults) Violations() []string {
	if f.mem != nil {
		return f.mem.Violations()
	}
	return nil
}

func (f *faults) ask(kind, name string, size int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	op := Op{N: f.n, Kind: kind, Name: name, Size: size}
	f.n++
	if err := f.fail(op); err != nil {
		return &fs.PathError{Op: kind, Path: name, Err: err}
	}
	return nil
}

// run calls fail, and performs the operation unless fail makes it fail without performing it.
func (f *faults) run(kind, name string, do func() error) error {
	err := f.ask(kind, name, 0)
	var done *Done
	if err == nil || errors.As(err, &done) {
		return errors.Join(err, do())
	}
	return err
}

// open is run for an operation that returns a file.
func (f *Fault) open(kind, name string, do func(string) (File, error)) (File, error) {
	var file File
	err := f.run(kind, name, func() (err error) {
		file, err = do(name)
		return err
	})
	switch {
	case err == nil:
		return &faultFile{File: file, fault: f.faults, name: name}, nil
	case file != nil: // made, and not given
		err = errors.Join(err, file.Close())
	}
	return nil, err
}

func (f *Fault) Open(name string) (File, error) { return f.open("open", name, f.fs.Open) }

func (f *Fault) OpenWrite(name string) (File, error) {
	return f.open("openwrite", name, f.fs.OpenWrite)
}

func (f *Fault) Create(name string) (File, error) { return f.open("create", name, f.fs.Create) }

func (f *Fault) Rename(oldname, newname string) error {
	return f.run("rename", newname, func() error { return f.fs.Rename(oldname, newname) })
}

func (f *Fault) Link(oldname, newname string) error {
	return f.run("link", newname, func() error { return f.fs.Link(oldname, newname) })
}

func (f *Fault) Remove(name string) error {
	return f.run("remove", name, func() error { return f.fs.Remove(name) })
}

func (f *Fault) Mkdir(name string) error {
	return f.run("mkdir", name, func() error { return f.fs.Mkdir(name) })
}

func (f *Fault) ReadDir(name string) (names []string, err error) {
	err = f.run("readdir", name, func() (err error) {
		names, err = f.fs.ReadDir(name)
		return err
	})
	return names, err
}

func (f *Fault) Lstat(name string) (info fs.FileInfo, err error) {
	err = f.run("lstat", name, func() (err error) {
		info, err = f.fs.Lstat(name)
		return err
	})
	return info, err
}

func (f *Fault) SyncDir(name string) error {
	return f.run("syncdir", name, func() error { return f.fs.SyncDir(name) })
}

func (f *Fault) Abs(name string) (string, error) { return f.fs.Abs(name) }

// OpenRoot returns a Root whose operations count and fail together with those of f.
func (f *Fault) OpenRoot(dir string) (root Root, err error) {
	err = f.run("openroot", dir, func() (err error) {
		root, err = f.fs.OpenRoot(dir)
		return err
	})
	switch {
	case err == nil:
		return &faultRoot{&Fault{root, f.faults}, root, dir}, nil
	case root != nil: // made, and not given
		err = errors.Join(err, root.Close())
	}
	return nil, err
}

func (f *Fault) Lock(name string) (lock Lock, err error) {
	err = f.run("lock", name, func() (err error) {
		lock, err = f.fs.Lock(name)
		return err
	})
	if err != nil && lock != nil { // taken, and not given
		err = errors.Join(err, lock.Close())
		lock = nil
	}
	return lock, err
}

func (f *Fault) Boot() (boot string, err error) {
	err = f.run("boot", "", func() (err error) {
		boot, err = f.fs.Boot()
		return err
	})
	return boot, err
}

func (f *Fault) Share(name string) (shared Shared, err error) {
	err = f.run("share", name, func() (err error) {
		shared, err = f.fs.Share(name)
		return err
	})
	switch {
	case err == nil:
		return &faultShared{shared: shared, fault: f.faults, name: name}, nil
	case shared != nil: // made, and not given
		err = errors.Join(err, shared.Close())
	}
	return nil, err
}
