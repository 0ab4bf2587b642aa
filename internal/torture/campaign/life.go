package campaign

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/internal/vfs"
)

// life is a store that plays a script, and the model that it is held against: S(0), S(1), ... and
// which of them are promised.
type life struct {
	mode
	fs    vfs.FS
	store *perdure.Store
	inner []op // what a writer does at the next chance during a save or a rewrite

	states   []state
	digests  []uint64
	instants map[int]bool // the states that a save took; used when there is no log
	doubtful bool         // the newest write failed, and may have taken effect
	dropped  atomic.Bool  // a sync failed: the disk lacks what the system had taken

	// Indexes of states. A background goroutine may look at them.
	issued   atomic.Int64 // the newest that a crash may leave
	acked    atomic.Int64 // the oldest that a killed process may leave
	promised atomic.Int64 // the oldest that a loss of power may leave
}

// newLife begins with the states of an earlier one; promised is which of them power cannot take.
func newLife(m mode, fsys vfs.FS, states []state, promised int) *life {
	l := &life{mode: m, instants: map[int]bool{}}
	l.fs = &bystander{FS: fsys, life: l}
	for _, s := range states {
		l.push(s)
	}
	l.issued.Store(int64(len(states) - 1))
	l.acked.Store(int64(promised))
	l.promised.Store(int64(promised))
	l.instants[promised] = true
	return l
}

func (l *life) push(s state) {
	l.states = append(l.states, s)
	l.digests = append(l.digests, s.digest())
}

// open opens the store. What it loaded is on disk then.
func (l *life) open() (err error) {
	l.store, err = l.mode.open(l.fs)
	return err
}

// opened notes that the store holds state k.
func (l *life) opened(k int) {
	l.states, l.digests = l.states[:k+1], l.digests[:k+1]
	l.issued.Store(int64(k))
	l.acked.Store(int64(k))
	l.promised.Store(int64(k))
	l.instants[k] = true
}

// play does one op and keeps the model.
func (l *life) play(o op) error {
	if o.kind == opReopen {
		return l.reopen()
	}
	if o.writes() {
		return l.write(o)
	}
	if l.log == nil && o.kind != opSave {
		return nil
	}
	at := l.issued.Load()
	if o.kind == opSave {
		l.instants[int(at)] = true
	}
	l.inner = o.inner
	err := o.do(l.store)
	l.inner = nil
	// A dump says nothing about a log that has failed, and the log is what is read.
	if err == nil && (o.kind != opSave || l.log == nil || l.store.Err() == nil) {
		l.acked.Store(max(at, l.acked.Load()))
		l.promise(at)
	}
	return err
}

func (l *life) promise(k int64) {
	if k > l.promised.Load() {
		l.promised.Store(k)
	}
}

// write does an op that changes something. One that fails may still have taken effect.
func (l *life) write(o op) error {
	if o.durable && l.log == nil {
		o.durable = false
	}
	next := maps.Clone(l.states[len(l.states)-1])
	o.apply(next)
	l.push(next)
	k := l.issued.Add(1)
	if err := o.do(l.store); err != nil {
		l.doubtful = true
		return err
	}
	l.acked.Store(k)
	if l.always || o.durable {
		l.promise(k)
	}
	return nil
}

// settle looks whether a write that failed has taken effect in memory. One that was refused has
// not, and is forgotten: the log has it only if memory has.
func (l *life) settle() error {
	if !l.doubtful {
		return nil
	}
	l.doubtful = false
	d, err := digestOf(l.store)
	if err != nil {
		return fmt.Errorf("reading after a failed write: %w", err)
	}
	n := len(l.states) - 1
	switch d {
	case l.digests[n]:
	case l.digests[n-1]:
		l.states, l.digests = l.states[:n], l.digests[:n]
		l.issued.Add(-1)
	default:
		return fmt.Errorf("memory holds neither S(%d) nor S(%d): %s", n-1, n, held(l.store))
	}
	return nil
}

// reopen closes and opens. Without a log and without save rules what was not saved is gone.
func (l *life) reopen() error {
	if err := l.store.Close(); err != nil {
		return err
	}
	if l.log != nil {
		l.promise(l.acked.Load())
		return l.open()
	}
	if err := l.open(); err != nil {
		return err
	}
	// A dump whose save failed at the last step may be the newer one; nothing more is promised.
	back, err := l.find(l.store, int(l.promised.Load()), int(l.issued.Load()))
	if err != nil {
		return fmt.Errorf("reopened: %w", err)
	}
	l.push(l.states[back])
	k := l.issued.Add(1)
	l.instants[int(k)] = true
	l.acked.Store(k)
	return nil
}

// playAll plays a script up to the first error.
func (l *life) playAll(sc script) error {
	for i, o := range sc {
		if err := l.play(o); err != nil {
			return fmt.Errorf("op %d, %v: %w", i, o, err)
		}
	}
	return nil
}

// floor is the oldest state that may be left: by a kill, or by a loss of power.
func (l *life) floor(killed bool) int {
	if killed && l.log != nil && !l.dropped.Load() {
		return int(l.acked.Load())
	}
	return int(l.promised.Load())
}

// find gives the newest state from low to high that a store holds.
func (l *life) find(s *perdure.Store, low, high int) (int, error) {
	d, err := digestOf(s)
	if err != nil {
		return 0, err
	}
	for k := high; k >= low; k-- {
		if l.digests[k] == d && (l.log != nil || l.instants[k]) {
			return k, nil
		}
	}
	for k := len(l.digests) - 1; k >= 0; k-- {
		if l.digests[k] == d {
			return 0, fmt.Errorf("holds S(%d), promised are S(%d) to S(%d)", k, low, high)
		}
	}
	return 0, fmt.Errorf("holds no S(k), promised are S(%d) to S(%d): %s; S(%d): %v", low, high, held(s), low, l.states[low])
}

// bystander is a file system with a writer beside it: while a rewrite prepares its increment or
// writes its base, or a save its dump, it does the ops that are due. No lock of the store is
// held then, so this is what another goroutine might do, at a place that is always the same.
type bystander struct {
	vfs.FS
	life *life
}

// OpenRoot gives the directory the same writer beside it.
func (b *bystander) OpenRoot(dir string) (vfs.Root, error) {
	root, err := b.FS.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return vfs.WrapRoot(&bystander{root, b.life}, root), nil
}

// Create begins a file; an op goes before it.
func (b *bystander) Create(name string) (vfs.File, error) {
	b.pass(name)
	return b.FS.Create(name)
}

// Rename ends a file; an op goes before it.
func (b *bystander) Rename(oldname, newname string) error {
	b.pass(newname)
	return b.FS.Rename(oldname, newname)
}

func (b *bystander) pass(name string) {
	l := b.life
	base := filepath.Base(name)
	if len(l.inner) == 0 || strings.Contains(base, ".manifest") {
		return
	}
	o := l.inner[0]
	l.inner = l.inner[1:]
	later := l.inner
	l.inner = nil
	if err := l.write(o); err == nil { // a failure is one of the log, which the rewrite meets too
		l.inner = later
	}
}

// files gives the content of every file of dataDir but the lock.
func files(fsys vfs.FS) (map[string]string, error) {
	all := map[string]string{}
	for _, dir := range []string{dataDir, logDir} {
		names, err := fsys.ReadDir(dir)
		if err != nil {
			continue // no log, or no directory yet
		}
		for _, name := range names {
			path := filepath.Join(dir, name)
			if info, err := fsys.Lstat(path); err != nil || info.IsDir() || strings.HasSuffix(name, ".lock") {
				continue
			}
			f, err := fsys.Open(path)
			if err != nil {
				return nil, err
			}
			data, err := io.ReadAll(f)
			if err := errors.Join(err, f.Close()); err != nil {
				return nil, err
			}
			rel, err := filepath.Rel(dataDir, path)
			if err != nil {
				return nil, err
			}
			all[filepath.ToSlash(rel)] = string(data)
		}
	}
	return all, nil
}
