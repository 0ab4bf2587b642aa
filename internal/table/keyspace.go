package table

import (
	"encoding/binary"
	"sync/atomic"
)

// keyspace is one shard's part of one database. The shard's lock guards all of it, even after a
// Flush has removed it from the shard and only a view still reads it.
//
// The fields that a search needs are first, in one cache line: the directory, its depth, and the
// addresses of the chunks.
type keyspace struct {
	index
	arena
	slabs

	segments int
	byDepth  [maxDepth + 1]uint32 // number of segments by depth

	hasher    *hasher // the table's
	spanUnits int64   // units in spans, including spans that only pins retain

	// pins contains the spans that readers use outside the lock. They are not modified.
	pins map[uint32]pin

	frozen   frozen
	tried    waste // waste after the last defragmentation
	hasTrees bool  // it may have records with trees
	detached bool  // flushed: released when no view, pin, or tree needs it
	dropping bool  // it is in Table.flushed
}

// pin counts the readers of a span. An orphan no longer belongs to a record and is released with
// its last pin.
type pin struct {
	readers int32
	orphan  bool
	units   uint32
}

// count contains the counters that Len and Expires read without locks.
type count struct {
	keys, expires atomic.Int64
}

func (c *count) swap(o *count) {
	c.keys.Store(o.keys.Swap(c.keys.Load()))
	c.expires.Store(o.expires.Swap(c.expires.Load()))
}

// hashAt returns the hash of the key of the record at r.
func (k *keyspace) hashAt(r uint32) uint64 {
	rec := parse(k.at(r))
	if rec.key == nil {
		rec.load(k.run(rec.span.ref, rec.span.units))
	}
	return k.hasher.hash(rec.key)
}

// plainKey reports whether slot has a record with this key that is not wide, not large, and without
// an expiry. Most records are like that. It compares at the offset of the key of such a record,
// regardless of the record's flags. The processor can then request the key before it has read the
// flags.
func plainKey(slot, key []byte) bool {
	const mask = 0xff00 | flagExpire | flagWide | flagLarge | flagGone
	return uint64(binary.LittleEndian.Uint32(slot)&mask) == uint64(len(key))<<8 && string(slot[4:4+len(key)]) == string(key)
}

// expiringKey is plainKey for a record with an expiry.
func expiringKey(slot, key []byte) bool {
	const mask = 0xff00 | flagExpire | flagWide | flagLarge | flagGone
	return uint64(binary.LittleEndian.Uint32(slot)&mask) == uint64(len(key))<<8|flagExpire && string(slot[12:12+len(key)]) == string(key)
}

// hasKey reports whether the record at r has the key.
func (k *keyspace) hasKey(r uint32, key []byte) bool {
	slot := k.at(r)
	if slot[0]&flagGone != 0 {
		return false
	}
	if slot[0]&(flagWide|flagLarge) == 0 {
		if int(slot[1]) != len(key) {
			return false
		}
		n := 4 + int(slot[0]&flagExpire)*2
		return string(slot[n:n+len(key)]) == string(key)
	}
	rec := parse(slot)
	if rec.keySize != len(key) {
		return false
	}
	if rec.key == nil {
		rec.load(k.run(rec.span.ref, rec.span.units))
	}
	return string(rec.key) == string(key)
}

// store writes a new record and returns its ref. It returns false if memory runs out.
func (k *keyspace) store(key []byte, c *content) (r uint32, ok bool) {
	expiring := c.expire != 0
	if size := recordSize(len(key), c.size(), expiring); size <= maxSlot {
		r, n, ok := k.allocSlot(classOf(size), expiring)
		if !ok {
			return 0, false
		}
		putRecord(k.at(r), key, c)
		k.markTree(n, c)
		k.written(r, n, c.expire)
		return r, true
	}
	s, ok := k.newSpan(key, c)
	if !ok {
		return 0, false
	}
	if r, ok = k.storeLarge(key, c, s); !ok {
		k.returnSpan(s, c)
	}
	return r, ok
}

// unstore frees the record at r, which store has just created for c.
func (k *keyspace) unstore(r uint32, c *content) {
	if rec := parse(k.at(r)); rec.flags&flagLarge != 0 {
		k.returnSpan(rec.span, c)
	}
	k.freeSlot(r)
}

// newSpan returns a span with the value and, if the key is long, the key. It returns false if
// memory runs out.
func (k *keyspace) newSpan(key []byte, c *content) (span, bool) {
	switch {
	case c.mapped != nil:
		return k.adoptSpan(c.mapped)
	case c.span.units > 0:
		return c.span, true
	}
	s, ok := k.allocSpan(spanKey(len(key))+c.size(), 0)
	if ok {
		k.fill(s, key, c)
	}
	return s, ok
}

// fill writes the contents of a span without readers.
func (k *keyspace) fill(s span, key []byte, c *content) {
	memory := k.run(s.ref, s.units)
	copy(memory[copy(memory, key[:spanKey(len(key))]):], c.bytes)
}

// storeLarge writes a new record for a filled span. It returns false if memory runs out.
func (k *keyspace) storeLarge(key []byte, c *content, s span) (r uint32, ok bool) {
	r, n, ok := k.allocSlot(classOf(largeSize(len(key), c.expire != 0)), c.expire != 0)
	if !ok {
		return 0, false
	}
	putLarge(k.at(r), key, c, s)
	k.pages[n].flags |= pageLarge
	k.markTree(n, c)
	k.written(r, n, c.expire)
	return r, true
}

// written updates page n for the record that was written at r.
func (k *keyspace) written(r, n uint32, expire int64) {
	p := &k.pages[n]
	if expire != 0 && expire < p.earliest {
		p.earliest = expire
	}
	if k.frozen.ahead(n) {
		k.at(r)[0] |= flagNew
		p.flags |= pageNew
	}
}

// replace sets a new value and expiry for the record at old. It returns false, and has changed
// nothing, if memory runs out.
func (k *keyspace) replace(u *Undo, old uint32, at place, key []byte, c *content) bool {
	rec := parse(k.at(old))
	keep := k.treeOf(&rec)
	if keep == sharedTree && !c.isTree() {
		keep = 0
	} else if k.overwrite(u, old, &rec, key, c) {
		return true
	}
	r, ok := k.store(key, c)
	if !ok {
		return false
	}
	k.setRef(at, r)
	k.replaced(u, old, r, keep)
	return true
}

// replaced frees the record at old, or lets u free it, whose place in the index r has taken. keep
// is what both have in common.
func (k *keyspace) replaced(u *Undo, old, r uint32, keep shared) {
	if u != nil {
		u.replaced(old, r, keep)
		return
	}
	k.drop(old, keep)
}

// overwrite does the work of replace in the record's slot. It returns false if the slot does not
// fit the new record, or if the memory for a large value is refused.
func (k *keyspace) overwrite(u *Undo, r uint32, rec *record, key []byte, c *content) bool {
	if rec.flags&flagExpire != 0 != (c.expire != 0) {
		return false
	}
	size := recordSize(len(key), c.size(), c.expire != 0)
	if rec.flags&flagLarge != 0 {
		return size > maxSlot && u == nil && k.overwriteLarge(r, rec, key, c)
	}
	n := k.head(r)
	if size > maxSlot || classOf(size) != k.pages[n].class {
		return false
	}
	k.preserve(r)
	if u != nil {
		u.overwritten(k, r, rec.size, span{}, span{})
	}
	putRecord(k.at(r), key, c)
	k.markTree(n, c)
	k.written(r, n, c.expire)
	return true
}

func (k *keyspace) overwriteLarge(r uint32, rec *record, key []byte, c *content) bool {
	size := spanKey(len(key)) + c.size()
	need := unitsFor(size)
	k.preserve(r)
	s, old := rec.span, rec.span
	if _, pinned := k.pins[s.ref]; pinned || c.mapped != nil || c.span.units > 0 || need > s.units || need < s.units/2 {
		var ok bool
		if s, ok = k.newSpan(key, c); !ok {
			return false
		}
		k.dropSpan(old)
	} else {
		k.fill(s, key, c)
	}
	n := k.head(r)
	putLarge(k.at(r), key, c, s)
	k.markTree(n, c)
	k.written(r, n, c.expire)
	return true
}

// shared names the parts that a record has in common with another one, to which they then belong.
type shared uint8

const (
	sharedSpan shared = 1 << iota
	sharedTree
)

// drop frees the record at r, which the index no longer references, except for the parts that it
// shares.
func (k *keyspace) drop(r uint32, keep shared) {
	k.preserve(r)
	slot := k.at(r)
	if slot[0]&(flagLarge|flagOpaque) != 0 {
		rec := parse(slot)
		if keep&sharedTree == 0 && k.treeOf(&rec) != 0 {
			k.dropTree(&rec)
		}
		if keep&sharedSpan == 0 && rec.flags&flagLarge != 0 {
			k.dropSpan(rec.span)
		}
	}
	k.freeSlot(r)
}

// releaseDetached frees all memory of the keyspace if it is flushed and its last reader is gone.
func (k *keyspace) releaseDetached() {
	if k.detached && !k.dropping && !k.frozen.on && len(k.pins) == 0 {
		k.releaseAll()
		*k = keyspace{}
	}
}
