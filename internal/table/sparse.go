package table

import "bytes"

// A mostly zero value uses only as much memory as its other pages. A dedicated mapping begins as
// zeros for which the kernel allocates no memory, and copies skip parts that are zero in the
// original too.

// zeros contains unitSize zero bytes.
var zeros [unitSize]byte

// copySparse copies src to dst, which must be zeros. It does not touch pages that remain zero.
func copySparse(dst, src []byte) int {
	n := min(len(dst), len(src))
	for at := 0; at < n; at += unitSize {
		if page := src[at:min(at+unitSize, n)]; !isZero(page) {
			copy(dst[at:], page)
		}
	}
	return n
}

// isZero reports whether all bytes of at most a page are 0.
func isZero(page []byte) bool { return page[0] == 0 && bytes.Equal(page, zeros[:len(page)]) }

// clearSparse zeroes b and does not touch pages that are zero already.
func clearSparse(b []byte) {
	for ; len(b) > 0; b = b[min(unitSize, len(b)):] {
		if page := b[:min(unitSize, len(b))]; !isZero(page) {
			clear(page)
		}
	}
}

// MapZero returns a Mapping for a value of size zeros, above 256 KiB, that is to be stored under
// key. It returns no Mapping for a shorter value, and ErrNoMemory if memory runs out.
func (t *Table) MapZero(key string, size int) (Mapping, error) {
	n := spanKey(len(key))
	if size > maxSize-n || unitsFor(n+size) <= chunkUnits {
		return Mapping{}, nil
	}
	memory := t.mapMemory(n + size)
	if memory == nil {
		return Mapping{}, ErrNoMemory
	}
	refuseHuge(memory) // one byte must not use 2 MiB
	copy(memory, key[:n])
	return Mapping{memory: memory, value: memory[n : n+size]}, nil
}

// Bytes returns the value of a Mapping. It may be modified until it is stored.
func (m Mapping) Bytes() []byte { return m.value }

// Extend makes the value of key a String of at least size bytes, padded with zeros, and returns it.
// The caller may modify it in place until the shard changes or is unlocked. The size must be above
// 32 KiB, and no view may be open. Extend returns ErrNoMemory if memory runs out; then nothing has
// changed.
func (s *Shard) Extend(db int, h uint64, key string, size int) ([]byte, error) {
	k := s.create(db)
	var old Item
	r, _, found := k.find(h, bytesOf(key))
	if found {
		rec := k.recordAt(r)
		size = max(size, rec.valueSize) // a counter is shorter anyway
		if s.undo == nil {
			if value := k.extendInPlace(r, &rec, size); value != nil {
				return value, nil
			}
		}
		old = Item{value: rec.value, expire: rec.expire, flags: rec.flags}
	}
	n := spanKey(len(key))
	sp, ok := k.allocSpan(n+size, size/2)
	if !ok {
		sp, ok = k.allocSpan(n+size, 0)
	}
	if !ok {
		return nil, ErrNoMemory
	}
	memory := k.run(sp.ref, sp.units)
	if sp.units <= chunkUnits {
		clear(memory)
	} else {
		refuseHuge(memory)
	}
	copy(memory, key[:n])
	value := memory[n : n+size]
	if old.ValueLen() <= maxDecimal {
		old.value, old.flags = old.AppendValue(nil), 0
	}
	copySparse(value, old.value)
	c := content{bytes: value, expire: old.expire, span: sp}
	if _, err := s.set(db, h, bytesOf(key), &c); err != nil {
		k.freeSpan(sp)
		return nil, err
	}
	return value, nil
}

// extendInPlace returns the value of a record after extending it to size bytes, or nil if its span
// has no room.
func (k *keyspace) extendInPlace(r uint32, rec *record, size int) []byte {
	n := spanKey(rec.keySize)
	if rec.flags&flagLarge == 0 || unitsFor(n+size) > rec.span.units || k.frozen.on {
		return nil
	}
	if _, pinned := k.pins[rec.span.ref]; pinned {
		return nil
	}
	value := k.run(rec.span.ref, rec.span.units)[n : n+size]
	clearSparse(value[rec.valueSize:])
	k.setLargeSize(r, rec, size)
	return value
}

// setLargeSize changes the size of a large record's value.
func (k *keyspace) setLargeSize(r uint32, rec *record, size int) {
	c := rec.content()
	c.bytes = k.run(rec.span.ref, rec.span.units)[spanKey(rec.keySize):][:size]
	marked := k.at(r)[0] & flagNew
	putLarge(k.at(r), rec.key, &c, rec.span)
	k.at(r)[0] |= marked
}
