package vfs

import (
	"io/fs"
	"path/filepath"
	"sort"
	"strings"
)

// memView resolves names to the nodes of a Mem, from its root or from an open directory.
type memView struct {
	m    *Mem
	top  *memNode            // nil for the Mem's root
	dir  string              // prefix of every name, if top is set
	subs map[string]*memNode // used directories below top, as in osRoot
}

// memRoot is an open directory of a Mem.
type memRoot struct{ memView }

func (memRoot) Close() error { return nil }

// split returns the parts of a path, from the root down.
func split(name string) []string {
	path := filepath.ToSlash(filepath.Clean(name))
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}

// partsLocked returns the directory that a name is relative to, and the parts of the name below it.
func (v memView) partsLocked(op, name string) (*memNode, []string, error) {
	if v.top == nil {
		return v.m.root, split(name), nil
	}
	rel, err := below(op, v.dir, name)
	if err != nil || rel == "." {
		return v.top, nil, err
	}
	return v.top, split(rel), nil
}

// enterLocked returns the directory that parts lead to.
func (v memView) enterLocked(op, name string, n *memNode, parts []string) (*memNode, error) {
	for i, part := range parts {
		n = n.names[part]
		if n == nil {
			return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
		}
		if !n.dir {
			return nil, &fs.PathError{Op: op, Path: name, Err: ErrNotDirectory}
		}
		if v.top == nil {
			continue
		}
		key := strings.Join(parts[:i+1], "/")
		if v.subs[key] == nil {
			v.subs[key] = n
		}
		if v.subs[key] != n {
			return nil, &fs.PathError{Op: op, Path: name, Err: ErrMoved}
		}
	}
	if n.gone {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	return n, nil
}

// lookupLocked returns the node of a name.
func (v memView) lookupLocked(op, name string) (*memNode, error) {
	n, parts, err := v.partsLocked(op, name)
	if err != nil || len(parts) == 0 {
		return n, err
	}
	last := len(parts) - 1
	dir, err := v.enterLocked(op, name, n, parts[:last])
	if err != nil {
		return nil, err
	}
	if n = dir.names[parts[last]]; n == nil {
		err = &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	return n, err
}

// directoryLocked returns the directory with that name.
func (v memView) directoryLocked(op, name string) (*memNode, error) {
	n, parts, err := v.partsLocked(op, name)
	if err != nil {
		return nil, err
	}
	return v.enterLocked(op, name, n, parts)
}

// parentLocked returns the directory that contains a name, and the name's last part.
func (v memView) parentLocked(op, name string) (*memNode, string, error) {
	n, parts, err := v.partsLocked(op, name)
	if err == nil && len(parts) == 0 {
		err = &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	if err != nil {
		return nil, "", err
	}
	last := len(parts) - 1
	dir, err := v.enterLocked(op, name, n, parts[:last])
	return dir, parts[last], err
}

// forgetLocked lets another directory take a name that this view has created, renamed, or removed.
func (v memView) forgetLocked(name string) {
	if v.top == nil {
		return
	}
	if rel, err := below("", v.dir, name); err == nil {
		delete(v.subs, filepath.ToSlash(rel))
	}
}

func (v memView) Abs(name string) (string, error) { return filepath.Clean(name), nil }

// OpenRoot keeps the directory itself, even if it is renamed.
func (v memView) OpenRoot(dir string) (Root, error) {
	v.m.mu.Lock()
	defer v.m.mu.Unlock()
	n, err := v.directoryLocked("openroot", dir)
	if err != nil {
		return nil, err
	}
	return memRoot{memView{m: v.m, top: n, dir: dir, subs: map[string]*memNode{}}}, nil
}

func (v memView) Open(name string) (File, error) { return v.open(name, true) }

func (v memView) OpenWrite(name string) (File, error) { return v.open(name, false) }

func (v memView) open(name string, readOnly bool) (File, error) {
	m := v.m
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := v.lookupLocked("open", name)
	if err != nil {
		return nil, err
	}
	if n.dir {
		return nil, &fs.PathError{Op: "open", Path: name, Err: ErrNotRegular}
	}
	return &memFile{fs: m, node: n, name: name, readOnly: readOnly}, nil
}

func (v memView) Create(name string) (File, error) {
	m := v.m
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := v.parentLocked("create", name)
	if err != nil {
		return nil, err
	}
	if dir.names[base] != nil {
		return nil, &fs.PathError{Op: "create", Path: name, Err: fs.ErrExist}
	}
	n := &memNode{modTime: m.now()}
	dir.change(nameChange{set: base, node: n})
	return &memFile{fs: m, node: n, name: name}, nil
}

func (v memView) Rename(oldname, newname string) error {
	m := v.m
	m.mu.Lock()
	defer m.mu.Unlock()
	from, oldBase, err := v.parentLocked("rename", oldname)
	if err != nil {
		return err
	}
	to, newBase, err := v.parentLocked("rename", newname)
	if err != nil {
		return err
	}
	n := from.names[oldBase]
	if n == nil {
		return &fs.PathError{Op: "rename", Path: oldname, Err: fs.ErrNotExist}
	}
	if old := to.names[newBase]; old != nil && old != n {
		if old.dir != n.dir || len(old.names) > 0 {
			return &fs.PathError{Op: "rename", Path: newname, Err: fs.ErrExist}
		}
		old.gone = old.dir
		m.used -= int64(len(old.data))
	}
	v.forgetLocked(oldname)
	v.forgetLocked(newname)
	if from == to {
		from.change(nameChange{set: newBase, node: n, remove: oldBase})
		return nil
	}
	to.change(nameChange{set: newBase, node: n})
	from.change(nameChange{remove: oldBase})
	return nil
}

// Link counts the bytes of the file again, because Remove of each name subtracts them.
func (v memView) Link(oldname, newname string) error {
	m := v.m
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := v.lookupLocked("link", oldname)
	if err != nil {
		return err
	}
	if n.dir {
		return &fs.PathError{Op: "link", Path: oldname, Err: ErrNotRegular}
	}
	dir, base, err := v.parentLocked("link", newname)
	if err != nil {
		return err
	}
	if dir.names[base] != nil {
		return &fs.PathError{Op: "link", Path: newname, Err: fs.ErrExist}
	}
	m.used += int64(len(n.data))
	dir.change(nameChange{set: base, node: n})
	return nil
}

func (v memView) Remove(name string) error {
	m := v.m
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := v.parentLocked("remove", name)
	if err != nil {
		return err
	}
	n := dir.names[base]
	if n == nil {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	if n.dir && len(n.names) > 0 {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrInvalid}
	}
	n.gone = n.dir
	m.used -= int64(len(n.data))
	dir.change(nameChange{remove: base})
	v.forgetLocked(name)
	return nil
}

func (v memView) Mkdir(name string) error {
	m := v.m
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := v.parentLocked("mkdir", name)
	if err != nil {
		return err
	}
	if dir.names[base] != nil {
		return &fs.PathError{Op: "mkdir", Path: name, Err: fs.ErrExist}
	}
	dir.change(nameChange{set: base, node: newMemDir()})
	v.forgetLocked(name)
	return nil
}

func (v memView) ReadDir(name string) ([]string, error) {
	m := v.m
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := v.directoryLocked("readdir", name)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(n.names))
	for base := range n.names {
		names = append(names, base)
	}
	sort.Strings(names)
	return names, nil
}

func (v memView) Lstat(name string) (fs.FileInfo, error) {
	m := v.m
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := v.lookupLocked("lstat", name)
	if err != nil {
		return nil, err
	}
	return n.info(name), nil
}

func (v memView) SyncDir(name string) error {
	m := v.m
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := v.directoryLocked("syncdir", name)
	if err != nil {
		return err
	}
	n.durableNames = make(map[string]*memNode, len(n.names))
	for base, child := range n.names {
		n.durableNames[base] = child
	}
	n.changes = nil
	return nil
}

func (v memView) Lock(name string) (Lock, error) {
	m := v.m
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := v.parentLocked("lock", name)
	if err != nil {
		return nil, err
	}
	n := dir.names[base]
	switch {
	case n == nil:
		n = &memNode{modTime: m.now()}
		dir.change(nameChange{set: base, node: n})
	case n.dir:
		return nil, &fs.PathError{Op: "lock", Path: name, Err: ErrNotRegular}
	case m.namesLocked(n) > 1:
		return nil, &fs.PathError{Op: "lock", Path: name, Err: ErrManyNames}
	}
	if m.locks[n] {
		return nil, &LockedError{Name: name}
	}
	m.locks[n] = true
	return memLock{fs: v, node: n, name: name}, nil
}
