package table

import (
	"encoding/binary"
	"strconv"
	"sync"
)

// Shard is a part of every database: the keys whose hashes begin with the same bits. All its
// methods but Lock need its lock.
//
// Methods that take a hash want Hash of the key, and the shard to be the hash's own. They copy
// keys and values, and keep none of their arguments.
type Shard struct {
	mu sync.Mutex // guards spaces, what they point to, and sweep

	table  *Table // constant
	pool   *pool  // constant
	counts []count
	spaces []*keyspace // by database; nil until it has a key
	sweep  sweepPoint

	_ [40]byte // to 128 bytes, two cache lines
}

// Lock locks the shard. Who needs several locks them in ascending order of their index.
func (s *Shard) Lock() { s.mu.Lock() }

// Unlock unlocks the shard. Then, without the lock, it may give values above 256 KiB that were freed
// back to the system, when there is much of them.
func (s *Shard) Unlock() {
	p := s.pool
	s.mu.Unlock()
	if p.urgent.Load() {
		p.settle()
	}
}

// create returns the keyspace of a database and makes it when there is none.
func (s *Shard) create(db int) *keyspace {
	k := s.spaces[db]
	if k == nil {
		k = &keyspace{
			arena:  arena{pool: s.pool},
			index:  index{shardBits: s.table.hasher.shardBits},
			hasher: &s.table.hasher,
		}
		s.spaces[db] = k
	}
	return k
}

// Find returns the value of a key. Whether it has expired is the caller's to judge.
func (s *Shard) Find(db int, h uint64, key string) (Item, bool) {
	return s.FindBytes(db, h, bytesOf(key))
}

// FindBytes is Find.
func (s *Shard) FindBytes(db int, h uint64, key []byte) (Item, bool) {
	k := s.spaces[db]
	if k == nil {
		return Item{}, false
	}
	r, _, ok := k.find(h, key)
	if !ok {
		return Item{}, false
	}
	rec := k.recordAt(r)
	return Item{value: rec.value, expire: rec.expire, flags: rec.flags}, true
}

// Set gives a key a value and an expiry, 0 for none, and reports whether the key was there.
func (s *Shard) Set(db int, h uint64, key string, kind Kind, value []byte, expireAtMs int64) bool {
	c := contentOf(kind, value, expireAtMs)
	return s.set(db, h, bytesOf(key), &c)
}

// SetBytes is Set.
func (s *Shard) SetBytes(
	db int, h uint64, key []byte, kind Kind, value []byte, expireAtMs int64,
) bool {
	c := contentOf(kind, value, expireAtMs)
	return s.set(db, h, key, &c)
}

// SetInt is Set with the decimal of n. It changes a value that is an integer in place.
func (s *Shard) SetInt(db int, h uint64, key string, n int64, expireAtMs int64) bool {
	c := content{isInt: true, n: n, expire: expireAtMs}
	return s.set(db, h, bytesOf(key), &c)
}

func (s *Shard) set(db int, h uint64, key []byte, c *content) (existed bool) {
	k := s.create(db)
	if s.setFresh(db, k, h, key, c) {
		return false
	}
	old, at, existed := k.find(h, key)
	if !existed {
		k.insert(h, k.store(key, c))
		k.keys++
		s.counts[db].keys.Add(1)
		if c.expire != 0 {
			s.counts[db].expires.Add(1)
		}
		return false
	}
	s.countExpire(db, k.at(old)[0]&flagExpire != 0, c.expire != 0)
	k.replace(old, at, key, c)
	return true
}

// countExpire keeps the number of keys with an expiry when one changes.
func (s *Shard) countExpire(db int, before, after bool) {
	if before != after {
		s.counts[db].expires.Add(int64(b2i(after)) - int64(b2i(before)))
	}
}

// SetExpire changes the expiry of a key, 0 for none, and reports whether there is such a key.
func (s *Shard) SetExpire(db int, h uint64, key string, expireAtMs int64) bool {
	k := s.spaces[db]
	if k == nil {
		return false
	}
	r, at, ok := k.find(h, bytesOf(key))
	if !ok {
		return false
	}
	before := k.at(r)[0]&flagExpire != 0
	s.countExpire(db, before, expireAtMs != 0)
	if before == (expireAtMs != 0) {
		if before {
			k.preserve(r)
			binary.LittleEndian.PutUint64(k.at(r)[4:], uint64(expireAtMs))
			p := &k.pages[k.head(r)]
			p.earliest = min(p.earliest, expireAtMs)
		}
		return true
	}
	k.moveExpire(r, at, expireAtMs)
	return true
}

// moveExpire writes a record anew, among those with or without an expiry. A span stays.
func (k *keyspace) moveExpire(old uint32, at place, expireAtMs int64) {
	rec := k.recordAt(old)
	c := rec.content()
	c.expire = expireAtMs
	if rec.flags&flagLarge == 0 || recordSize(rec.keySize, rec.valueSize, expireAtMs != 0) <= maxSlot {
		k.setRef(at, k.store(rec.key, &c))
		k.drop(old)
		return
	}
	k.setRef(at, k.storeLarge(rec.key, &c, rec.span))
	k.preserve(old)
	k.freeSlot(old)
}

// Append appends to the String at key, which must be there and keeps its expiry, and returns the
// new length. A key that has no value yet is the caller's to Set.
func (s *Shard) Append(db int, h uint64, key string, suffix []byte) int {
	k := s.spaces[db]
	old, at, ok := uint32(0), place{}, false
	if k != nil {
		old, at, ok = k.find(h, bytesOf(key))
	}
	if !ok {
		panic("table: Append to a key that is not there")
	}
	rec := k.recordAt(old)
	c := rec.content()
	size := rec.valueSize + len(suffix)
	switch {
	case c.isInt || size <= maxDecimal:
		// What is short may become a number, or cease to be one.
		value := make([]byte, 0, 2*maxDecimal)
		if c.isInt {
			value = strconv.AppendInt(value, c.n, 10)
		} else {
			value = append(value, rec.value...)
		}
		value = append(value, suffix...)
		c = contentOf(rec.kind(), value, rec.expire)
		k.replace(old, at, bytesOf(key), &c)
		return len(value)
	case rec.flags&flagLarge != 0:
		k.extendLarge(old, &rec, suffix)
	default:
		k.extend(old, at, &rec, suffix)
	}
	return size
}

// extend appends to a record that is not large.
func (k *keyspace) extend(old uint32, at place, rec *record, suffix []byte) {
	total := rec.size + len(suffix)
	if total <= maxSlot && classOf(total) == k.pages[k.head(old)].class {
		k.preserve(old)
		k.appendInSlot(old, rec, suffix)
		return
	}
	c := rec.content()
	if total <= maxSlot {
		r, n := k.allocSlot(classOf(total), c.expire != 0)
		putRecord(k.at(r), rec.key, &c)
		k.written(r, n, c.expire)
		k.appendInSlot(r, rec, suffix)
		k.setRef(at, r)
		k.drop(old)
		return
	}
	s := k.extendSpan(rec, suffix)
	c.bytes = k.run(s.ref, s.units)[spanKey(rec.keySize):][:rec.valueSize+len(suffix)]
	k.setRef(at, k.storeLarge(rec.key, &c, s))
	k.drop(old)
}

// appendInSlot appends to the record at r, which has the layout of rec and the room.
func (k *keyspace) appendInSlot(r uint32, rec *record, suffix []byte) {
	slot := k.at(r)
	size := rec.valueSize + len(suffix)
	copy(slot[rec.size:], suffix)
	if rec.flags&flagWide != 0 {
		n := rec.size - rec.valueSize - rec.keySize
		binary.LittleEndian.PutUint32(slot[n-4:], uint32(size))
	} else {
		binary.LittleEndian.PutUint16(slot[2:], uint16(size))
	}
}

// extendLarge appends to a large record, in its span when that has room: a reader that has pinned
// the span looks only at what was there before.
func (k *keyspace) extendLarge(r uint32, rec *record, suffix []byte) {
	k.preserve(r)
	end := spanKey(rec.keySize) + rec.valueSize
	if s := rec.span; unitsFor(end+len(suffix)) <= s.units {
		copy(k.run(s.ref, s.units)[end:], suffix)
		n := rec.size - rec.keySize + spanKey(rec.keySize) - largeFields
		binary.LittleEndian.PutUint32(k.at(r)[n+4:], uint32(rec.valueSize+len(suffix)))
		return
	}
	s := k.extendSpan(rec, suffix)
	c := rec.content()
	c.bytes = k.run(s.ref, s.units)[spanKey(rec.keySize):][:rec.valueSize+len(suffix)]
	flagNewBefore := k.at(r)[0] & flagNew
	putLarge(k.at(r), rec.key, &c, s)
	k.at(r)[0] |= flagNewBefore
	k.dropSpan(rec.span)
}

// extendSpan returns a new span with the record's value and the suffix, and half as much again to
// grow into.
func (k *keyspace) extendSpan(rec *record, suffix []byte) span {
	size := spanKey(rec.keySize) + rec.valueSize + len(suffix)
	s := k.allocSpan(size, size/2)
	memory := k.run(s.ref, s.units)
	n := copy(memory, rec.key[:spanKey(rec.keySize)])
	n += copy(memory[n:], rec.value)
	copy(memory[n:], suffix)
	return s
}

// Delete removes a key and reports whether it was there.
func (s *Shard) Delete(db int, h uint64, key string) bool {
	k := s.spaces[db]
	if k == nil {
		return false
	}
	r, at, ok := k.find(h, bytesOf(key))
	if ok {
		s.delete(db, h, r, at)
	}
	return ok
}

func (s *Shard) delete(db int, h uint64, r uint32, at place) {
	k := s.spaces[db]
	s.countExpire(db, k.at(r)[0]&flagExpire != 0, false)
	s.counts[db].keys.Add(-1)
	k.remove(h, at)
	k.drop(r)
	if k.keys--; k.keys == 0 {
		k.dropIndex()
	}
}

// Flush removes all keys of the database that are in the shard, and returns how many. It takes a
// time that depends on their memory's chunks, not on their number. A view keeps what it needs.
func (s *Shard) Flush(db int) (removed int64) {
	k := s.spaces[db]
	if k == nil {
		return 0
	}
	removed = k.keys
	s.spaces[db] = nil
	s.counts[db].keys.Store(0)
	s.counts[db].expires.Store(0)
	k.detached = true
	k.releaseDetached()
	return removed
}
