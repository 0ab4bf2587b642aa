package tree

import "math"

// change is one change of a tree.
//
// It finds the path to the leaf, orders all memory that it needs from the leaf up to the root, and
// then writes the pages in the same order. A page with an epoch that is not frozen is changed in
// place if it has room. Otherwise a new page, or two if the contents are too long for one, replaces
// it in its parent.
type change struct {
	space  *Space
	tx     *Tx
	root   *Root
	frozen uint64 // pages of this epoch or an older one are frozen
	path   path
	stock  stock
}

// begin prepares c for a change of root. frozen is the result of Space.Frozen, or 0 to call it now.
func (c *change) begin(s *Space, tx *Tx, root *Root, frozen Epoch) {
	c.space, c.tx, c.root, c.frozen = s, tx, root, uint64(frozen)
	switch {
	case frozen == 0:
		c.frozen = s.frozen.Load()
	case tx != nil:
		c.frozen = max(c.frozen, uint64(tx.pin))
	}
}

// leaf returns the last step of the path and its page.
func (c *change) leaf() (*step, page) {
	st := &c.path[c.root.Height-1]
	return st, c.space.page(st.ref)
}

func (c *change) writable(p page) bool { return epochOf(p) > c.frozen }

// replace replaces cut entries at the end of the path, 0 or 1, by e. If the bytes of e are long, it
// stores them as a value.
func (c *change) replace(k kind, cut int, e entry) error {
	if cut == 0 && c.root.Count == math.MaxUint32 {
		return ErrFull
	}
	if len(e.bytes) > maxInline {
		e.length = len(e.bytes)
		c.stock.order(kindValue, headerSize+e.length)
	}
	if c.root.Height == 0 {
		return c.plant(k, &e)
	}
	at, leaf := c.leaf()
	r := revised{leaf: leaf, ref: at.ref, i: int(at.index), cut: cut, e: &e}
	pages, split := c.planLeaf(&r)
	if pages < 0 {
		return ErrFull
	}
	if pages == 0 && cut == 0 && !e.isValue() && c.adjust(1) {
		leaf.replaceEntries(r.i, 0, &e)
		c.adjustKey(leaf)
		return nil
	}
	moved := pages > 0 || cut == 0 // otherwise nothing changes above the leaf
	if moved && !c.planInner(max(pages, 1)) {
		return ErrFull
	}
	if err := c.deliver(); err != nil {
		return err
	}
	c.storeValue(&e)
	if cut > 0 && leaf.values() > 0 {
		leaf.visitValues(r.i, r.i+cut, c.discard)
	}
	children, n := c.writeLeaf(&r, pages, split)
	c.root.Count += uint64(1 - cut)
	if moved {
		c.climb(children, n, 1-cut)
	}
	return nil
}

// adjust adds delta to the number of entries and to the counts on the path, if none of its inner
// pages is frozen. Otherwise it changes nothing and returns false. It is the fast path for a leaf
// that is changed in place.
func (c *change) adjust(delta int) bool {
	inner := c.path[:c.root.Height-1]
	for _, st := range inner {
		if epochOf(c.space.memory.At(st.ref)) <= c.frozen {
			return false
		}
	}
	for _, st := range inner {
		p := c.space.page(st.ref)
		count := p[p.countAt(int(st.index)):]
		putU32(count, u32(count)+uint32(delta))
	}
	c.root.Count += uint64(delta)
	return true
}

// adjustKey updates the keys on the path after the leaf was changed in place.
func (c *change) adjustKey(leaf page) {
	if leaf.kind() == kindList {
		return // all keys are 0
	}
	level := int(c.root.Height) - 1
	for ; level > 0 && c.path[level].index == 0; level-- {
		up := c.path[level-1]
		p := c.space.page(up.ref)
		putU64(p[p.keyAt(int(up.index)):], leaf.firstKey())
	}
}

// plant makes a tree of one entry.
func (c *change) plant(k kind, e *entry) error {
	c.stock.order(k, headerSize+entrySize(k, e))
	if err := c.deliver(); err != nil {
		return err
	}
	c.storeValue(e)
	ref, p := c.take()
	p.appendEntry(e)
	*c.root = Root{Ref: ref, Height: 1, Count: 1}
	return nil
}

// storeValue writes the value of an entry that is stored outside its page.
func (c *change) storeValue(e *entry) {
	if e.isValue() {
		e.ref = c.stock.items[c.stock.taken].ref
		c.stock.taken++
		copy(c.space.memory.At(e.ref)[headerSize:], e.bytes)
	}
}

// planLeaf orders the pages that replace the leaf, and returns their number: none if the leaf is
// changed in place, or -1 if it is full. The first of two pages gets split entries.
func (c *change) planLeaf(r *revised) (pages, split int) {
	k, n := r.leaf.kind(), r.n()
	size := headerSize + r.total()
	if isFull(k, n, size) && n > 1 {
		inner := int(c.root.Height) - 1
		if split = r.splitPoint(c.atEdge(inner, false), c.atEdge(inner, true)); split > 0 {
			first := r.size(split)
			c.stock.order(k, headerSize+first)
			c.stock.order(k, size-first)
			size = headerSize + max(first, size-headerSize-first)
			pages = 2
		}
	}
	if size > maxLeaf {
		return -1, 0
	}
	if pages == 0 && (size > len(r.leaf) || !c.writable(r.leaf)) {
		c.stock.order(k, c.withRoom(r, size))
		pages = 1
	}
	return pages, split
}

// withRoom returns the size of the memory for a leaf of size bytes. The first or the last leaf gets
// 25% more if an entry is pushed there, since others are likely to follow. A push takes 12% less
// time, because it moves the leaf less often.
func (c *change) withRoom(r *revised, size int) int {
	inner := int(c.root.Height) - 1
	if inner == 0 || r.cut > 0 || size > maxPage {
		return size
	}
	if r.i == 0 && c.atEdge(inner, false) || r.i == r.n()-1 && c.atEdge(inner, true) {
		return min(size+size/4, maxPage)
	}
	return size
}

// atEdge reports whether the first levels of the path lead to the first or to the last child.
func (c *change) atEdge(levels int, last bool) bool {
	for _, st := range c.path[:levels] {
		if !last && st.index != 0 || last && int(st.index) != c.space.page(st.ref).n()-1 {
			return false
		}
	}
	return true
}

// writeLeaf writes the leaf as planned, and returns the children for its parent.
func (c *change) writeLeaf(r *revised, pages, split int) (children [2]child, n int) {
	st, p := c.leaf()
	switch pages {
	case 0:
		p.replaceEntries(r.i, r.cut, r.e)
		return [2]child{describe(st.ref, p)}, 1
	case 1:
		ref, q := c.take()
		r.appendTo(q, 0, r.n())
		c.discard(st.ref)
		st.ref = ref
		return [2]child{describe(ref, q)}, 1
	}
	ref1, q1 := c.take()
	ref2, q2 := c.take()
	r.appendTo(q1, 0, split)
	r.appendTo(q2, split, r.n())
	c.discard(st.ref)
	return [2]child{describe(ref1, q1), describe(ref2, q2)}, 2
}

// describe returns the child that a page is to its parent.
func describe(ref uint32, p page) child {
	return child{key: p.firstKey(), count: p.below(), ref: ref}
}

// shape returns the number of pages that replace an inner page if it is to have n children: none if
// it is changed in place or removed.
func (c *change) shape(p page, n int) int {
	switch {
	case n > maxChildren:
		return 2
	case n > 0 && (n > p.room() || !c.writable(p)):
		return 1
	}
	return 0
}

// planInner orders the inner pages for a change of the leaf, which n leaves replace. It returns
// false if the tree would get too high.
func (c *change) planInner(n int) bool {
	for level := int(c.root.Height) - 2; level >= 0; level-- {
		p := c.space.page(c.path[level].ref)
		total := p.n() - 1 + n
		pages := c.shape(p, total)
		switch pages {
		case 1:
			c.stock.order(kindInner, headerSize+total*childSize)
		case 2:
			first := c.splitInner(level, total)
			c.stock.order(kindInner, headerSize+first*childSize)
			c.stock.order(kindInner, headerSize+(total-first)*childSize)
		}
		n = max(pages, min(total, 1))
	}
	if n == 2 {
		c.stock.order(kindInner, headerSize+2*childSize)
	}
	return n < 2 || c.root.Height < maxHeight
}

// splitInner returns the number of children for the first of two pages. Pages remain full if a tree
// is built in order.
func (c *change) splitInner(level, total int) int {
	switch int(c.path[level].index) {
	case total - 2:
		if c.atEdge(level, true) {
			return total - 1
		}
	case 0:
		if c.atEdge(level, false) {
			return 1
		}
	}
	return total / 2
}

// climb replaces the leaf in its parent by children[:n], and so on up to the root. The number of
// entries changes by delta.
func (c *change) climb(children [2]child, n, delta int) {
	for level := int(c.root.Height) - 2; level >= 0; level-- {
		st := &c.path[level]
		p := c.space.page(st.ref)
		i, total := int(st.index), p.n()-1+n
		switch c.shape(p, total) {
		case 0:
			if total == 0 {
				c.discard(st.ref)
				n = 0
				continue
			}
			p.replaceChild(i, children[:n])
			children[0] = child{key: p.childKey(0), ref: st.ref}
		case 1:
			ref, q := c.take()
			q.appendRevised(p, i, children[:n], 0, total)
			c.discard(st.ref)
			st.ref = ref
			children[0] = child{key: q.childKey(0), ref: ref}
		case 2:
			m := c.splitInner(level, total)
			ref1, q1 := c.take()
			ref2, q2 := c.take()
			q1.appendRevised(p, i, children[:n], 0, m)
			q2.appendRevised(p, i, children[:n], m, total)
			c.discard(st.ref)
			children = [2]child{describe(ref1, q1), describe(ref2, q2)}
			n = 2
			continue
		}
		n = 1
		if level > 0 {
			up := &c.path[level-1]
			children[0].count = uint32(int(c.space.page(up.ref).childCount(int(up.index))) + delta)
		}
	}
	c.setTop(children, n)
}

// setTop makes children[:n] the top of the tree.
func (c *change) setTop(children [2]child, n int) {
	switch n {
	case 0:
		*c.root = Root{}
	case 1:
		c.root.Ref = children[0].ref
	case 2:
		ref, p := c.take()
		p.appendChild(children[0])
		p.appendChild(children[1])
		c.root.Ref = ref
		c.root.Height++
	}
}
