package engine

import (
	"sync/atomic"

	"github.com/perduredb/perdure/internal/op"
	"github.com/perduredb/perdure/internal/table"
)

// A watched key is checked by the number of changes of its shard and database. A change of another
// key there therefore counts as a change of the key: a transaction may then fail without need, but
// never succeeds when it must not. The numbers only change while a key is watched, so that writes
// cost nothing more otherwise.

// watch is a watched key.
type watch struct {
	db      int
	key     string
	changes uint64 // of the shard, when the watch began
	existed bool
}

// versions counts the changes of shards.
type versions struct {
	watches atomic.Int64 // number of watched keys
	shards  []dbVersions // by shard, which guards it
}

// dbVersions are the numbers of a shard. Database n has number n modulo their count.
type dbVersions [16]uint64

// changed counts a change of a database in shard i, which must be locked.
func (v *versions) changed(i, db int) {
	if v.watches.Load() != 0 {
		v.shards[i][db%len(dbVersions{})]++
	}
}

// changedHeld counts a change of all shards that x holds.
func (v *versions) changedHeld(x *exec) {
	if v.watches.Load() == 0 {
		return
	}
	switch held := x.held.(type) {
	case everyShard:
		v.changedAll(x.onlyDB)
	case *table.KeySet:
		held.EachShard(func(i int) { v.shards[i].changed(x.onlyDB) })
	default:
		v.shards[x.shard].changed(x.onlyDB)
	}
}

// changedAll counts a change of every shard. All must be locked. See exec.onlyDB.
func (v *versions) changedAll(onlyDB int) {
	for i := range v.shards {
		v.shards[i].changed(onlyDB)
	}
}

func (d *dbVersions) changed(onlyDB int) {
	if onlyDB != 0 {
		d[(onlyDB-1)%len(d)]++
		return
	}
	for i := range d {
		d[i]++
	}
}

// Watch lets the next transaction fail if one of the keys changes before it.
func (s *Session) Watch(db int, keys []string) error {
	e := s.e
	e.versions.watches.Add(int64(len(keys)))
	for i, key := range keys {
		h := e.table.Hash(key)
		shard := e.table.ShardIndex(h)
		p := op.Place{Shard: e.table.ShardAt(shard), Hash: h, DB: db, Key: key}
		p.Shard.Lock()
		if e.closed {
			p.Shard.Unlock()
			e.versions.watches.Add(int64(i - len(keys)))
			return ErrClosed
		}
		x := op.Exec{Store: &e.ops, ReadOnly: true}
		_, existed := x.Find(p)
		changes := e.versions.shards[shard][db%len(dbVersions{})]
		p.Shard.Unlock()
		s.watched = append(s.watched, watch{db, key, changes, existed})
	}
	return nil
}

// Watching returns the number of watched keys.
func (s *Session) Watching() int { return len(s.watched) }

// Unwatch forgets the watched keys.
func (s *Session) Unwatch() {
	s.e.versions.watches.Add(-int64(len(s.watched)))
	s.watched = nil
}

// watchedChanged reports whether a watched key has changed. The shards of the keys must be locked.
func (s *Session) watchedChanged(x *exec) bool {
	for _, w := range s.watched {
		h := s.e.table.Hash(w.key)
		if s.e.versions.shards[s.e.table.ShardIndex(h)][w.db%len(dbVersions{})] != w.changes {
			return true
		}
		reader := op.Exec{Store: x.Store, ReadOnly: true}
		if _, exists := reader.Find(x.Locate(w.db, w.key)); exists != w.existed { // it has expired
			return true
		}
	}
	return false
}
