package tree

// A List changes and reads trees whose entries are in the order in which they were inserted by
// position. The bytes of an entry must not alias memory of the Space.
type List struct {
	Space *Space
	Tx    *Tx // nil outside a transaction
}

// Get returns the entry at index i, which must be less than the number of entries. It is valid
// until the next change.
func (t List) Get(root Root, i uint64) (entry []byte) {
	var pt path
	p := pt.seekRank(t.Space, root, i)
	entry, _ = t.Space.packedEntry(p, p.offset(int(pt[root.Height-1].index)))
	return entry
}

// Insert inserts an entry before the one at index i, which may be the number of entries.
func (t List) Insert(root *Root, i uint64, entry []byte) error {
	var c change
	c.begin(t.Space, t.Tx, root, 0)
	if root.Height > 0 {
		c.seekRank(i)
	}
	return c.replace(kindList, 0, newEntry(0, entry))
}

// Set replaces the entry at index i, which must be less than the number of entries.
func (t List) Set(root *Root, i uint64, entry []byte) error {
	var c change
	c.begin(t.Space, t.Tx, root, 0)
	c.seekRank(i)
	return c.replace(kindList, 1, newEntry(0, entry))
}

// Delete deletes the entry at index i, which must be less than the number of entries.
func (t List) Delete(root *Root, i uint64) error {
	var c change
	c.begin(t.Space, t.Tx, root, 0)
	c.seekRank(i)
	return c.remove(int(c.path[root.Height-1].index) + 1)
}

// DeleteRange deletes the entries from index from up to, but not including, index to. Its time does
// not depend on the number of entries: Reclaim frees the pages.
func (t List) DeleteRange(root *Root, from, to uint64) error {
	if to == from+1 {
		return t.Delete(root, from)
	}
	return deleteRange(t.Space, t.Tx, root, from, to)
}

// From returns a Cursor before the entry at index i, which may be the number of entries.
func (t List) From(root Root, i uint64) Cursor { return newCursor(t.Space, root, i) }

// Check is like [Map.Check].
func (t List) Check(root Root) error { return t.Space.check(kindList, root) }
