package tree

// A Place is where a Sorted has an entry, or would have it. The zero value is ready for
// [Sorted.Aim] and [Sorted.Locate]. It is valid until the next change of the tree, except for the
// removal that [Sorted.Move] makes.
type Place struct {
	c      change
	score  uint64
	member []byte
}

// Aim makes pl the place of an entry, and fetches its leaf, for which it does not wait. Callers
// that need several leaves aim first, and wait once: ZADD takes 12% less time.
func (t Sorted) Aim(pl *Place, root *Root, score uint64, member []byte) {
	pl.score, pl.member = score, member
	pl.c.begin(t.Space, t.Tx, root, t.Frozen)
	pl.c.seekLeaf(score, member)
}

// Locate is Aim, and reports whether the entry exists.
func (t Sorted) Locate(pl *Place, root *Root, score uint64, member []byte) bool {
	t.Aim(pl, root, score, member)
	return pl.c.seekEntry(score, member)
}

// InsertAt inserts the entry of a place, which must be missing.
func (t Sorted) InsertAt(pl *Place) error {
	pl.c.seekEntry(pl.score, pl.member)
	return pl.c.replace(kindSorted, 0, newEntry(pl.score, pl.member))
}

// Move moves the entry that Locate has found to another place, and reports whether it did. It only
// moves an entry whose leaf it can change without new memory, so that it can put the entry back if
// memory for the new place is refused. Otherwise it changes nothing. With Insert and Delete
// instead, which search for the member again, ZADD takes 28% longer.
func (t Sorted) Move(from, to *Place) (moved bool, err error) {
	c := &from.c
	st, leaf := c.leaf()
	i := int(st.index)
	size := leaf.size(i, i+1)
	// The first entry is the lower bound of its leaf: it could get another place after its removal.
	if i == 0 || leaf.external(i) || c.isUntidy(leaf, leaf.n()-1, leaf.bytes()-size) || !c.writable(leaf) || !c.adjust(-1) {
		return false, nil
	}
	leaf.removeEntries(i, i+1, size)
	if err := t.InsertAt(to); err != nil {
		t.Frozen = Epoch(max(c.frozen, 1)) // a later pin is not of this tree
		_, _ = t.Insert(c.root, from.score, from.member)
		return false, err
	}
	return true, nil
}
