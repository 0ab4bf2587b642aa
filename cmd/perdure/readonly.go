package main

import (
	"bytes"
	"io/fs"

	"github.com/perduredb/perdure/internal/vfs"
)

// readFS is a file system that cannot be changed. Code that uses it leaves every file unchanged,
// whatever the code does. readFS counts the bytes read, and can contain files that do not exist on
// disk.
type readFS struct {
	vfs.FS
	progress *progress
	extra    map[string][]byte // by path
}

// Open opens a file for reading.
func (r *readFS) Open(name string) (vfs.File, error) {
	if content, ok := r.extra[name]; ok {
		return &memoryFile{Reader: bytes.NewReader(content), name: name}, nil
	}
	f, err := r.FS.Open(name)
	if err != nil || r.progress == nil {
		return f, err
	}
	return &countedFile{File: f, progress: r.progress}, nil
}

func refuse(op, name string) error { return &fs.PathError{Op: op, Path: name, Err: fs.ErrPermission} }

func (r *readFS) OpenWrite(name string) (vfs.File, error) { return nil, refuse("openwrite", name) }
func (r *readFS) Create(name string) (vfs.File, error)    { return nil, refuse("create", name) }
func (r *readFS) Rename(_, name string) error             { return refuse("rename", name) }
func (r *readFS) Remove(name string) error                { return refuse("remove", name) }
func (r *readFS) Mkdir(name string) error                 { return refuse("mkdir", name) }
func (r *readFS) SyncDir(name string) error               { return refuse("syncdir", name) }
func (r *readFS) Link(_, name string) error               { return refuse("link", name) }
func (r *readFS) Lock(name string) (vfs.Lock, error)      { return nil, refuse("lock", name) }
func (r *readFS) Share(name string) (vfs.Shared, error)   { return nil, refuse("share", name) }

// OpenRoot opens a directory, which also cannot be changed.
func (r *readFS) OpenRoot(dir string) (vfs.Root, error) {
	root, err := r.FS.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	within := *r
	within.FS = root
	return vfs.WrapRoot(&within, root), nil
}

// countedFile counts the bytes that are read from a file.
type countedFile struct {
	vfs.File
	progress *progress
}

func (f *countedFile) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	f.progress.add(int64(n))
	return n, err
}

func (f *countedFile) ReadAt(p []byte, offset int64) (int, error) {
	n, err := f.File.ReadAt(p, offset)
	f.progress.add(int64(n))
	return n, err
}

// memoryFile is a file of a readFS that does not exist on disk.
type memoryFile struct {
	*bytes.Reader
	name string
}

func (f *memoryFile) Size() (int64, error)       { return f.Reader.Size(), nil }
func (f *memoryFile) Linked() error              { return nil }
func (f *memoryFile) Stat() (fs.FileInfo, error) { return nil, refuse("stat", f.name) }
func (f *memoryFile) Write([]byte) (int, error)  { return 0, refuse("write", f.name) }
func (f *memoryFile) WriteAt([]byte, int64) (int, error) {
	return 0, refuse("write", f.name)
}

func (f *memoryFile) Truncate(int64) error { return refuse("truncate", f.name) }
func (f *memoryFile) Sync() error          { return refuse("sync", f.name) }
func (f *memoryFile) Datasync() error      { return refuse("datasync", f.name) }
func (f *memoryFile) DropCache(int64)      {}
func (f *memoryFile) Close() error         { return nil }
