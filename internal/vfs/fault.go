package vfs

import (
	"fmt"
	"io"
	"io/fs"
	"sync"
)

// Op is one operation on a file system, as a Fault sees it before it is done.
type Op struct {
	N    int    // how many operations came before it
	Kind string // "create", "write", "sync", "rename", ...: the method's name in lower case
	Name string // the file or directory; the new name of a rename
}

// String gives the operation in one line.
func (o Op) String() string { return fmt.Sprintf("%d %s %s", o.N, o.Kind, o.Name) }

// ShortWrite makes a write put only N bytes into the file and then fail with Err.
type ShortWrite struct {
	N   int
	Err error
}

// Error describes the cause.
func (e *ShortWrite) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *ShortWrite) Unwrap() error { return e.Err }

// Fault is a file system that asks before every operation whether it shall fail. It also watches
// the rule that after a failed sync a file is only closed.
type Fault struct {
	fs   FS
	fail func(Op) error

	mu         sync.Mutex // guards what follows
	n          int
	violations []string
}

// NewFault wraps fsys. An operation for which fail returns an error is not done and gives that
// error. fail is called by one goroutine at a time.
func NewFault(fsys FS, fail func(Op) error) *Fault { return &Fault{fs: fsys, fail: fail} }

// Count is how many operations were asked for.
func (f *Fault) Count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.n
}

// Violations lists writes and syncs of files whose sync had failed.
func (f *Fault) Violations() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.violations...)
}

func (f *Fault) ask(kind, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	op := Op{N: f.n, Kind: kind, Name: name}
	f.n++
	if err := f.fail(op); err != nil {
		return &fs.PathError{Op: kind, Path: name, Err: err}
	}
	return nil
}

func (f *Fault) file(file File, err error, name string) (File, error) {
	if err != nil {
		return nil, err
	}
	return &faultFile{File: file, fault: f, name: name}, nil
}

func (f *Fault) Open(name string) (File, error) {
	if err := f.ask("open", name); err != nil {
		return nil, err
	}
	file, err := f.fs.Open(name)
	return f.file(file, err, name)
}

func (f *Fault) OpenWrite(name string) (File, error) {
	if err := f.ask("openwrite", name); err != nil {
		return nil, err
	}
	file, err := f.fs.OpenWrite(name)
	return f.file(file, err, name)
}

func (f *Fault) Create(name string) (File, error) {
	if err := f.ask("create", name); err != nil {
		return nil, err
	}
	file, err := f.fs.Create(name)
	return f.file(file, err, name)
}

func (f *Fault) Rename(oldname, newname string) error {
	if err := f.ask("rename", newname); err != nil {
		return err
	}
	return f.fs.Rename(oldname, newname)
}

func (f *Fault) Remove(name string) error {
	if err := f.ask("remove", name); err != nil {
		return err
	}
	return f.fs.Remove(name)
}

func (f *Fault) Mkdir(name string) error {
	if err := f.ask("mkdir", name); err != nil {
		return err
	}
	return f.fs.Mkdir(name)
}

func (f *Fault) ReadDir(name string) ([]string, error) {
	if err := f.ask("readdir", name); err != nil {
		return nil, err
	}
	return f.fs.ReadDir(name)
}

func (f *Fault) Lstat(name string) (fs.FileInfo, error) {
	if err := f.ask("lstat", name); err != nil {
		return nil, err
	}
	return f.fs.Lstat(name)
}

func (f *Fault) SyncDir(name string) error {
	if err := f.ask("syncdir", name); err != nil {
		return err
	}
	return f.fs.SyncDir(name)
}

func (f *Fault) Lock(name string) (io.Closer, error) {
	if err := f.ask("lock", name); err != nil {
		return nil, err
	}
	return f.fs.Lock(name)
}
