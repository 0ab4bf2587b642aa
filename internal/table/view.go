package table

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
)

// ErrViewClosed is what Scan returns when its view is closed before the end.
var ErrViewClosed = errors.New("table: the view was closed")

// Entry is a key with its value. The value of an integer is its decimal.
type Entry struct {
	DB         int
	Kind       Kind
	Key, Value []byte
	ExpireAtMs int64 // 0 is never
}

// Count is how much a database holds.
type Count struct {
	DB            int
	Keys, Expires int64
}

// View is a table as it was when Freeze returned it. Writers that change what it has not seen yet
// leave copies of it, and nothing else of the table is held. Scan is called once, by one
// goroutine; the other methods by any.
type View struct {
	table  *Table
	counts []Count
	spaces [][]*keyspace // by database and shard; nil where there was no key

	closing sync.Once
	closed  atomic.Bool
	held    atomic.Int64 // bytes of before-images

	mu     sync.Mutex
	relief chan struct{} // closed when held falls; nil while nobody waits
}

// Freeze fixes this instant. The caller has locked all shards, and no other view is open.
func (t *Table) Freeze() *View {
	v := &View{table: t, spaces: make([][]*keyspace, t.Databases())}
	if !t.view.CompareAndSwap(nil, v) {
		panic("table: Freeze while a view is open")
	}
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

// Close ends the view, or aborts a Scan, which returns soon. It takes the locks of shards in
// turn, and can be called more than once.
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
		v.table.view.Store(nil)
	})
}

// withdraw removes the marks of an aborted view from some pages of a keyspace, and reports
// whether there are more.
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

// ViewPressure reports whether before-images take more than Options.ViewMemory. Writers should
// then call WaitView, before they lock a shard.
func (t *Table) ViewPressure() bool {
	v := t.view.Load()
	return v != nil && v.pressed()
}

func (v *View) pressed() bool {
	return v.held.Load() > v.table.options.ViewMemory && !v.closed.Load()
}

// WaitView returns when ViewPressure is false: the view has been read on, or closed. The caller
// has no shard locked.
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

// relieve notes that before-images are gone and wakes those who wait for it.
func (v *View) relieve(size int64) {
	v.held.Add(-size)
	v.mu.Lock()
	if v.relief != nil && !v.pressed() {
		close(v.relief)
		v.relief = nil
	}
	v.mu.Unlock()
}

// Scan yields every entry that was there at the freeze, as it was, once and in no order that
// means anything, though those of one database mostly stand together. It stops when yield returns
// false. The slices of an entry are valid until yield returns, which is called without locks.
func (v *View) Scan(yield func(Entry) bool) error {
	r := reader{view: v, yield: yield}
	defer r.unpin()
	for db, spaces := range v.spaces {
		for i, k := range spaces {
			if k == nil {
				continue
			}
			r.turn(db, i, k)
			for r.read(true) {
				if v.held.Load() > v.table.options.ViewMemory/2 {
					r.drain(db)
				}
				if r.stopped {
					return nil
				}
				r.turn(db, i, k)
				if r.steps++; r.steps%8 == 0 {
					runtime.Gosched() // or the writers' tail latency is a time slice
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
