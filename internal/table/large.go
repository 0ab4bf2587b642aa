package table

// A value of megabytes is not copied while its shard is locked, because the copy would delay all
// other keys of the shard. A writer copies it to a dedicated mapping before taking the lock and
// only links it under the lock (Map, SetMapped). A reader only pins it under the lock and reads it
// after releasing the lock (Pin).

// pinAbove is the size where a pin begins to save more than it costs. A pin takes the lock a second
// time.
const pinAbove = 64 << 10

// A Mapping is a value in a dedicated mapping that does not belong to a key yet. The zero value
// means none.
type Mapping struct {
	memory []byte
	value  []byte // the value, a part of memory
}

// Map copies a value that is to be stored under key to a dedicated mapping if the value is large
// enough for one (above 256 KiB). Otherwise it returns no Mapping. It does not lock a shard. The
// caller must call Unmap for a Mapping that SetMapped does not accept. Map returns ErrNoMemory if
// memory runs out.
func (t *Table) Map(key string, value []byte) (Mapping, error) {
	return t.mapParts(key, value, nil, 0)
}

// MapAppend is like Map for value followed by suffix, with 50% of room to grow.
func (t *Table) MapAppend(key string, value, suffix []byte) (Mapping, error) {
	return t.mapParts(key, value, suffix, (len(value)+len(suffix))/2)
}

func (t *Table) mapParts(key string, value, suffix []byte, spare int) (Mapping, error) {
	n, size := spanKey(len(key)), len(value)+len(suffix)
	if size > maxSize-n || unitsFor(n+size) <= chunkUnits {
		return Mapping{}, nil
	}
	if spare > maxSize-n-size {
		spare = 0
	}
	memory := t.mapMemory(n + size + spare)
	if memory == nil && spare > 0 {
		memory = t.mapMemory(n + size)
	}
	if memory == nil {
		return Mapping{}, ErrNoMemory
	}
	copy(memory, key[:n])
	copySparse(memory[n:], value)
	copySparse(memory[n+len(value):], suffix)
	return Mapping{memory: memory, value: memory[n : n+size]}, nil
}

func (t *Table) mapMemory(size int) []byte {
	size = int(unitsFor(size)) * unitSize
	if t.pool.refuses(size) {
		return nil
	}
	return t.pool.mapping(size)
}

// AppendMoves reports whether Append of n bytes to the value of a key would have to copy a value
// for which Map allocates memory.
func (s *Shard) AppendMoves(db int, h uint64, key string, n int) bool {
	k := s.spaces[db]
	if k == nil {
		return false
	}
	r, _, ok := k.find(h, bytesOf(key))
	if !ok {
		return false
	}
	rec := parse(k.at(r))
	return rec.flags&flagLarge != 0 && unitsFor(spanKey(rec.keySize)+rec.valueSize+n) > max(rec.span.units, chunkUnits)
}

// Ok reports whether there is a Mapping.
func (m Mapping) Ok() bool { return m.memory != nil }

// Unmap releases the memory of a Mapping. No shard may be locked.
func (t *Table) Unmap(m Mapping) {
	if m.Ok() {
		t.pool.putMapping(m.memory)
		t.pool.releaseSurplus()
	}
}

// SetMapped is like Set of a String with the Mapping that Map returned for the key. If it fails,
// the caller still owns the Mapping.
func (s *Shard) SetMapped(db int, h uint64, key string, m Mapping, expireAtMs int64) (existed bool, err error) {
	c := content{bytes: m.value, expire: expireAtMs, mapped: m.memory}
	return s.set(db, h, bytesOf(key), &c)
}

// A Pin keeps a large value unchanged so that it can be read without the shard lock. While a value
// is pinned, writers store changes of its key in other memory.
type Pin struct {
	shard *Shard
	space *keyspace
	ref   uint32
	value []byte
}

// Pin pins the value of a key. ok reports whether the key has a Large value. The caller must then
// call Release.
func (s *Shard) Pin(db int, h uint64, key string) (p Pin, ok bool) {
	k := s.spaces[db]
	if k == nil {
		return Pin{}, false
	}
	r, _, ok := k.find(h, bytesOf(key))
	if !ok {
		return Pin{}, false
	}
	rec := k.recordAt(r)
	if rec.flags&flagLarge == 0 || rec.valueSize < pinAbove {
		return Pin{}, false
	}
	k.pin(rec.span)
	return Pin{shard: s, space: k, ref: rec.span.ref, value: rec.value}, true
}

// Holds reports whether the value of a key is still the pinned one.
func (s *Shard) Holds(db int, h uint64, key string, p Pin) bool {
	k := s.spaces[db]
	if k == nil || k != p.space {
		return false
	}
	r, _, ok := k.find(h, bytesOf(key))
	if !ok {
		return false
	}
	rec := parse(k.at(r))
	return rec.flags&flagLarge != 0 && rec.span.ref == p.ref && rec.valueSize == len(p.value)
}

// Value returns the pinned value. It must not be modified.
func (p Pin) Value() []byte { return p.value }

// Release unpins the value. It locks the shard.
func (p Pin) Release() {
	p.shard.Lock()
	p.space.unpin(p.ref)
	p.space.releaseDetached()
	p.shard.Unlock()
}
