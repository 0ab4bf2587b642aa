package tree

// The leaves of a List have their entries after the header, in order and without gaps. An entry is
// a prefix and its bytes:
//
//	00-ef           a length below 240, then the bytes
//	f0-fe, 1 byte   a length of 12 bits, the upper 4 in the first byte, then the bytes
//	ff              a reference to a value
const (
	longPrefix  = 0xf0
	valuePrefix = 0xff

	// maxPacked is the maximum number of entries of a leaf of a List, since a search skips those
	// before an entry. With leaves of 500 entries of 3 bytes, RPOP takes three times as long.
	maxPacked = 128
)

// isFull reports whether n entries of a kind, with size bytes of page, are too many for a leaf.
func isFull(k kind, n, size int) bool { return size > maxPage || k == kindList && n > maxPacked }

func prefixSize(length int) int {
	if length < longPrefix {
		return 1
	}
	return 2
}

func (p page) used() int     { return int(u16(p[12:])) }
func (p page) setUsed(n int) { putU16(p[12:], uint16(n)) }

// packed returns the place of the entry at offset at: where its bytes begin, and where they end.
func (p page) packed(at int) (start, end int) {
	switch b := p[at]; {
	case b < longPrefix:
		return at + 1, at + 1 + int(b)
	case b < valuePrefix:
		return at + 2, at + 2 + int(b-longPrefix)<<8 + int(p[at+1])
	}
	return at + 1, at + 1 + valueSize
}

// skip returns the offset that follows n entries from offset at.
func (p page) skip(at, n int) int {
	for ; n > 0; n-- {
		if b := p[at]; b < longPrefix {
			at += 1 + int(b)
		} else {
			_, at = p.packed(at)
		}
	}
	return at
}

// offset returns the offset of entry i, or the end of the entries.
func (p page) offset(i int) int {
	if i == p.n() {
		return headerSize + p.used()
	}
	return p.skip(headerSize, i)
}

func (p page) listSize(from, to int) int {
	if from == to {
		return 0
	}
	at := p.offset(from)
	if to == p.n() {
		return headerSize + p.used() - at
	}
	return p.skip(at, to-from) - at
}

// packedEntry returns the bytes of the entry at offset at, and the offset of the next entry.
func (s *Space) packedEntry(p page, at int) (entry []byte, next int) {
	start, end := p.packed(at)
	if p[at] == valuePrefix {
		return s.value(p[start:]), end
	}
	return p[start:end:end], end
}

// replacePacked replaces cut entries at index i by e. The page must have room.
func (p page) replacePacked(i, cut int, e *entry) {
	at := p.offset(i)
	next, end := p.skip(at, cut), headerSize+p.used()
	size := entrySize(kindList, e)
	copy(p[at+size:], p[next:end])
	p.writePacked(at, e)
	p.setUsed(p.used() + size - (next - at))
	p.setN(p.n() + 1 - cut)
}

// writePacked writes e at offset at.
func (p page) writePacked(at int, e *entry) {
	n := len(e.bytes)
	switch {
	case e.isValue():
		p[at] = valuePrefix
		putU32(p[at+1:], e.ref)
		putU32(p[at+5:], uint32(e.length))
		p.addValues(1)
		return
	case n < longPrefix:
		p[at] = byte(n)
		at++
	default:
		p[at], p[at+1] = longPrefix+byte(n>>8), byte(n)
		at += 2
	}
	copy(p[at:], e.bytes)
}

// removePacked removes the entries from index from to to, which have size bytes.
func (p page) removePacked(from, to, size int) {
	end := headerSize + p.used()
	at := end - size
	if to < p.n() {
		at = p.skip(headerSize, from)
	}
	copy(p[at:], p[at+size:end])
	p.setUsed(p.used() - size)
	p.setN(p.n() - (to - from))
}

// appendPacked appends the entries of src from index from to to.
func (p page) appendPacked(src page, from, to int) {
	at := src.skip(headerSize, from)
	end := headerSize + src.used()
	if to < src.n() {
		end = src.skip(at, to-from)
	}
	copy(p[headerSize+p.used():], src[at:end])
	p.setUsed(p.used() + end - at)
	p.setN(p.n() + to - from)
	if src.values() > 0 {
		p.addValues(src.countValues(from, to))
	}
}

func (p page) visitPackedValues(from, to int, fn func(ref uint32)) {
	at := p.skip(headerSize, from)
	for range to - from {
		if p[at] == valuePrefix {
			fn(u32(p[at+1:]))
		}
		_, at = p.packed(at)
	}
}
