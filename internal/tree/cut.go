package tree

// deleteRange deletes the entries from rank from up to, but not including, rank to. It drops whole
// subtrees, and changes only the pages on the paths to both ends of the range.
func deleteRange(s *Space, tx *Tx, root *Root, from, to uint64) error {
	if from >= to {
		return nil
	}
	var c change
	c.begin(s, tx, root, 0)
	if from == 0 && to == root.Count {
		c.drop(root.Ref)
		*root = Root{}
		return nil
	}
	c.planCut(root.Ref, from, to)
	if err := c.deliver(); err != nil {
		return err
	}
	root.Ref = c.cut(root.Ref, from, to)
	root.Count -= to - from
	c.tidy(from)
	if from > 0 {
		c.tidy(from - 1)
	}
	return nil
}

// An overlap is the part of a range of ranks that is below child i of an inner page.
type overlap struct {
	i        int
	from, to uint64 // relative to the child
	whole    bool
}

// overlaps calls fn for every child of an inner page that has entries of a range.
func (p page) overlaps(from, to uint64, fn func(o overlap)) {
	i, rest := p.childAt(from, uint64(p.below()))
	start := from - rest
	for ; i < p.n() && start < to; i++ {
		count := uint64(p.childCount(i))
		o := overlap{i: i, from: max(from, start) - start, to: min(to, start+count) - start}
		o.whole = o.from == 0 && o.to == count
		fn(o)
		start += count
	}
}

// planCut orders copies of the frozen pages that contain a part of a range, but not only a part of
// the range.
func (c *change) planCut(ref uint32, from, to uint64) {
	p := c.space.page(ref)
	if !c.writable(p) {
		c.stock.order(p.kind(), p.bytes())
	}
	if p.kind() != kindInner {
		return
	}
	p.overlaps(from, to, func(o overlap) {
		if !o.whole {
			c.planCut(p.childRef(o.i), o.from, o.to)
		}
	})
}

// cut removes a range from a page and everything below it, and returns the ref of the page.
func (c *change) cut(ref uint32, from, to uint64) uint32 {
	p := c.space.page(ref)
	if !c.writable(p) {
		old := ref
		var q page
		ref, q = c.take()
		q.appendRange(p, 0, p.n())
		c.discard(old)
		p = q
	}
	if p.kind() != kindInner {
		if p.values() > 0 {
			p.visitValues(int(from), int(to), c.discard)
		}
		p.removeEntries(int(from), int(to), p.size(int(from), int(to)))
		return ref
	}
	first, last := 0, 0 // the children that are dropped
	p.overlaps(from, to, func(o overlap) {
		if o.whole {
			if first == last {
				first = o.i
			}
			last = o.i + 1
			c.drop(p.childRef(o.i))
			return
		}
		below := c.cut(p.childRef(o.i), o.from, o.to)
		p.setChild(o.i, describe(below, c.space.page(below)))
	})
	if first < last {
		p.shiftChildren(last, first)
	}
	return ref
}
