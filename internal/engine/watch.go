package engine

import (
	"sync/atomic"

	"github.com/perduredb/perdure/internal/op"
	"github.com/perduredb/perdure/internal/table"
)

// Each shard has a map of the keys that clients watch, by hash. A write looks up its keys there,
// but only while any key is watched, so that it otherwise pays for one load. A write with every
// shard locked counts as a change of every key of the databases that it can change: a transaction
// may then fail without need, but never succeeds when it must not.

// watches are the watched keys of a store.
type watches struct {
	n      atomic.Int64         // number of watched keys, of all clients
	shards []map[uint64][]*cell // by shard, which guards it, and by hash
}

// cell is a watched key of one database.
type cell struct {
	db      int
	clients int    // that watch it
	changes uint64 // since the first of them
}

// changed counts a change of the keys of shard i with hash h. The shard must be locked. onlyDB is
// 1 + the only database that can have changed, or 0.
func (w *watches) changed(i int, h uint64, onlyDB int) {
	if w.n.Load() == 0 {
		return
	}
	for _, c := range w.shards[i][h] {
		c.changed(onlyDB)
	}
}

func (c *cell) changed(onlyDB int) {
	if onlyDB == 0 || onlyDB == c.db+1 {
		c.changes++
	}
}

// changedHeld counts a change of the keys for which x holds its locks.
func (w *watches) changedHeld(x *exec) {
	if w.n.Load() == 0 {
		return
	}
	switch held := x.held.(type) {
	case everyShard:
		w.changedAll(x.onlyDB)
	case *table.KeySet:
		held.EachKey(func(i int, h uint64) { w.changed(i, h, x.onlyDB) })
	default:
		w.changed(x.shard, x.hash, x.onlyDB)
	}
}

// changedAll counts a change of every key. Every shard must be locked.
func (w *watches) changedAll(onlyDB int) {
	for _, keys := range w.shards {
		for _, cells := range keys {
			for _, c := range cells {
				c.changed(onlyDB)
			}
		}
	}
}

// add lets a client watch a key whose shard i is locked.
func (w *watches) add(i int, h uint64, db int) *cell {
	if w.shards[i] == nil {
		w.shards[i] = map[uint64][]*cell{}
	}
	for _, c := range w.shards[i][h] {
		if c.db == db {
			c.clients++
			return c
		}
	}
	c := &cell{db: db, clients: 1}
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
	key     string
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
		c := e.watches.add(shard, p.Hash, db)
		s.watched = append(s.watched, watch{key, c, c.changes, e.exists(p)})
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
	_, ok := x.Find(p)
	return ok
}

// Watching returns the number of watched keys.
func (s *Session) Watching() int { return len(s.watched) }

// Unwatch forgets the watched keys. No shard must be locked.
func (s *Session) Unwatch() {
	e := s.e
	for _, w := range s.watched {
		p, shard := e.place(w.cell.db, w.key)
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
		p, _ := s.e.place(w.cell.db, w.key)
		if w.cell.changes != w.changes || s.e.exists(p) != w.existed {
			return true
		}
	}
	return false
}
