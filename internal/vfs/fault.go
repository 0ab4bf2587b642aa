package vfs

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
)

// Op is one operation on a file system, as a Fault sees it before it is done.
type Op struct {
	N    int    // how many operations came before it
	Kind string // "create", "write", "sync", "rename", ...: the method's name in lower case; "write" is WriteAt too, "put" Shared.Write
	Name string // the file or directory; the new name of a rename
	Size int    // bytes of a read or a write
}

// String gives the operation in one line.
func (o Op) String() string { return fmt.Sprintf("%d %s %s", o.N, o.Kind, o.Name) }

// Changes reports whether the operation changes what a disk holds, or makes it durable.
func (o Op) Changes() bool {
	switch o.Kind {
	case "create", "write", "sync", "datasync", "rename", "link", "remove", "truncate", "syncdir", "mkdir", "put", "store":
		return true
	}
	return false
}

// ShortWrite makes a write put only N bytes into the file and then fail with Err. Without Err it
// only says that it wrote N.
type ShortWrite struct {
	N   int
	Err error
}

// Error describes the cause.
func (e *ShortWrite) Error() string { return describe("short write", e.Err) }

// Unwrap returns the cause.
func (e *ShortWrite) Unwrap() error { return e.Err }

// ShortRead makes a read give at most N bytes, with Err.
type ShortRead struct {
	N   int
	Err error
}

// Error describes the cause.
func (e *ShortRead) Error() string { return describe("short read", e.Err) }

// Unwrap returns the cause.
func (e *ShortRead) Unwrap() error { return e.Err }

// Done makes an operation fail with Err although it is done.
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

// Fault is a file system that asks before every operation whether it shall fail. A sync that fails
// drops the pages that it should have written, if the file is one of a Mem.
type Fault struct {
	fs FS
	*faults
}

// faults are what a Fault and its Roots share.
type faults struct {
	mem  *Mem // below; nil for another file system
	fail func(Op) error

	mu sync.Mutex // guards what follows
	n  int
}

// NewFault wraps fsys. An operation for which fail returns an error gives that error, and is not
// done unless the error says so: ShortWrite, ShortRead, Done. A close always closes. fail is
// called by one goroutine at a time.
func NewFault(fsys FS, fail func(Op) error) *Fault {
	mem, _ := fsys.(*Mem)
	return &Fault{fsys, &faults{mem: mem, fail: fail}}
}

// Count is how many operations were asked for.
func (f *faults) Count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.n
}

// Violations is that of the Mem below; nothing for another file system.
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

// run asks, and does the operation unless it shall fail without being done.
func (f *faults) run(kind, name string, do func() error) error {
	err := f.ask(kind, name, 0)
	var done *Done
	if err == nil || errors.As(err, &done) {
		return errors.Join(err, do())
	}
	return err
}

// open is run for what gives a file.
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

// OpenRoot counts what is done to the Root, and lets it fail, together with what is done here.
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
