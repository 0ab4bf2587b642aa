package tree

// A Map changes and reads trees whose entries are in the order of a hash of 32 bits. The caller
// computes the hash, and decides with a function whether an entry is the one that it looks for.
// The bytes of an entry must not alias memory of the Space.
type Map struct {
	Space  *Space
	Tx     *Tx   // nil outside a transaction
	Frozen Epoch // of Space.Frozen, or 0 for the newest pin at each change
}

// Find returns the entry with a hash for which eq returns true. It is valid until the next change.
func (m Map) Find(root Root, hash uint32, eq func(entry []byte) bool) (entry []byte, ok bool) {
	if root.Height == 0 {
		return nil, false
	}
	p := m.Space.leafOf(root, uint64(hash))
	n := p.n()
	for i := p.hashIndex(hash); i < n && p.hashAt(i) == hash; i++ {
		if entry := m.Space.slotEntry(p, i); eq(entry) {
			return entry, true
		}
	}
	return nil, false
}

// Put stores an entry. It replaces the entry with the same hash for which eq returns true, and
// reports whether there was one.
func (m Map) Put(root *Root, hash uint32, eq func(entry []byte) bool, entry []byte) (replaced bool, err error) {
	var c change
	c.begin(m.Space, m.Tx, root, m.Frozen)
	found := c.seekHash(hash, eq)
	if found && c.overwrite(entry) {
		return true, nil
	}
	cut := 0
	if found {
		cut = 1
	}
	return found, c.replace(kindMap, cut, newEntry(uint64(hash), entry))
}

// Edit is Find for a caller that changes the entry. It reports whether the bytes may be
// overwritten.
func (m Map) Edit(root *Root, hash uint32, eq func(entry []byte) bool) (entry []byte, ok, writable bool) {
	var c change
	c.begin(m.Space, m.Tx, root, m.Frozen)
	if !c.seekHash(hash, eq) {
		return nil, false, false
	}
	st, p := c.leaf()
	i := int(st.index)
	return m.Space.slotEntry(p, i), true, !p.external(i) && c.writable(p)
}

// Add stores an entry, unless there is one with the same hash for which eq returns true. It reports
// whether it has stored the entry.
func (m Map) Add(root *Root, hash uint32, eq func(entry []byte) bool, entry []byte) (added bool, err error) {
	var c change
	c.begin(m.Space, m.Tx, root, m.Frozen)
	if c.seekHash(hash, eq) {
		return false, nil
	}
	err = c.replace(kindMap, 0, newEntry(uint64(hash), entry))
	return err == nil, err
}

// Delete deletes the entry with a hash for which eq returns true, and reports whether there was
// one.
func (m Map) Delete(root *Root, hash uint32, eq func(entry []byte) bool) (existed bool, err error) {
	var c change
	c.begin(m.Space, m.Tx, root, m.Frozen)
	if !c.seekHash(hash, eq) {
		return false, nil
	}
	err = c.remove(int(c.path[root.Height-1].index) + 1)
	return err == nil, err
}

// At returns the hash and the entry at a rank, which must be less than the number of entries.
func (m Map) At(root Root, rank uint64) (hash uint32, entry []byte) {
	var pt path
	p := pt.seekRank(m.Space, root, rank)
	i := int(pt[root.Height-1].index)
	return p.hashAt(i), m.Space.slotEntry(p, i)
}

// Seek returns the number of entries with a smaller hash.
func (m Map) Seek(root Root, hash uint32) (rank uint64) {
	if root.Height == 0 {
		return 0
	}
	ref := root.Ref
	for range root.Height - 1 {
		p := m.Space.page(ref)
		i := p.childOf(uint64(hash))
		rank += p.countBefore(i)
		ref = p.childRef(i)
	}
	return rank + uint64(m.Space.page(ref).hashIndex(hash))
}

// From returns a Cursor before the entry at a rank, which may be the number of entries.
func (m Map) From(root Root, rank uint64) Cursor { return newCursor(m.Space, root, rank) }

// leafOf returns the leaf that contains the entries with a key, if there are any.
func (s *Space) leafOf(root Root, key uint64) page {
	ref := root.Ref
	for level := root.Height - 1; level > 0; level-- {
		p := s.page(ref)
		i := p.childOf(key)
		ref = p.childRef(i)
		if level == 1 {
			s.prefetch(ref, slotsEnd(kindMap, p.childCount(i)))
		}
	}
	return s.page(ref)
}

func (p page) hashAt(i int) uint32 { return u32(p[headerSize+6*i:]) }

// hashIndex returns the number of entries of a leaf with a smaller hash.
func (p page) hashIndex(hash uint32) int {
	lo, hi := 0, p.n()
	slots := p[headerSize : headerSize+6*hi]
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if u32(slots[6*mid:]) < hash {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// seekHash makes the path lead to the entry with a hash for which eq returns true, or else to the
// place of a new entry. It reports whether there is such an entry.
func (c *change) seekHash(hash uint32, eq func(entry []byte) bool) bool {
	if c.root.Height == 0 {
		return false
	}
	ref := c.root.Ref
	last := int(c.root.Height) - 1
	for level := range last {
		p := c.space.page(ref)
		i := p.childOf(uint64(hash))
		c.path[level] = step{ref, int32(i)}
		ref = p.childRef(i)
		if level == last-1 {
			c.space.prefetch(ref, slotsEnd(kindMap, p.childCount(i)))
		}
	}
	p := c.space.page(ref)
	n, i := p.n(), p.hashIndex(hash)
	for ; i < n && p.hashAt(i) == hash; i++ {
		if eq(c.space.slotEntry(p, i)) {
			c.path[last] = step{ref, int32(i)}
			return true
		}
	}
	c.path[last] = step{ref, int32(i)}
	return false
}

// overwrite replaces the bytes of the entry at the end of the path, if that needs no memory and
// moves nothing.
func (c *change) overwrite(entry []byte) bool {
	st, p := c.leaf()
	i := int(st.index)
	if p.external(i) || len(entry) > maxInline || !c.writable(p) {
		return false
	}
	b := p.stored(i)
	if len(b) != len(entry) {
		return false
	}
	copy(b, entry)
	return true
}
