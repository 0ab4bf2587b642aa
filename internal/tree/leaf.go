package tree

// replaceEntries replaces cut entries of a leaf at index i by e. The page must have room.
func (p page) replaceEntries(i, cut int, e *entry) {
	p.forgetValues(i, i+cut)
	if p.kind() == kindList {
		p.replacePacked(i, cut, e)
	} else {
		p.replaceSlots(i, cut, e)
	}
}

// removeEntries removes the entries of a leaf from index from to to, which have size bytes.
func (p page) removeEntries(from, to, size int) {
	p.forgetValues(from, to)
	if p.kind() == kindList {
		p.removePacked(from, to, size)
	} else {
		p.removeSlots(from, to)
	}
}

// forgetValues subtracts the values of entries that are about to be removed.
func (p page) forgetValues(from, to int) {
	if p.values() > 0 {
		p.addValues(-p.countValues(from, to))
	}
}

// appendEntry appends e to a leaf, which must have room.
func (p page) appendEntry(e *entry) {
	n := p.n()
	if p.kind() == kindList {
		used := p.used()
		p.writePacked(headerSize+used, e)
		p.setUsed(used + entrySize(kindList, e))
	} else {
		p.writeSlot(n, p.start(n), e)
	}
	p.setN(n + 1)
}

// A revised is the sequence of entries of a leaf after e has replaced cut entries at index i.
type revised struct {
	leaf   page
	ref    uint32
	i, cut int
	e      *entry
}

func (r *revised) n() int { return r.leaf.n() + 1 - r.cut }

// size returns the number of bytes of the first m entries.
func (r *revised) size(m int) int {
	if m <= r.i {
		return r.leaf.size(0, m)
	}
	return r.leaf.size(0, r.i) + entrySize(r.leaf.kind(), r.e) + r.leaf.size(r.i+r.cut, m-1+r.cut)
}

// total returns the number of bytes of all entries.
func (r *revised) total() int {
	return r.leaf.size(0, r.leaf.n()) - r.leaf.size(r.i, r.i+r.cut) + entrySize(r.leaf.kind(), r.e)
}

// key returns the key of entry m.
func (r *revised) key(m int) uint64 {
	switch {
	case m == r.i:
		return r.e.key
	case m > r.i:
		m += r.cut - 1
	}
	return r.leaf.key(m)
}

// appendTo appends the entries from index from to to to a leaf.
func (r *revised) appendTo(p page, from, to int) {
	if from < r.i {
		p.appendRange(r.leaf, from, min(to, r.i))
	}
	if from <= r.i && r.i < to {
		p.appendEntry(r.e)
	}
	if to > r.i+1 {
		p.appendRange(r.leaf, max(from, r.i+1)-1+r.cut, to-1+r.cut)
	}
}

// splitPoint returns the number of entries for the first of two leaves, or 0 if all entries have
// equal hashes. The entry is at the first or last place of the tree if first or last is set. Then
// it gets a separate leaf, so that leaves remain full if a tree is built in order.
func (r *revised) splitPoint(first, last bool) int {
	n, total := r.n(), r.total()
	switch {
	case last && r.cut == 0 && r.i == n-1:
		return r.boundary(n - 1)
	case first && r.cut == 0 && r.i == 0:
		return r.boundary(1)
	}
	m := r.splitAfter(total * r.share() / 32)
	if headerSize+max(r.size(m), total-r.size(m)) > maxPage { // some entries are long
		m = r.splitAfter(total / 2)
	}
	return m
}

// share returns how many 32nds of the bytes are for the first of two leaves: from 10 to 22, by the
// ref of the leaf. If all leaves split in the middle, keys that arrive evenly spaced make them grow
// at the same time, and the slabs of the size that they all leave stay partly used: a sorted set
// then needs 54.6 bytes for an element instead of 45.7.
func (r *revised) share() int { return 10 + int(r.ref*0x9e3779b1>>16)%13 }

// splitAfter returns the split point nearest to the smallest number of entries with at least size
// bytes.
func (r *revised) splitAfter(size int) int {
	lo, hi := 1, r.n()-1
	for lo < hi {
		if mid := (lo + hi) / 2; r.size(mid) < size {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return r.boundary(lo)
}

// boundary returns the number of entries nearest to m before which the hash changes, or 0. In a
// leaf that is not of a Map, it returns m.
func (r *revised) boundary(m int) int {
	if r.leaf.kind() != kindMap {
		return m
	}
	n := r.n()
	for d := 0; d < n; d++ {
		if k := m - d; k > 0 && k < n && r.key(k-1) != r.key(k) {
			return k
		}
		if k := m + d; k > 0 && k < n && r.key(k-1) != r.key(k) {
			return k
		}
	}
	return 0
}
