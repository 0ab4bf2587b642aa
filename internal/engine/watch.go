package engine

import (
	"sync/atomic"

	"github.com/perduredb/perdure/internal/op"
)

// Each shard has a map of the keys that clients watch or wait for, by hash. A write looks up its
// keys there, but only while there are any, so that it otherwise pays for one load. A write with
// one shard locked counts as a change of its key, whatever it does. Any other write passes each key
// that it changes to a watcher.

// watches are the keys of a store that clients watch or wait for.
type watches struct {
	n      atomic.Int64         // number of keys, of all clients
	shards []map[uint64][]*cell // by shard, which guards it, and by hash

	unserved atomic.Bool // serveAll could not serve the clients that wait
}

// cell is a key of one database that clients watch or wait for.
type cell struct {
	db      int
	key     string
	clients int     // that watch it or wait for it
	changes uint64  // since the first of them
	waiting []*Wait // in the order in which they began
	movers  int     // number of those that move the element to another key
	ready   bool    // it is in exec.ready
}

// changed counts a change of the key of database db with hash h. Its shard i must be locked.
func (w *watches) changed(i int, h uint64, db int) {
	if w.n.Load() == 0 {
		return
	}
	for _, c := range w.shards[i][h] {
		if c.db == db {
			c.changes++
		}
	}
}

// all calls fn for every watched key of a database. Every shard must be locked.
func (w *watches) all(db int, fn func(c *cell)) {
	for _, keys := range w.shards {
		for _, cells := range keys {
			for _, c := range cells {
				if c.db == db {
					fn(c)
				}
			}
		}
	}
}

// changedAll counts a change of every key. Every shard must be locked.
func (w *watches) changedAll() {
	for _, keys := range w.shards {
		for _, cells := range keys {
			for _, c := range cells {
				c.changes++
			}
		}
	}
}

// watch lets x report its changes to the watched keys. The shards of x must be locked: no client
// can then begin to watch their keys.
func (x *exec) watch() {
	if x.e.watches.n.Load() > 0 {
		x.Watcher = watcher{x}
	}
}

// watcher counts the changes of watched keys, and collects the keys that clients wait for.
type watcher struct{ x *exec }

// Changed counts a change of a key whose shard is locked.
func (w watcher) Changed(db int, key string) {
	e := w.x.e
	p, shard := e.place(db, key)
	e.watches.changed(shard, p.Hash, db)
	for _, c := range e.watches.shards[shard][p.Hash] {
		if c.db == db && c.key == key {
			w.x.addReady(c)
		}
	}
}

// Cleared counts a change of each key that exists.
func (w watcher) Cleared(db int) {
	w.x.e.watches.all(db, func(c *cell) {
		if w.exists(c, db) {
			c.changes++
		}
	})
}

// Swapped counts a change of each key that exists in one of the databases.
func (w watcher) Swapped(a, b int) {
	for _, db := range []int{a, b} {
		w.x.e.watches.all(db, func(c *cell) {
			if w.exists(c, a) || w.exists(c, b) {
				c.changes++
				w.x.addReady(c)
			}
		})
	}
}

func (w watcher) exists(c *cell, db int) bool {
	p, _ := w.x.e.place(db, c.key)
	return w.x.e.exists(p)
}

// add lets a client watch a key, or wait for it. Its shard i must be locked.
func (w *watches) add(i int, h uint64, db int, key string) *cell {
	if w.shards[i] == nil {
		w.shards[i] = map[uint64][]*cell{}
	}
	for _, c := range w.shards[i][h] {
		if c.db == db && c.key == key {
			c.clients++
			return c
		}
	}
	c := &cell{db: db, key: key, clients: 1}
	w.shards[i][h] = append(w.shards[i][h], c)
	return c
}

// remove ends what add began.
func (w *watches) remove(i int, h uint64, c *cell) {
	if c.clients--; c.clients > 0 {
		return
	}
	cells := w.shards[i][h]
	for n := range cells {
		if cells[n] == c {
			cells[n] = cells[len(cells)-1]
			w.shards[i][h] = cells[:len(cells)-1]
			break
		}
	}
	if len(w.shards[i][h]) == 0 {
		delete(w.shards[i], h)
	}
}

// watch is a key that a Session watches.
type watch struct {
	cell    *cell
	changes uint64 // of cell, when the watch began
	existed bool
}

// Watch lets the next transaction fail if one of the keys changes before it.
func (s *Session) Watch(db int, keys []string) error {
	e := s.e
	e.watches.n.Add(int64(len(keys)))
	for i, key := range keys {
		p, shard := e.place(db, key)
		p.Shard.Lock()
		if e.closed {
			p.Shard.Unlock()
			e.watches.n.Add(int64(i - len(keys)))
			return ErrClosed
		}
		c := e.watches.add(shard, p.Hash, db, key)
		s.watched = append(s.watched, watch{c, c.changes, e.exists(p)})
		p.Shard.Unlock()
	}
	return nil
}

// place returns the place of a key, and the index of its shard.
func (e *Engine) place(db int, key string) (op.Place, int) {
	h := e.table.Hash(key)
	i := e.table.ShardIndex(h)
	return op.Place{Shard: e.table.ShardAt(i), Hash: h, DB: db, Key: key}, i
}

// exists reports whether a key exists and has not expired. Its shard must be locked.
func (e *Engine) exists(p op.Place) bool {
	x := op.Exec{Store: &e.ops, ReadOnly: true}
	ok := x.Has(p)
	return ok
}

// Watching returns the number of watched keys.
func (s *Session) Watching() int { return len(s.watched) }

// Unwatch forgets the watched keys. No shard must be locked.
func (s *Session) Unwatch() {
	e := s.e
	for _, w := range s.watched {
		p, shard := e.place(w.cell.db, w.cell.key)
		p.Shard.Lock()
		e.watches.remove(shard, p.Hash, w.cell)
		p.Shard.Unlock()
	}
	e.watches.n.Add(-int64(len(s.watched)))
	s.watched = nil
}

// watchedChanged reports whether a watched key has changed or expired. The shards of the keys must
// be locked.
func (s *Session) watchedChanged() bool {
	for _, w := range s.watched {
		p, _ := s.e.place(w.cell.db, w.cell.key)
		if w.cell.changes != w.changes || s.e.exists(p) != w.existed {
			return true
		}
	}
	return false
}
