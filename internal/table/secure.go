package table

// Secure ensures that Set of a String without an expiry will find the memory that it needs,
// whatever value the key has, and reports whether it succeeded. It reads no record and no bucket.
// It is for a caller that must not fail after it has reported the Set to others. The caller must
// change nothing else in the shard before the Set, and must call EndSecure after it. Key and value
// together must fit in a slot, and the shard must have a key in the database.
func (s *Shard) Secure(db int, key string, value []byte) bool {
	k := s.spaces[db]
	if k == nil || k.keys == 0 {
		return false
	}
	size := len(value)
	if size <= maxDecimal {
		if _, isInt := parseInt(value); isInt {
			size = 8
		}
	}
	class := classOf(recordSize(len(key), size, false))
	if k.pool.limit == nil && k.freeUnits > 0 && k.partial[class] != 0 {
		return true
	}
	return k.secure(class)
}

// secure ensures that there is a free slot of a class, and a unit for a segment of the index.
func (k *keyspace) secure(class uint8) bool {
	if k.pool.limit != nil {
		k.pool.promised.Store(false)
	}
	units, whole := 1, true
	if k.partial[class] == 0 {
		units += pageUnitsOf(class)
		_, at := k.look(units-1, true)
		whole = at != 0
	}
	if k.pool.refuses(units * unitSize) {
		return false
	}
	if !whole || k.freeUnits < units {
		if _, ok := k.grow(); !ok {
			return false
		}
	}
	if k.pool.limit != nil {
		k.pool.promised.Store(true)
	}
	return true
}

// SetSecured is like Set of a String without an expiry, for which Secure has reserved the memory.
func (s *Shard) SetSecured(db int, h uint64, key string, value []byte) {
	if _, err := s.Set(db, h, key, String, value, 0); err != nil {
		panic("table: internal error: secured memory is missing")
	}
}

// EndSecure ends the guarantee of Secure.
func (s *Shard) EndSecure() {
	if s.pool.limit != nil {
		s.pool.promised.Store(false)
	}
}
