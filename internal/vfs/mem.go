package vfs

import (
	"io"
	"io/fs"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"time"
)

// Mem is a file system in memory that remembers what was made durable, so that Crash can give
// what a machine might find on its disk after the power came back.
//
// A file's content is durable as of its last Sync or Datasync, a name as of the last SyncDir of
// its directory. The root and the directories that NewMem makes are durable from the start.
//
// It watches one rule: a file whose sync has failed (a Fault makes it fail) is only read and
// closed. The pages that such a sync did not write are dropped, as ext4 does: they are still
// read, count as clean, and no later sync writes them.
type Mem struct {
	mu    sync.Mutex // guards everything below it, files and directories too
	root  *memNode
	locks map[*memNode]bool
	now   func() time.Time
	// capacity is how many bytes all files may hold; 0 is no limit.
	capacity int64
	used     int64
	boot     int // how often the power was lost
	// before is what files of a name held that are no more, and their blocks still do: see Emptied.
	before map[string][]byte
	// violations are writes and syncs of files whose sync had failed.
	violations []string
}

// memNode is a file or a directory.
type memNode struct {
	dir     bool
	modTime time.Time

	// Of a file: the content as programs see it, the content that is durable, and the ranges
	// written since.
	data    []byte
	durable []byte
	writes  []extent
	// Of a mapped file: what was stored since the last sync. lent says that somebody else may
	// look at data's array.
	stored []extent
	lent   bool
	// failed says that a sync has failed. dropped says that pages which that sync did not write
	// count as clean since: data shows them, durable never had them.
	failed                  bool
	lateWrite, lateTruncate bool // one came after it
	dropped                 bool

	// Of a directory: names as programs see them, names that are durable, and the changes
	// made since, in order.
	names        map[string]*memNode
	durableNames map[string]*memNode
	changes      []nameChange
}

// extent is a range of a file that was written and not synced.
type extent struct{ from, to int64 }

// nameChange is a change to a directory: a name got a node, a name went, or both at once.
type nameChange struct {
	set    string // "" when nothing is set
	node   *memNode
	remove string // "" when nothing goes
}

// NewMem returns an empty file system that holds the given directories.
func NewMem(dirs ...string) *Mem {
	m := &Mem{root: newMemDir(), locks: map[*memNode]bool{}, now: time.Now}
	for _, dir := range dirs {
		n := m.root
		for _, part := range split(dir) {
			next := n.names[part]
			if next == nil {
				next = newMemDir()
				n.names[part], n.durableNames[part] = next, next
			}
			n = next
		}
	}
	return m
}

// SetCapacity limits the bytes that all files together may hold; a write over it is short and
// gives ErrNoSpace. 0 lifts the limit.
func (m *Mem) SetCapacity(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.capacity = bytes
}

// Violations lists what was done to files whose sync had failed and must not have been.
func (m *Mem) Violations() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.violations...)
}

// Used is how many bytes all files hold.
func (m *Mem) Used() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.used
}

// watchLocked notes what must not follow a failed sync. One write may, and one truncate that takes back
// what a write left: they had begun beside the sync, before anybody could know.
func (m *Mem) watchLocked(op, name string, n *memNode) {
	switch {
	case n.failed && op == "write" && !n.lateWrite:
		n.lateWrite = true
	case n.failed && op == "truncate" && !n.lateTruncate:
		n.lateTruncate = true
	case n.failed:
		m.violations = append(m.violations, op+" of "+name+" after its sync failed")
	}
}

func newMemDir() *memNode {
	return &memNode{dir: true, names: map[string]*memNode{}, durableNames: map[string]*memNode{}}
}

// split returns the parts of a path, from the root down.
func split(name string) []string {
	path := filepath.ToSlash(filepath.Clean(name))
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}

// lookupLocked returns the node of a name, or nil.
func (m *Mem) lookupLocked(name string) *memNode {
	n := m.root
	for _, part := range split(name) {
		if n == nil || !n.dir {
			return nil
		}
		n = n.names[part]
	}
	return n
}

// parentLocked returns the directory that holds a name, and the name in it.
func (m *Mem) parentLocked(op, name string) (*memNode, string, error) {
	parts := split(name)
	if len(parts) == 0 {
		return nil, "", &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	dir := m.lookupLocked("/" + filepath.Join(parts[:len(parts)-1]...))
	if dir == nil || !dir.dir {
		return nil, "", &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	return dir, parts[len(parts)-1], nil
}

func (d *memNode) change(c nameChange) {
	if c.remove != "" {
		delete(d.names, c.remove)
	}
	if c.set != "" {
		d.names[c.set] = c.node
	}
	d.changes = append(d.changes, c)
}

func (m *Mem) Open(name string) (File, error) { return m.open(name, true) }

func (m *Mem) OpenWrite(name string) (File, error) { return m.open(name, false) }

func (m *Mem) open(name string, readOnly bool) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.lookupLocked(name)
	if n == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	if n.dir {
		return nil, &fs.PathError{Op: "open", Path: name, Err: ErrNotRegular}
	}
	return &memFile{fs: m, node: n, name: name, readOnly: readOnly}, nil
}

func (m *Mem) Create(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parentLocked("create", name)
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

func (m *Mem) Rename(oldname, newname string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	from, oldBase, err := m.parentLocked("rename", oldname)
	if err != nil {
		return err
	}
	to, newBase, err := m.parentLocked("rename", newname)
	if err != nil {
		return err
	}
	n := from.names[oldBase]
	if n == nil {
		return &fs.PathError{Op: "rename", Path: oldname, Err: fs.ErrNotExist}
	}
	if old := to.names[newBase]; old != nil && old != n {
		m.used -= int64(len(old.data))
	}
	if from == to {
		from.change(nameChange{set: newBase, node: n, remove: oldBase})
		return nil
	}
	to.change(nameChange{set: newBase, node: n})
	from.change(nameChange{remove: oldBase})
	return nil
}

// Link counts the file's bytes a second time, as Remove of each name gives them back.
func (m *Mem) Link(oldname, newname string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.lookupLocked(oldname)
	if n == nil || n.dir {
		return &fs.PathError{Op: "link", Path: oldname, Err: fs.ErrNotExist}
	}
	dir, base, err := m.parentLocked("link", newname)
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

func (m *Mem) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parentLocked("remove", name)
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
	m.used -= int64(len(n.data))
	dir.change(nameChange{remove: base})
	return nil
}

func (m *Mem) Mkdir(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parentLocked("mkdir", name)
	if err != nil {
		return err
	}
	if dir.names[base] != nil {
		return &fs.PathError{Op: "mkdir", Path: name, Err: fs.ErrExist}
	}
	dir.change(nameChange{set: base, node: newMemDir()})
	return nil
}

func (m *Mem) ReadDir(name string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.lookupLocked(name)
	if n == nil || !n.dir {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrNotExist}
	}
	names := make([]string, 0, len(n.names))
	for base := range n.names {
		names = append(names, base)
	}
	sort.Strings(names)
	return names, nil
}

func (m *Mem) Lstat(name string) (fs.FileInfo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.lookupLocked(name)
	if n == nil {
		return nil, &fs.PathError{Op: "lstat", Path: name, Err: fs.ErrNotExist}
	}
	return memInfo{name: filepath.Base(name), size: int64(len(n.data)), dir: n.dir, modTime: n.modTime}, nil
}

func (m *Mem) SyncDir(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.lookupLocked(name)
	if n == nil || !n.dir {
		return &fs.PathError{Op: "syncdir", Path: name, Err: fs.ErrNotExist}
	}
	n.durableNames = make(map[string]*memNode, len(n.names))
	for base, child := range n.names {
		n.durableNames[base] = child
	}
	n.changes = nil
	return nil
}

func (m *Mem) Lock(name string) (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.lookupLocked(name)
	if n == nil {
		dir, base, err := m.parentLocked("lock", name)
		if err != nil {
			return nil, err
		}
		n = &memNode{modTime: m.now()}
		dir.change(nameChange{set: base, node: n})
	}
	if m.locks[n] {
		return nil, &LockedError{Name: name}
	}
	m.locks[n] = true
	return memLock{fs: m, node: n}, nil
}

type memLock struct {
	fs   *Mem
	node *memNode
}

func (l memLock) Close() error {
	l.fs.mu.Lock()
	defer l.fs.mu.Unlock()
	delete(l.fs.locks, l.node)
	return nil
}

type memInfo struct {
	name    string
	size    int64
	dir     bool
	modTime time.Time
}

func (i memInfo) Name() string       { return i.name }
func (i memInfo) Size() int64        { return i.size }
func (i memInfo) ModTime() time.Time { return i.modTime }
func (i memInfo) IsDir() bool        { return i.dir }
func (i memInfo) Sys() any           { return nil }
func (i memInfo) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o700
	}
	return 0o600
}
