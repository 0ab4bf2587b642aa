package vfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// osRoot resolves names from open directories. os.Root alone would follow links inside the
// directory, so osRoot checks each component itself and keeps a handle on each subdirectory. A
// rename therefore cannot direct an operation to a directory other than the one that was opened.
type osRoot struct {
	dir string // the prefix of every name
	top *os.Root

	mu   sync.Mutex
	subs map[string]openSub // by name relative to dir
}

// openSub is an open subdirectory.
type openSub struct {
	*os.Root
	info fs.FileInfo
}

func (osFS) OpenRoot(dir string) (Root, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, notDirectory("open", dir, info.Mode())
	}
	top, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &osRoot{dir: dir, top: top, subs: map[string]openSub{}}, nil
}

// Close releases the handles.
func (r *osRoot) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.top.Close()
	for _, sub := range r.subs {
		err = errors.Join(err, sub.Close())
	}
	clear(r.subs)
	return err
}

// parent returns the open directory that contains a name, and the name's last part.
func (r *osRoot) parent(op, name string) (*os.Root, string, error) {
	rel, err := below(op, r.dir, name)
	if err != nil {
		return nil, "", err
	}
	dir, err := r.open(op, filepath.Dir(rel))
	return dir, filepath.Base(rel), err
}

// open returns the handle of the directory with a name below r.dir. It opens the directory on first
// use. On later uses it checks that the name still leads to it.
func (r *osRoot) open(op, rel string) (*os.Root, error) {
	if rel == "." {
		return r.top, nil
	}
	parent, err := r.open(op, filepath.Dir(rel))
	if err != nil {
		return nil, err
	}
	name, base := filepath.Join(r.dir, rel), filepath.Base(rel)
	info, err := parent.Lstat(base)
	if err != nil {
		return nil, named(op, name, err)
	}
	if !info.IsDir() {
		return nil, notDirectory(op, name, info.Mode())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	sub, ok := r.subs[rel]
	if !ok {
		if sub.Root, err = parent.OpenRoot(base); err != nil {
			return nil, named(op, name, err)
		}
		if sub.info, err = sub.Stat("."); err != nil {
			return nil, errors.Join(named(op, name, err), sub.Close())
		}
	}
	if !os.SameFile(info, sub.info) {
		err = &fs.PathError{Op: op, Path: name, Err: ErrMoved}
		if !ok {
			err = errors.Join(err, sub.Close())
		}
		return nil, err
	}
	r.subs[rel] = sub
	return sub.Root, nil
}

// forget closes the handle of a directory that this Root has created, renamed, or removed.
func (r *osRoot) forget(name string) {
	rel, err := below("", r.dir, name)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if sub, ok := r.subs[rel]; ok {
		delete(r.subs, rel)
		_ = sub.Close() // it was only read
	}
}

// named puts the whole name into an error of an os.Root, which knows only the last part.
func named(op, name string, err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// linkNamed is like named for an error with two names.
func linkNamed(op, oldname, newname string, err error) error {
	var link *os.LinkError
	if errors.As(err, &link) {
		err = link.Err
	}
	if err == nil {
		return nil
	}
	return &os.LinkError{Op: op, Old: oldname, New: newname, Err: err}
}

func (r *osRoot) openFile(name string, flag int) (*os.File, error) {
	dir, base, err := r.parent("open", name)
	if err != nil {
		return nil, err
	}
	f, err := dir.OpenFile(base, flag, 0o600)
	return f, named("open", name, err)
}

func (r *osRoot) Lstat(name string) (fs.FileInfo, error) {
	dir, base, err := r.parent("lstat", name)
	if err != nil {
		return nil, err
	}
	info, err := dir.Lstat(base)
	return info, named("lstat", name, err)
}

func (r *osRoot) Abs(name string) (string, error) { return filepath.Abs(name) }

func (r *osRoot) OpenRoot(dir string) (Root, error) {
	return nil, &fs.PathError{Op: "openroot", Path: dir, Err: errors.ErrUnsupported}
}

func (r *osRoot) Open(name string) (File, error) { return openRegular(r, name, os.O_RDONLY) }

func (r *osRoot) OpenWrite(name string) (File, error) { return openRegular(r, name, os.O_RDWR) }

func (r *osRoot) Create(name string) (File, error) { return createFile(r, name) }

// pair calls do with two names relative to their common directory, or relative to the root if their
// directories differ.
func (r *osRoot) pair(op, oldname, newname string, do func(dir *os.Root, from, to string) error) error {
	from, oldBase, err := r.parent(op, oldname)
	if err != nil {
		return err
	}
	to, newBase, err := r.parent(op, newname)
	if err != nil {
		return err
	}
	if from == to {
		return linkNamed(op, oldname, newname, do(from, oldBase, newBase))
	}
	oldRel, err := below(op, r.dir, oldname)
	if err != nil {
		return err
	}
	newRel, err := below(op, r.dir, newname)
	if err != nil {
		return err
	}
	return linkNamed(op, oldname, newname, do(r.top, oldRel, newRel))
}

func (r *osRoot) Rename(oldname, newname string) error {
	err := r.pair("rename", oldname, newname, (*os.Root).Rename)
	if err == nil {
		r.forget(oldname)
		r.forget(newname)
	}
	return err
}

func (r *osRoot) Link(oldname, newname string) error {
	info, err := r.Lstat(oldname)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return &fs.PathError{Op: "link", Path: oldname, Err: ErrNotRegular}
	}
	return r.pair("link", oldname, newname, (*os.Root).Link)
}

func (r *osRoot) Remove(name string) error {
	dir, base, err := r.parent("remove", name)
	if err != nil {
		return err
	}
	if err := dir.Remove(base); err != nil {
		return named("remove", name, err)
	}
	r.forget(name)
	return nil
}

func (r *osRoot) Mkdir(name string) error {
	dir, base, err := r.parent("mkdir", name)
	if err != nil {
		return err
	}
	if err := dir.Mkdir(base, 0o700); err != nil {
		return named("mkdir", name, err)
	}
	r.forget(name)
	return nil
}

// handle opens a directory to read its names or to sync it.
func (r *osRoot) handle(op, name string) (*os.File, error) {
	rel, err := below(op, r.dir, name)
	if err != nil {
		return nil, err
	}
	dir, err := r.open(op, rel)
	if err != nil {
		return nil, err
	}
	d, err := dir.Open(".")
	return d, named(op, name, err)
}

func (r *osRoot) ReadDir(name string) ([]string, error) {
	d, err := r.handle("readdir", name)
	if err != nil {
		return nil, err
	}
	return readNames(d)
}

func (r *osRoot) SyncDir(name string) error {
	if !canSyncDir {
		return nil
	}
	d, err := r.handle("syncdir", name)
	if err != nil {
		return err
	}
	return errors.Join(named("syncdir", name, d.Sync()), d.Close())
}

func (r *osRoot) Lock(name string) (Lock, error) { return lockFile(r, name) }

func (r *osRoot) Boot() (string, error) { return bootID() }

func (r *osRoot) Share(name string) (Shared, error) { return shareFile(r, name) }
