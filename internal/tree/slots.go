package tree

// The leaves of a Map and of a Sorted have an array of slots after the header, in order. A slot has
// the key of an entry (a hash of 4 bytes, or a score of 8 bytes) and 2 bytes: where the entry ends,
// and a flag if the entry is stored outside the page. The entries fill the page from its end in the
// order of their slots, without gaps: entry i begins, counted from the end of the page, where entry
// i-1 ends. Thus an entry needs no length.
const (
	slotTail     = 2
	externalFlag = 1 << 15
)

// entry is an entry to be stored. It is the bytes, or else a reference to a value.
type entry struct {
	key    uint64
	bytes  []byte
	ref    uint32 // of the value
	length int    // of the value; 0 if the entry is stored in the page
}

func newEntry(key uint64, bytes []byte) entry { return entry{key: key, bytes: bytes} }

// isValue reports whether the entry is stored outside the page.
func (e *entry) isValue() bool { return e.length > 0 }

// entrySize returns the number of bytes that e needs in a leaf of kind k.
func entrySize(k kind, e *entry) int {
	switch {
	case k == kindList && e.isValue():
		return 1 + valueSize
	case k == kindList:
		return prefixSize(len(e.bytes)) + len(e.bytes)
	case e.isValue():
		return slotSize(k) + valueSize
	}
	return slotSize(k) + len(e.bytes)
}

func slotSize(k kind) int {
	if k == kindMap {
		return 4 + slotTail
	}
	return 8 + slotTail
}

// slotsEnd returns the offset of the end of n slots.
func slotsEnd(k kind, n uint32) int { return headerSize + slotSize(k)*int(n) }

func (p page) slotSize() int { return slotSize(p.kind()) }

func (p page) endWord(i int) int {
	w := p.slotSize()
	return headerSize + w*i + w - slotTail
}

// end returns the distance from the end of entry i to the end of the page.
func (p page) end(i int) int { return int(u16(p[p.endWord(i):]) &^ externalFlag) }

// start returns the end of the entry before entry i.
func (p page) start(i int) int {
	if i == 0 {
		return 0
	}
	return p.end(i - 1)
}

func (p page) external(i int) bool { return u16(p[p.endWord(i):])&externalFlag != 0 }

// stored returns the bytes of entry i in the page.
func (p page) stored(i int) []byte {
	from, to := len(p)-p.end(i), len(p)-p.start(i)
	return p[from:to:to]
}

// slotEntry returns the bytes of entry i.
func (s *Space) slotEntry(p page, i int) []byte {
	b := p.stored(i)
	if p.external(i) {
		return s.value(b)
	}
	return b
}

func (p page) key(i int) uint64 {
	if p.kind() == kindMap {
		return uint64(u32(p[headerSize+6*i:]))
	}
	return u64(p[headerSize+10*i:])
}

// replaceSlots replaces cut entries at index i by e. The page must have room.
func (p page) replaceSlots(i, cut int, e *entry) {
	n, w := p.n(), p.slotSize()
	from, to, used := p.start(i), p.start(i+cut), p.start(n)
	length := entrySize(p.kind(), e) - w
	grow := from + length - to
	copy(p[len(p)-used-grow:], p[len(p)-used:len(p)-to])
	slots := p[headerSize:]
	if cut != 1 {
		copy(slots[(i+1)*w:], slots[(i+cut)*w:n*w])
	}
	n += 1 - cut
	p.setN(n)
	p.writeSlot(i, from, e)
	p.moveEnds(i+1, n, grow)
}

// writeSlot writes entry i and its slot. The entry begins at start.
func (p page) writeSlot(i, start int, e *entry) {
	if p.kind() == kindMap {
		putU32(p[headerSize+6*i:], uint32(e.key))
	} else {
		putU64(p[headerSize+10*i:], e.key)
	}
	if e.isValue() {
		end := start + valueSize
		putU16(p[p.endWord(i):], uint16(end)|externalFlag)
		putU32(p[len(p)-end:], e.ref)
		putU32(p[len(p)-end+4:], uint32(e.length))
		p.addValues(1)
		return
	}
	end := start + len(e.bytes)
	putU16(p[p.endWord(i):], uint16(end))
	copy(p[len(p)-end:], e.bytes)
}

// moveEnds adds delta to the ends of the entries from index from to to.
func (p page) moveEnds(from, to, delta int) {
	if delta == 0 {
		return
	}
	w := p.slotSize()
	at := p.endWord(from)
	for range to - from {
		putU16(p[at:], u16(p[at:])+uint16(delta))
		at += w
	}
}

// removeSlots removes the entries from index from to to.
func (p page) removeSlots(from, to int) {
	n, w := p.n(), p.slotSize()
	start, end, used := p.start(from), p.start(to), p.start(n)
	copy(p[len(p)-used+end-start:], p[len(p)-used:len(p)-end])
	slots := p[headerSize:]
	copy(slots[from*w:], slots[to*w:n*w])
	p.setN(n - to + from)
	p.moveEnds(from, n-to+from, start-end)
}

// appendSlots appends the entries of src from index from to to.
func (p page) appendSlots(src page, from, to int) {
	n, w := p.n(), p.slotSize()
	used, start, end := p.start(n), src.start(from), src.end(to-1)
	copy(p[len(p)-used-(end-start):], src[len(src)-end:len(src)-start])
	copy(p[headerSize+n*w:], src[headerSize+from*w:headerSize+to*w])
	p.setN(n + to - from)
	p.moveEnds(n, n+to-from, used-start)
	if src.values() > 0 {
		p.addValues(src.countValues(from, to))
	}
}

// countValues returns the number of entries from index from to to that are stored outside the page.
func (p page) countValues(from, to int) (n int) {
	p.visitValues(from, to, func(uint32) { n++ })
	return n
}
