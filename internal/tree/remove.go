package tree

// remove removes the entries from the end of the path up to index to of its leaf.
func (c *change) remove(to int) error {
	st, leaf := c.leaf()
	from, n := int(st.index), leaf.n()
	rest, removed := n-(to-from), leaf.size(from, to)
	copied := rest > 0 && !c.writable(leaf)
	untidy := rest == 0 || c.isUntidy(leaf, rest, leaf.bytes()-removed)
	rank := uint64(0)
	if untidy {
		rank = c.rank()
	}
	if rest > 0 && !copied && c.adjust(from-to) {
		c.removeInPlace(leaf, from, to, removed)
	} else if err := c.removeFrom(leaf, to, removed, copied); err != nil {
		return err
	}
	if untidy {
		c.tidy(rank)
	}
	return nil
}

// removeInPlace is remove for a leaf after adjust. The removed entries have size bytes.
func (c *change) removeInPlace(leaf page, from, to, size int) {
	if leaf.values() > 0 {
		leaf.visitValues(from, to, c.discard)
	}
	leaf.removeEntries(from, to, size)
	c.adjustKey(leaf)
}

// removeFrom is remove for a leaf that is copied or becomes empty, or whose parent is copied.
func (c *change) removeFrom(leaf page, to, size int, copied bool) error {
	st := &c.path[c.root.Height-1]
	from, n := int(st.index), leaf.n()
	rest := n - (to - from)
	if copied {
		c.stock.order(leaf.kind(), leaf.bytes()-size)
	}
	c.planInner(min(rest, 1))
	if err := c.deliver(); err != nil {
		return err
	}
	if leaf.values() > 0 {
		leaf.visitValues(from, to, c.discard)
	}
	switch {
	case rest == 0:
		c.discard(st.ref)
	case copied:
		ref, q := c.take()
		q.appendRange(leaf, 0, from)
		q.appendRange(leaf, to, n)
		c.discard(st.ref)
		leaf, st.ref = q, ref
	default:
		leaf.removeEntries(from, to, size)
	}
	var children [2]child
	if rest > 0 {
		children[0] = describe(st.ref, leaf)
	}
	c.root.Count -= uint64(to - from)
	c.climb(children, min(rest, 1), from-to)
	return nil
}

// rank returns the number of entries before the end of the path.
func (c *change) rank() (rank uint64) {
	last := int(c.root.Height) - 1
	for _, st := range c.path[:last] {
		rank += c.space.page(st.ref).countBefore(int(st.index))
	}
	return rank + uint64(c.path[last].index)
}

// isScant reports whether a page of a kind, with n children or entries of size bytes, should merge
// with a neighbor.
func isScant(k kind, n, size int) bool {
	return size < maxPage/4 && (k != kindList || n < maxPacked/4)
}

// isUntidy reports whether a leaf that is to have n entries of a size should merge or shrink.
func (c *change) isUntidy(leaf page, n, size int) bool {
	return c.root.Height > 1 && isScant(leaf.kind(), n, size) || isWaste(len(leaf), size)
}

// isWaste reports whether contents of a size should move to less memory.
func isWaste(memory, size int) bool { return memory-size > max(memory/4, 64) }

// tidy merges the pages on the path to the entry at rank, if they are underfull, with a neighbor,
// and moves the leaf to less memory if it is wasteful. It changes no contents, and needs not
// succeed: it only changes parents that are not frozen, and stops if memory runs out.
func (c *change) tidy(rank uint64) {
	if c.root.Count == 0 {
		return
	}
	c.seekRank(min(rank, c.root.Count-1))
	for level := int(c.root.Height) - 1; level >= 0; level-- {
		p := c.space.page(c.path[level].ref)
		ok := true
		switch {
		case level > 0 && !c.writable(c.space.page(c.path[level-1].ref)):
			return
		case level > 0 && isScant(p.kind(), p.n(), p.bytes()):
			ok = c.merge(level)
		case p.kind() != kindInner && isWaste(len(p), p.bytes()):
			ok = c.shrink(level)
		}
		if !ok {
			return
		}
	}
	for c.root.Height > 1 {
		p := c.space.page(c.root.Ref)
		if p.n() > 1 {
			return
		}
		ref := p.childRef(0)
		c.discard(c.root.Ref)
		c.root.Ref = ref
		c.root.Height--
	}
}

// merge merges the page on the path at a level with the smaller of its neighbors, if both fit in
// 3/4 of a page. It returns false if memory runs out.
func (c *change) merge(level int) bool {
	up := &c.path[level-1]
	parent := c.space.page(up.ref)
	i := int(up.index) // merge children i and i+1
	size := func(i int) int {
		if i < 0 || i >= parent.n() {
			return maxLeaf
		}
		return c.space.page(parent.childRef(i)).bytes()
	}
	if size(i-1) < size(i+1) {
		i--
	}
	total := size(i) + size(i+1) - headerSize
	if total > maxPage*3/4 {
		return true
	}
	left, right := parent.child(i), parent.child(i+1)
	p, q := c.space.page(left.ref), c.space.page(right.ref)
	if p.kind() == kindList && p.n()+q.n() > maxPacked*3/4 {
		return true
	}
	c.stock = stock{}
	c.stock.order(p.kind(), total)
	if c.deliver() != nil {
		return false
	}
	ref, merged := c.take()
	merged.appendRange(p, 0, p.n())
	merged.appendRange(q, 0, q.n())
	c.discard(left.ref)
	c.discard(right.ref)
	parent.shiftChildren(i+1, i)
	parent.setChild(i, child{key: left.key, count: left.count + right.count, ref: ref})
	c.path[level].ref, up.index = ref, int32(i)
	return true
}

// shrink moves the page on the path at a level to memory of its size. It returns false if memory
// runs out.
func (c *change) shrink(level int) bool {
	st := &c.path[level]
	p := c.space.page(st.ref)
	c.stock = stock{}
	c.stock.order(p.kind(), p.bytes())
	if c.deliver() != nil {
		return false
	}
	ref, q := c.take()
	q.appendRange(p, 0, p.n())
	c.discard(st.ref)
	st.ref = ref
	if level == 0 {
		c.root.Ref = ref
		return true
	}
	up := &c.path[level-1]
	parent := c.space.page(up.ref)
	k := parent.child(int(up.index))
	k.ref = ref
	parent.setChild(int(up.index), k)
	return true
}
