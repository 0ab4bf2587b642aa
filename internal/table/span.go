package table

// unitsFor returns the number of units of a span of size bytes.
func unitsFor(size int) uint32 {
	return uint32((size + unitSize - 1) / unitSize)
}

// allocSpan returns a span of size bytes with room for spare more. It returns false if memory runs
// out.
func (k *keyspace) allocSpan(size, spare int) (span, bool) {
	if size > maxSize {
		panic("table: key and value above 2 GiB")
	}
	if size > maxSize-spare {
		spare = 0
	}
	units := unitsFor(size + spare)
	ref, ok := k.alloc(int(units), false)
	if !ok {
		return span{}, false
	}
	k.spanUnits += int64(units)
	return span{ref: ref, units: units}, true
}

// adoptSpan makes a mapping a span of the keyspace. It returns false if the keyspace has run out of
// numbers.
func (k *keyspace) adoptSpan(memory []byte) (span, bool) {
	c, ok := k.number(memory, ownMapping, 0, 0)
	if !ok {
		return span{}, false
	}
	units := unitsFor(len(memory))
	k.spanUnits += int64(units)
	return span{ref: c << refChunkShift, units: units}, true
}

// returnSpan releases the span that newSpan made for c and that no record references. Memory that
// existed before belongs to the caller again.
func (k *keyspace) returnSpan(s span, c *content) {
	switch {
	case c.mapped != nil:
		k.spanUnits -= int64(s.units)
		k.vacate(s.ref >> refChunkShift)
	case c.span.units > 0:
	default:
		k.freeSpan(s)
	}
}

// dropSpan ends a record's ownership of a span.
func (k *keyspace) dropSpan(s span) {
	if p, pinned := k.pins[s.ref]; pinned {
		p.orphan = true
		k.pins[s.ref] = p
		return
	}
	k.freeSpan(s)
}

func (k *keyspace) freeSpan(s span) {
	k.spanUnits -= int64(s.units)
	k.release(s.ref, int(s.units))
}

// pin keeps a span unchanged until unpin.
func (k *keyspace) pin(s span) {
	if k.pins == nil {
		k.pins = make(map[uint32]pin)
	}
	p := k.pins[s.ref]
	p.readers++
	p.units = s.units
	k.pins[s.ref] = p
}

func (k *keyspace) unpin(ref uint32) {
	p := k.pins[ref]
	if p.readers--; p.readers > 0 {
		k.pins[ref] = p
		return
	}
	delete(k.pins, ref)
	if p.orphan {
		k.freeSpan(span{ref, p.units})
	}
}
