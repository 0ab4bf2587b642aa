package tree

import "bytes"

// A Sorted changes and reads trees whose entries are in the order of a score and then of the bytes
// of a member. A tree has each pair once. [Score] makes a score of a floating-point number.
// A member must not alias memory of the Space.
type Sorted struct {
	Space  *Space
	Tx     *Tx   // nil outside a transaction
	Frozen Epoch // of Space.Frozen, or 0 for the newest pin at each change
}

// Insert inserts an entry, and reports whether it was missing.
func (t Sorted) Insert(root *Root, score uint64, member []byte) (inserted bool, err error) {
	var c change
	c.begin(t.Space, t.Tx, root, t.Frozen)
	if c.seekMember(score, member) {
		return false, nil
	}
	err = c.replace(kindSorted, 0, newEntry(score, member))
	return err == nil, err
}

// Delete deletes an entry, and reports whether it existed.
func (t Sorted) Delete(root *Root, score uint64, member []byte) (existed bool, err error) {
	var c change
	c.begin(t.Space, t.Tx, root, t.Frozen)
	if !c.seekMember(score, member) {
		return false, nil
	}
	err = c.remove(int(c.path[root.Height-1].index) + 1)
	return err == nil, err
}

// DeleteRange deletes the entries from rank from up to, but not including, rank to. Its time does
// not depend on the number of entries: Reclaim frees the pages.
func (t Sorted) DeleteRange(root *Root, from, to uint64) error {
	return deleteRange(t.Space, t.Tx, root, from, to)
}

// Has reports whether an entry exists.
func (t Sorted) Has(root Root, score uint64, member []byte) bool {
	c := change{space: t.Space, root: &root}
	return c.seekMember(score, member)
}

// Rank returns the number of entries before an entry, and reports whether the entry exists.
func (t Sorted) Rank(root Root, score uint64, member []byte) (rank uint64, ok bool) {
	return t.Space.rankOf(root, score, member)
}

// Seek returns the rank of the first entry that is not before the given one. Unless inclusive is
// set, the given entry is skipped, too. The rank of the first entry with a score of at least s is
// Seek(root, s, nil, true).
func (t Sorted) Seek(root Root, score uint64, member []byte, inclusive bool) (rank uint64) {
	rank, ok := t.Space.rankOf(root, score, member)
	if ok && !inclusive {
		rank++
	}
	return rank
}

// At returns the entry at a rank, which must be less than the number of entries.
func (t Sorted) At(root Root, rank uint64) (score uint64, member []byte) {
	var pt path
	p := pt.seekRank(t.Space, root, rank)
	i := int(pt[root.Height-1].index)
	return p.scoreAt(i), t.Space.slotEntry(p, i)
}

// From returns a Cursor before the entry at a rank, which may be the number of entries.
func (t Sorted) From(root Root, rank uint64) Cursor { return newCursor(t.Space, root, rank) }

// Check is like [Map.Check].
func (t Sorted) Check(root Root) error { return t.Space.check(kindSorted, root) }

func (p page) scoreAt(i int) uint64 { return u64(p[headerSize+10*i:]) }

// seekMember makes the path lead to an entry or else to the place where to insert it, and reports
// whether it exists.
func (c *change) seekMember(score uint64, member []byte) bool {
	c.seekLeaf(score, member)
	return c.seekEntry(score, member)
}

// seekLeaf makes the path lead to the leaf of an entry, and fetches that.
func (c *change) seekLeaf(score uint64, member []byte) {
	if c.root.Height == 0 {
		return
	}
	ref := c.root.Ref
	last := int(c.root.Height) - 1
	for level := range last {
		p := c.space.page(ref)
		i := c.space.childOfMember(p, last-1-level, score, member)
		c.path[level] = step{ref, int32(i)}
		ref = p.childRef(i)
		if level == last-1 {
			c.space.prefetch(ref, slotsEnd(kindSorted, p.childCount(i)))
		}
	}
	c.path[last] = step{ref: ref}
}

// seekEntry is the part of seekMember after seekLeaf.
func (c *change) seekEntry(score uint64, member []byte) bool {
	if c.root.Height == 0 {
		return false
	}
	at, leaf := c.leaf()
	i, ok := c.space.memberIndex(leaf, score, member)
	at.index = int32(i)
	return ok
}

// rankOf returns the number of entries before the given one, and reports whether that exists.
func (s *Space) rankOf(root Root, score uint64, member []byte) (rank uint64, ok bool) {
	if root.Height == 0 {
		return 0, false
	}
	ref := root.Ref
	for level := int(root.Height) - 2; level >= 0; level-- {
		p := s.page(ref)
		i := s.childOfMember(p, level, score, member)
		ref = p.childRef(i)
		if level == 0 {
			s.prefetch(ref, slotsEnd(kindSorted, p.childCount(i)))
		}
		rank += p.countBefore(i)
	}
	i, ok := s.memberIndex(s.page(ref), score, member)
	return rank + uint64(i), ok
}

// childOfMember returns the last child whose first entry is not after the given one, or the first
// child. The children are at a level, 0 for leaves. Only if keys are equal to the score, it
// compares members.
func (s *Space) childOfMember(p page, level int, score uint64, member []byte) int {
	last := p.childOf(score)
	if p.childKey(last) != score {
		return last
	}
	first := last
	for first > 0 && p.childKey(first-1) == score {
		first--
	}
	lo, hi := first-1, last+1 // the first entry of lo is not after the given one, that of hi is
	for hi-lo > 1 {
		mid := int(uint(lo+hi) / 2)
		if bytes.Compare(s.firstMember(p.childRef(mid), level), member) <= 0 {
			lo = mid
		} else {
			hi = mid
		}
	}
	return max(lo, 0)
}

// firstMember returns the member of the first entry below the page at ref, at a level.
func (s *Space) firstMember(ref uint32, level int) []byte {
	for ; level > 0; level-- {
		ref = s.page(ref).childRef(0)
	}
	return s.slotEntry(s.page(ref), 0)
}

// memberIndex returns the number of entries of a leaf before the given one, and reports whether
// the leaf has the given one.
func (s *Space) memberIndex(p page, score uint64, member []byte) (i int, ok bool) {
	lo, hi := 0, p.n()
	slots := p[headerSize : headerSize+10*hi]
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		key := u64(slots[10*mid:])
		before := key < score
		if key == score {
			order := bytes.Compare(s.slotEntry(p, mid), member)
			if order == 0 {
				return mid, true
			}
			before = order < 0
		}
		if before {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, false
}
