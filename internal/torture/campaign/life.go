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

// life is a store that plays a script, with the model to compare it with. The model is the states
// S(0), S(1), and so on, and records which of them are promised.
type life struct {
	mode
	fs    vfs.FS
	store *perdure.Store
	inner []op // the ops that a writer does at the next chance during a save or a rewrite

	states   []state
	digests  []uint64
	instants map[int]bool // the states that a save recorded; used without a log
	doubtful bool         // the newest write failed, and may have taken effect
	dropped  atomic.Bool  // a sync failed: the disk lacks data that the kernel had accepted

	// These are indexes of states. A background goroutine may read them.
	issued   atomic.Int64 // the newest state that a crash may leave
	acked    atomic.Int64 // the oldest state that a killed process may leave
	promised atomic.Int64 // the oldest state that a power loss may leave
}

// newLife starts with the states of an earlier life. A power loss cannot undo state promised.
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

// open opens the store. Afterwards the loaded data is durable.
func (l *life) open() (err error) {
	l.store, err = l.mode.open(l.fs)
	return err
}

// opened records that the store holds state k.
func (l *life) opened(k int) {
	l.states, l.digests = l.states[:k+1], l.digests[:k+1]
	l.issued.Store(int64(k))
	l.acked.Store(int64(k))
	l.promised.Store(int64(k))
	l.instants[k] = true
}

// play does one op and updates the model.
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
	// A dump proves nothing about a failed log, and Open reads the log.
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

// write does an op that changes something. A failed write may still have taken effect.
func (l *life) write(o op) error {
	if o.durable && l.log == nil {
		o.durable = false
	}
	next := maps.Clone(l.states[len(l.states)-1])
	o.apply(next)
	l.push(next)
	k := l.issued.Add(1)
	err := o.do(l.store)
	if o.kind == opCommand {
		if err := o.settle(l.store, next); err != nil {
			return err
		}
		l.digests[len(l.digests)-1] = next.digest()
	}
	if err != nil {
		l.doubtful = true
		return err
	}
	l.acked.Store(k)
	// A durable command that changes nothing waits for no write.
	if l.always || o.durable && l.digests[k] != l.digests[k-1] {
		l.promise(k)
	}
	return nil
}

// resolve checks whether a failed write took effect in memory. A refused write did not, and resolve
// removes it from the model. The log contains the write only if memory does.
func (l *life) resolve() error {
	if !l.doubtful {
		return nil
	}
	l.doubtful = false
	d, err := digestOf(l.store)
	if err != nil {
		return fmt.Errorf("read after a failed write = %w, want nil", err)
	}
	n := len(l.states) - 1
	switch d {
	case l.digests[n]:
	case l.digests[n-1]:
		l.states, l.digests = l.states[:n], l.digests[:n]
		l.issued.Add(-1)
	default:
		return fmt.Errorf("memory = %s, want S(%d) or S(%d)", held(l.store), n-1, n)
	}
	return nil
}

// reopen closes and opens the store. Without a log and without save rules, unsaved data is lost.
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
	// If a save failed at the last step, the newer dump may be in place. No further state is
	// promised.
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

// playAll plays a script until the first error.
func (l *life) playAll(sc script) error {
	for i, o := range sc {
		if err := l.play(o); err != nil {
			return fmt.Errorf("op %d, %v: %w", i, o, err)
		}
	}
	return nil
}

// floor returns the oldest state that a kill or a power loss may leave.
func (l *life) floor(killed bool) int {
	if killed && l.log != nil && !l.dropped.Load() {
		return int(l.acked.Load())
	}
	return int(l.promised.Load())
}

// find returns the newest state from low to high that a store holds.
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
			return 0, fmt.Errorf("got S(%d), want S(%d) to S(%d)", k, low, high)
		}
	}
	return 0, fmt.Errorf("got a state that no S(k) matches, want S(%d) to S(%d): %s; S(%d): %v", low, high, held(s), low, l.states[low])
}

// bystander is a file system with a concurrent writer. While a rewrite prepares its incremental
// file or writes its base file, or a save writes its dump, it does the pending ops. The store does
// not hold a lock then. Another goroutine might also do this, but here the ops always happen at the
// same point.
type bystander struct {
	vfs.FS
	life *life
}

// OpenRoot returns the directory with this concurrent writer.
func (b *bystander) OpenRoot(dir string) (vfs.Root, error) {
	root, err := b.FS.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return vfs.WrapRoot(&bystander{root, b.life}, root), nil
}

// Create creates a file, after a pending op.
func (b *bystander) Create(name string) (vfs.File, error) {
	b.pass(name)
	return b.FS.Create(name)
}

// Rename renames a file, after a pending op.
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
	if err := l.write(o); err == nil { // the log has failed, and the rewrite meets that failure too
		l.inner = later
	}
}

// files returns the content of every file of dataDir except the lock.
func files(fsys vfs.FS) (map[string]string, error) {
	all := map[string]string{}
	for _, dir := range []string{dataDir, logDir} {
		names, err := fsys.ReadDir(dir)
		if err != nil {
			continue // the log or the directory does not exist yet
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
