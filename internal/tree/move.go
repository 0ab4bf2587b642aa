package tree

// A Place is the place of an entry of a Sorted. It is valid until the next change of the tree. The
// zero value is ready for [Sorted.Locate].
type Place struct {
	c      change
	member []byte
}

// Locate makes pl the place of an entry, and reports whether the entry exists.
func (t Sorted) Locate(pl *Place, root *Root, score uint64, member []byte) bool {
	pl.member = member
	pl.c.begin(t.Space, t.Tx, root, t.Frozen)
	return pl.c.seekMember(score, member)
}

// Move changes the score of the entry at a place, and reports whether it did. It only moves an
// entry whose leaf it can change without new memory, so that it can put the entry back if memory
// for the new place is refused. Otherwise it changes nothing. With Insert and Delete instead, which
// search for the member again, ZADD takes 28% longer. The member must not have the new score, too.
func (t Sorted) Move(pl *Place, score uint64) (moved bool, err error) {
	c := &pl.c
	st, leaf := c.leaf()
	i := int(st.index)
	size := leaf.bytes() - leaf.size(i, i+1)
	// The first entry is the lower bound of its leaf: it could get another place after its removal.
	if i == 0 || leaf.external(i) || c.isUntidy(leaf, size) || !c.writable(leaf) || !c.adjust(-1) {
		return false, nil
	}
	t.Frozen = Epoch(max(c.frozen, 1)) // a later pin is not of this tree
	old := leaf.key(i)
	leaf.removeEntries(i, i+1)
	if _, err := t.Insert(c.root, score, pl.member); err != nil {
		_, _ = t.Insert(c.root, old, pl.member)
		return false, err
	}
	return true, nil
}
