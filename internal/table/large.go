package table

// A value of megabytes is not copied while its shard is locked, because the copy would hold up everybody
// else's keys. It is written to memory of its own before the lock is taken, which then only links it
// (Map, SetMapped), and read after the lock is released, which only pins it (Pin).

// pinAbove is the size from which a pin, with its second turn of the lock, costs less than it saves.
const pinAbove = 64 << 10

// Mapping is a value in memory of its own, which no key has yet. The zero value is none.
type Mapping struct {
	memory []byte
	value  []byte // in it
}

// Map copies a value that is to be stored under key, when it is large enough to get memory of its own,
// above 256 KiB; otherwise it returns no Mapping. It takes no lock of a shard. What SetMapped does not
// take is for Unmap. It returns ErrNoMemory if there is no memory.
func (t *Table) Map(key string, value []byte) (Mapping, error) {
	return t.mapParts(key, value, nil, 0)
}

// MapAppend is Map of value and suffix, one behind the other, with half as much again to grow into.
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

// AppendMoves reports whether Append of n bytes to a key's value would have to copy what Map makes memory
// for.
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

// Unmap gives the memory of a Mapping back. No shard is locked.
func (t *Table) Unmap(m Mapping) {
	if m.Ok() {
		t.pool.putMapping(m.memory)
		t.pool.settle()
	}
}

// SetMapped is Set of a String with what Map returned for the same key. If it fails the Mapping is still the
// caller's.
func (s *Shard) SetMapped(db int, h uint64, key string, m Mapping, expireAtMs int64) (existed bool, err error) {
	c := content{bytes: m.value, expire: expireAtMs, mapped: m.memory}
	return s.set(db, h, bytesOf(key), &c)
}

// Pin holds a large value as it was under the lock, for who reads it without. Writers meanwhile give the
// key other memory.
type Pin struct {
	shard *Shard
	space *keyspace
	ref   uint32
	value []byte
}

// Pin pins the value of a key. ok is false when it has none that is Large. Release must follow.
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

// Holds reports whether the value of a key is still the one that is pinned.
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

// Value is what is pinned. It must not be changed.
func (p Pin) Value() []byte { return p.value }

// Release ends a pin. It locks the shard.
func (p Pin) Release() {
	p.shard.Lock()
	p.space.unpin(p.ref)
	p.space.releaseDetached()
	p.shard.Unlock()
}
