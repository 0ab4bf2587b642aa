package table

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/perduredb/perdure/internal/tree"
)

// ErrViewClosed is returned by Scan if its view is closed before the end.
var ErrViewClosed = errors.New("table: view is closed")

// An Entry is a key with its value. The value of an integer is its decimal.
type Entry struct {
	DB         int
	Kind       Kind
	Key, Value []byte
	ExpireAtMs int64 // 0 means never
}

// A Count contains the numbers of keys in a database.
type Count struct {
	DB            int
	Keys, Expires int64
}

// A View is the state of a table at the time of Freeze. Writers copy records that the view has not
// read yet before they change them; the view retains no other part of the table. One goroutine
// calls Scan, once. Any goroutine may call the other methods.
type View struct {
	table  *Table
	counts []Count
	spaces [][]*keyspace // by database and shard; nil for one without keys
	trees  tree.Epoch    // pinned

	closing sync.Once
	closed  atomic.Bool
	held    atomic.Int64 // bytes of before-images

	mu     sync.Mutex
	relief chan struct{} // closed when held falls; nil while no goroutine waits
}

// Freeze takes a snapshot of the table. The caller must have locked all shards, and no other view
// may be open.
func (t *Table) Freeze() *View {
	v := &View{table: t, spaces: make([][]*keyspace, t.Databases())}
	if !t.view.CompareAndSwap(nil, v) {
		panic("table: Freeze while a view is open")
	}
	v.trees = t.PinTrees()
	for db := range v.spaces {
		c := Count{DB: db, Keys: t.Len(db), Expires: t.Expires(db)}
		if c.Keys == 0 {
			continue
		}
		v.counts = append(v.counts, c)
		v.spaces[db] = make([]*keyspace, len(t.shards))
		for i := range t.shards {
			if k := t.shards[i].spaces[db]; k != nil && k.keys > 0 {
				k.frozen = frozen{on: true, view: v, limit: uint32(len(k.pages))}
				v.spaces[db][i] = k
			}
		}
	}
	return v
}

// Counts returns the databases that were not empty, ascending.
func (v *View) Counts() []Count { return v.counts }

// Close ends the view, or aborts a Scan, which then returns soon. It takes the locks of the shards
// one after the other, and can be called more than once.
func (v *View) Close() {
	v.closing.Do(func() {
		v.closed.Store(true)
		v.relieve(0)
		for _, spaces := range v.spaces {
			for i, k := range spaces {
				for k != nil && v.withdraw(&v.table.shards[i], k) {
				}
			}
		}
		v.table.pool.trees.Unpin(v.trees)
		v.table.pool.releases.Add(1)
		v.table.view.Store(nil)
	})
}

// withdraw removes the marks of an aborted view from some pages of a keyspace and reports whether
// there are more.
func (v *View) withdraw(s *Shard, k *keyspace) (more bool) {
	s.Lock()
	defer s.Unlock()
	if k.frozen.view != v {
		return false
	}
	for range 32 {
		if k.detached || !k.skip(1<<12) && k.frozen.cursor == k.frozen.limit {
			k.thaw()
			return false
		}
		if k.skip(1) {
			k.pass()
		}
	}
	return true
}

// ViewPressure reports whether before-images use more memory than Options.ViewMemory. Writers
// should then call WaitView before they lock a shard.
func (t *Table) ViewPressure() bool {
	v := t.view.Load()
	return v != nil && v.pressed()
}

func (v *View) pressed() bool {
	return v.held.Load() > v.table.options.ViewMemory && !v.closed.Load()
}

// WaitView waits until ViewPressure is false: the view has been read further, or closed. The caller
// must not hold the lock of a shard.
func (t *Table) WaitView() {
	for {
		v := t.view.Load()
		if v == nil {
			return
		}
		v.mu.Lock()
		if !v.pressed() {
			v.mu.Unlock()
			return
		}
		if v.relief == nil {
			v.relief = make(chan struct{})
		}
		relief := v.relief
		v.mu.Unlock()
		<-relief
	}
}

// Rest does what the reader of a view must do about every 0.1 ms, so that it does not delay others.
// It lets other goroutines run: they would wait for a time slice of 10 ms. It prepares memory for
// the copies that changes make.
func (v *View) Rest() {
	runtime.Gosched()
	v.table.pool.prepareForCopies()
}

// relieve records that before-images were released and wakes the waiting goroutines.
func (v *View) relieve(size int64) {
	v.held.Add(-size)
	v.mu.Lock()
	if v.relief != nil && !v.pressed() {
		close(v.relief)
		v.relief = nil
	}
	v.mu.Unlock()
}

// Scan yields every entry that existed at the freeze, as it was, exactly once. The order is
// arbitrary, but the entries of one database are mostly consecutive. Scan stops if yield returns
// false. It calls yield without locks. The slices of an entry are valid until yield returns.
func (v *View) Scan(yield func(Entry) bool) error {
	r := reader{view: v, yield: yield}
	defer r.unpin()
	for db, spaces := range v.spaces {
		for i, k := range spaces {
			if k == nil {
				continue
			}
			r.advance(db, i, k)
			for r.read(true) {
				if v.held.Load() > v.table.options.ViewMemory/2 {
					r.drain(db)
				}
				if r.stopped {
					return nil
				}
				r.advance(db, i, k)
				if r.steps++; r.steps%8 == 0 {
					v.Rest()
				}
			}
			if r.stopped {
				return nil
			}
		}
	}
	if v.closed.Load() {
		return ErrViewClosed
	}
	return nil
}
