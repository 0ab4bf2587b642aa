package table

import (
	"encoding/binary"
	"strconv"
	"sync"
)

// A Shard is a part of every database: the keys whose hashes begin with the same bits. All methods
// but Lock need its lock.
//
// Methods that take a hash need the Hash of the key, and the shard must be that of the hash. They
// copy keys and values and retain none of their arguments.
type Shard struct {
	mu sync.Mutex // guards spaces and their contents, sweep, and undo

	table  *Table // constant
	pool   *pool  // constant
	counts []count
	spaces []*keyspace // by database; nil until it has a key
	sweep  sweepPoint
	undo   *Undo // of a transaction that has the shard locked, or nil

	_ [32]byte // to 128 bytes, two cache lines
}

// Unlock unlocks the shard. If much memory of freed values above 256 KiB is pending, it then
// returns that memory to the kernel, without the lock.
func (s *Shard) Unlock() {
	p := s.pool
	s.mu.Unlock()
	if p.urgent.Load() {
		p.releaseSurplus()
	}
}

// create returns the keyspace of a database and creates it if it is missing.
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

// Find returns the value of a key. The caller must check whether it has expired.
func (s *Shard) Find(db int, h uint64, key string) (Item, bool) {
	return s.FindBytes(db, h, bytesOf(key))
}

// FindBytes is like Find for a byte slice. It first looks only at the first record with the key's
// tag in the key's bucket, and parses that record only as far as needed. This saves 1/3 of the time
// of an Exists and 1/5 of that of an Incr.
func (s *Shard) FindBytes(db int, h uint64, key []byte) (Item, bool) {
	k := s.spaces[db]
	if k == nil || k.keys == 0 {
		return Item{}, false
	}
	seg, home := k.segmentOf(h), homeOf(h)
	b := bucketOf(k.segment(seg), home)
	if m := matches(b, patternOf(h)); m != 0 {
		n := slotOf(m)
		r := refIn(b, n)
		slot := k.at(r)
		head := binary.LittleEndian.Uint32(slot)
		if plainKey(slot, key) {
			value := slot[4+len(key):]
			return Item{flags: byte(head), ref: r, at: place{seg + home*(bucketSize/8), n}, value: value[: head>>16 : head>>16]}, true
		}
		if expiringKey(slot, key) {
			value := slot[12+len(key):]
			expire := int64(binary.LittleEndian.Uint64(slot[4:]))
			return Item{flags: byte(head), expire: expire, ref: r, at: place{seg + home*(bucketSize/8), n}, value: value[: head>>16 : head>>16]}, true
		}
	}
	return k.findAny(h, key)
}

// findAny is FindBytes for any record.
func (k *keyspace) findAny(h uint64, key []byte) (Item, bool) {
	r, at, ok := k.find(h, key)
	if !ok {
		return Item{}, false
	}
	rec := k.recordAt(r)
	return Item{value: rec.value, expire: rec.expire, flags: rec.flags, ref: r, at: at}, true
}

// Set sets the value and expiry of a key, 0 for none, and reports whether the key existed. It
// returns ErrNoMemory if memory runs out; then nothing has changed.
func (s *Shard) Set(
	db int, h uint64, key string, kind Kind, value []byte, expireAtMs int64,
) (existed bool, err error) {
	c := contentOf(kind, value, expireAtMs)
	return s.set(db, h, bytesOf(key), &c)
}

// SetBytes is like Set for a byte slice.
func (s *Shard) SetBytes(
	db int, h uint64, key []byte, kind Kind, value []byte, expireAtMs int64,
) (existed bool, err error) {
	c := contentOf(kind, value, expireAtMs)
	return s.set(db, h, key, &c)
}

// SetInt is like Set with the decimal of n. It changes an integer value in place.
func (s *Shard) SetInt(db int, h uint64, key string, n int64, expireAtMs int64) (existed bool, err error) {
	c := content{isInt: true, n: n, expire: expireAtMs}
	return s.set(db, h, bytesOf(key), &c)
}

func (s *Shard) set(db int, h uint64, key []byte, c *content) (existed bool, err error) {
	k := s.create(db)
	if s.undo != nil {
		s.undo.enter(s, db, h)
	}
	if s.setFresh(db, k, h, key, c) {
		return false, nil
	}
	old, at, existed := k.find(h, key)
	if !existed {
		return false, s.insert(db, k, h, key, c)
	}
	expired := k.at(old)[0]&flagExpire != 0
	if !k.replace(s.undo, old, at, key, c) {
		return true, ErrNoMemory
	}
	s.countExpire(db, expired, c.expire != 0)
	return true, nil
}

// insert stores a key that does not exist.
func (s *Shard) insert(db int, k *keyspace, h uint64, key []byte, c *content) error {
	r, ok := k.store(key, c)
	if !ok {
		return ErrNoMemory
	}
	if !k.insert(h, r) {
		k.unstore(r, c)
		return ErrNoMemory
	}
	k.keys++
	s.counts[db].keys.Add(1)
	if c.expire != 0 {
		s.counts[db].expires.Add(1)
	}
	if s.undo != nil {
		s.undo.inserted(r)
	}
	return nil
}

// countExpire updates the number of keys with an expiry.
func (s *Shard) countExpire(db int, before, after bool) {
	if before != after {
		s.counts[db].expires.Add(int64(b2i(after)) - int64(b2i(before)))
	}
}

// moveExpire writes a new copy of a record among those with or without an expiry. It does not move
// a span. It returns false if memory runs out.
func (k *keyspace) moveExpire(u *Undo, old uint32, at place, expireAtMs int64) bool {
	rec := k.recordAt(old)
	c := rec.content()
	c.expire = expireAtMs
	keep := k.treeOf(&rec)
	var r uint32
	var ok bool
	if rec.flags&flagLarge != 0 && recordSize(rec.keySize, rec.valueSize, expireAtMs != 0) > maxSlot {
		keep |= sharedSpan
		r, ok = k.storeLarge(rec.key, &c, rec.span)
	} else {
		r, ok = k.store(rec.key, &c)
	}
	if !ok {
		return false
	}
	k.setRef(at, r)
	k.replaced(u, old, r, keep)
	return true
}

// Append appends to the String at key and returns the new length. The key must exist and keeps its
// expiry; for a key without a value the caller calls Set. It returns ErrNoMemory if memory runs
// out; then nothing has changed.
func (s *Shard) Append(db int, h uint64, key string, suffix []byte) (size int, err error) {
	k := s.spaces[db]
	old, at, ok := uint32(0), place{}, false
	if k != nil {
		old, at, ok = k.find(h, bytesOf(key))
	}
	if !ok {
		panic("table: Append to a missing key")
	}
	if s.undo != nil {
		s.undo.enter(s, db, h)
	}
	rec := k.recordAt(old)
	c := rec.content()
	size = rec.valueSize + len(suffix)
	switch {
	case c.isInt || size <= maxDecimal:
		// A short value may become a number, or stop being one.
		value := make([]byte, 0, 2*maxDecimal)
		if c.isInt {
			value = strconv.AppendInt(value, c.n, 10)
		} else {
			value = append(value, rec.value...)
		}
		value = append(value, suffix...)
		c = contentOf(rec.kind(), value, rec.expire)
		ok, size = k.replace(s.undo, old, at, bytesOf(key), &c), len(value)
	case rec.flags&flagLarge != 0:
		ok = k.extendLarge(s.undo, old, &rec, suffix)
	default:
		ok = k.extend(s.undo, old, at, &rec, suffix)
	}
	if !ok {
		return 0, ErrNoMemory
	}
	return size, nil
}

// extend appends to a record that is not large. It returns false if memory runs out.
func (k *keyspace) extend(u *Undo, old uint32, at place, rec *record, suffix []byte) bool {
	total := rec.size + len(suffix)
	if total <= maxSlot && classOf(total) == k.pages[k.head(old)].class {
		k.preserve(old)
		if u != nil {
			u.overwritten(k, old, rec.size, span{}, span{})
		}
		k.appendInSlot(old, rec, suffix)
		return true
	}
	r, ok := k.extendElsewhere(rec, total, suffix)
	if !ok {
		return false
	}
	k.setRef(at, r)
	k.replaced(u, old, r, 0)
	return true
}

// extendElsewhere writes a new record of total bytes with rec's value and the suffix.
func (k *keyspace) extendElsewhere(rec *record, total int, suffix []byte) (r uint32, ok bool) {
	c := rec.content()
	if total <= maxSlot {
		r, n, ok := k.allocSlot(classOf(total), c.expire != 0)
		if !ok {
			return 0, false
		}
		putRecord(k.at(r), rec.key, &c)
		k.written(r, n, c.expire)
		k.appendInSlot(r, rec, suffix)
		return r, true
	}
	s, ok := k.extendSpan(rec, suffix)
	if !ok {
		return 0, false
	}
	c.bytes = k.run(s.ref, s.units)[spanKey(rec.keySize):][:rec.valueSize+len(suffix)]
	if r, ok = k.storeLarge(rec.key, &c, s); !ok {
		k.freeSpan(s)
	}
	return r, ok
}

// appendInSlot appends to the record at r, which has the layout of rec and enough room.
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

// extendLarge appends to a large record, in its span if that has room. A reader that has pinned the
// span reads only the earlier bytes. It returns false if memory runs out.
func (k *keyspace) extendLarge(u *Undo, r uint32, rec *record, suffix []byte) bool {
	k.preserve(r)
	end := spanKey(rec.keySize) + rec.valueSize
	if s := rec.span; unitsFor(end+len(suffix)) <= s.units {
		if u != nil {
			u.overwritten(k, r, rec.size, span{}, span{})
		}
		copy(k.run(s.ref, s.units)[end:], suffix)
		n := rec.size - rec.keySize + spanKey(rec.keySize) - largeFields
		binary.LittleEndian.PutUint32(k.at(r)[n+4:], uint32(rec.valueSize+len(suffix)))
		return true
	}
	s, ok := k.extendSpan(rec, suffix)
	if !ok {
		return false
	}
	if u != nil {
		u.overwritten(k, r, rec.size, rec.span, s)
	}
	c := rec.content()
	c.bytes = k.run(s.ref, s.units)[spanKey(rec.keySize):][:rec.valueSize+len(suffix)]
	flagNewBefore := k.at(r)[0] & flagNew
	putLarge(k.at(r), rec.key, &c, s)
	k.at(r)[0] |= flagNewBefore
	if u == nil {
		k.dropSpan(rec.span)
	}
	return true
}

// extendSpan returns a new span with the record's value and the suffix. It adds 50% of room to grow
// if there is memory for it. It returns false if memory runs out.
func (k *keyspace) extendSpan(rec *record, suffix []byte) (span, bool) {
	size := spanKey(rec.keySize) + rec.valueSize + len(suffix)
	s, ok := k.allocSpan(size, size/2)
	if !ok {
		s, ok = k.allocSpan(size, 0)
	}
	if !ok {
		return span{}, false
	}
	memory := k.run(s.ref, s.units)
	n := copy(memory, rec.key[:spanKey(rec.keySize)])
	n += copy(memory[n:], rec.value)
	copy(memory[n:], suffix)
	return s, true
}

// Delete removes a key and reports whether it existed.
func (s *Shard) Delete(db int, h uint64, key string) bool {
	k := s.spaces[db]
	if k == nil {
		return false
	}
	r, at, ok := k.find(h, bytesOf(key))
	if ok {
		s.Remove(db, h, Item{ref: r, at: at})
	}
	return ok
}

func (s *Shard) delete(db int, h uint64, r uint32, at place, keep shared) {
	k := s.spaces[db]
	s.countExpire(db, k.at(r)[0]&flagExpire != 0, false)
	s.counts[db].keys.Add(-1)
	k.takeOut(h, r, at, keep)
}

// takeOut removes the record at r, whose place is at, from the index and frees it, except for what
// it shares.
func (k *keyspace) takeOut(h uint64, r uint32, at place, keep shared) {
	k.remove(h, at)
	k.drop(r, keep)
	if k.keys--; k.keys == 0 {
		k.dropIndex()
	}
}
