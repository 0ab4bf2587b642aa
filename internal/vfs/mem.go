package vfs

import (
	"io/fs"
	"path/filepath"
	"sync"
	"time"
)

// A Mem is a file system in memory that records which data is durable, so that Crash can return a
// state that a machine might find on its disk after a power failure.
//
// The content of a file is durable as of its last Sync or Datasync, and a name as of the last
// SyncDir of its directory. The root and the directories that NewMem creates are durable from the
// start.
//
// Mem checks one rule: a file whose sync has failed (a Fault makes it fail) is only read and
// closed. The pages that such a sync did not write are dropped, as on ext4: reads still return
// them, they count as clean, and no later sync writes them.
type Mem struct {
	memView // view of the whole file system

	mu    sync.Mutex // guards the fields below, and files and directories
	root  *memNode
	locks map[*memNode]bool
	now   func() time.Time
	// capacity is the maximum number of bytes in all files; 0 means no limit.
	capacity int64
	used     int64
	boot     int // number of power failures
	// before contains, by name, the content of deleted files that their blocks still hold; see
	// Emptied.
	before map[string][]byte
	// violations describes writes and syncs of files whose sync had failed.
	violations []string
}

// memNode is a file or a directory.
type memNode struct {
	dir     bool
	gone    bool // of a directory: it was removed, and nothing can be created in it
	modTime time.Time

	// Of a file: the content as programs see it, the content that is durable, and the ranges
	// written since.
	data    []byte
	durable []byte
	writes  []extent
	// Of a mapped file: the ranges stored since the last sync. lent reports whether the array of
	// data may be shared.
	stored []extent
	lent   bool
	// failed reports whether a sync has failed. dropped reports whether pages that the failed sync
	// did not write count as clean since then: data shows them, durable never had them.
	failed                  bool
	lateWrite, lateTruncate bool // one followed the failed sync
	dropped                 bool

	// Of a directory: names as programs see them, names that are durable, and the changes
	// made since, in order.
	names        map[string]*memNode
	durableNames map[string]*memNode
	changes      []nameChange
}

// extent is a range of a file that was written but not synced.
type extent struct{ from, to int64 }

// nameChange is a change to a directory: it sets a name, removes a name, or does both atomically.
type nameChange struct {
	set    string // "" if no name is set
	node   *memNode
	remove string // "" if no name is removed
}

// NewMem returns an empty file system that contains the given directories.
func NewMem(dirs ...string) *Mem {
	m := newMem(newMemDir(), time.Now)
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

func newMem(root *memNode, now func() time.Time) *Mem {
	m := &Mem{root: root, locks: map[*memNode]bool{}, now: now}
	m.memView.m = m
	return m
}

// SetCapacity limits the total number of bytes in all files. A write above the limit is short and
// returns ErrNoSpace. 0 removes the limit.
func (m *Mem) SetCapacity(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.capacity = bytes
}

// Violations returns the forbidden operations on files whose sync had failed.
func (m *Mem) Violations() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.violations...)
}

// Used returns the total number of bytes in all files.
func (m *Mem) Used() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.used
}

// watchLocked records an operation that must not follow a failed sync. One write may follow it, and
// one truncate that removes the bytes of a write: they began concurrently with the sync, before the
// failure could be known.
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

// namesLocked returns the number of names that a node has.
func (m *Mem) namesLocked(n *memNode) (names int) {
	dirs := []*memNode{m.root}
	for i := 0; i < len(dirs); i++ {
		for _, child := range dirs[i].names {
			if child == n {
				names++
			}
			if child.dir {
				dirs = append(dirs, child)
			}
		}
	}
	return names
}

func newMemDir() *memNode {
	return &memNode{dir: true, names: map[string]*memNode{}, durableNames: map[string]*memNode{}}
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

type memLock struct {
	fs   memView
	node *memNode
	name string
}

func (l memLock) Close() error {
	l.fs.m.mu.Lock()
	defer l.fs.m.mu.Unlock()
	delete(l.fs.m.locks, l.node)
	return nil
}

func (l memLock) Held() error {
	l.fs.m.mu.Lock()
	defer l.fs.m.mu.Unlock()
	if n, err := l.fs.lookupLocked("lock", l.name); err == nil && n == l.node {
		return nil
	}
	return &fs.PathError{Op: "lock", Path: l.name, Err: ErrLockLost}
}

func (n *memNode) info(name string) memInfo {
	return memInfo{name: filepath.Base(name), size: int64(len(n.data)), dir: n.dir, modTime: n.modTime, node: n}
}

type memInfo struct {
	name    string
	size    int64
	dir     bool
	modTime time.Time
	node    *memNode
}

func (i memInfo) Name() string       { return i.name }
func (i memInfo) Size() int64        { return i.size }
func (i memInfo) ModTime() time.Time { return i.modTime }
func (i memInfo) IsDir() bool        { return i.dir }
func (i memInfo) Sys() any           { return i.node }
func (i memInfo) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o700
	}
	return 0o600
}
