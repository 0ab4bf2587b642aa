package tree

// A Cursor reads consecutive entries of a tree in both directions. Its position is between two
// entries. A Cursor is valid until the next change of the tree, or as long as a pin retains the
// Root.
type Cursor struct {
	space *Space
	path  path
	last  int // index of the leaf in path; -1 if the tree is empty
	leaf  page
	index int // number of entries of the leaf before the position
	key   uint64
	entry []byte

	offset  int                 // in a List, of the entry at index
	offsets [cursorBlock]uint16 // in a List, of the entries from index block*cursorBlock
	block   int                 // -1 if offsets is not set
}

// cursorBlock is the number of entries of a List whose offsets a Cursor remembers to move
// backward.
const cursorBlock = 32

func newCursor(s *Space, root Root, rank uint64) Cursor {
	c := Cursor{space: s, last: int(root.Height) - 1}
	if c.last >= 0 {
		c.leaf = c.path.seekRank(s, root, rank)
		c.enter(int(c.path[c.last].index))
	}
	return c
}

// Key returns the hash or the score of the current entry: the one that Next or Prev has passed.
func (c *Cursor) Key() uint64 { return c.key }

// Entry returns the bytes of the current entry. A List and a Map return what was stored, a Sorted
// returns the member.
func (c *Cursor) Entry() []byte { return c.entry }

// Next moves forward over one entry, which becomes the current one. It returns false at the end.
func (c *Cursor) Next() bool {
	if c.last < 0 || c.index == c.leaf.n() && !c.turn(1) {
		return false
	}
	if c.leaf.kind() == kindList {
		c.entry, c.offset = c.space.packedEntry(c.leaf, c.offset)
	} else {
		c.key, c.entry = c.leaf.key(c.index), c.space.slotEntry(c.leaf, c.index)
	}
	c.index++
	return true
}

// Prev moves backward over one entry, which becomes the current one. It returns false at the start.
func (c *Cursor) Prev() bool {
	if c.last < 0 || c.index == 0 && !c.turn(-1) {
		return false
	}
	c.index--
	if c.leaf.kind() == kindList {
		c.offset = c.offsetBefore()
		c.entry, _ = c.space.packedEntry(c.leaf, c.offset)
	} else {
		c.key, c.entry = c.leaf.key(c.index), c.space.slotEntry(c.leaf, c.index)
	}
	return true
}

// offsetBefore returns the offset of the entry at index in a List.
func (c *Cursor) offsetBefore() int {
	if block := c.index / cursorBlock; c.block != block {
		c.block = block
		at := c.leaf.skip(headerSize, block*cursorBlock)
		for i := range min(cursorBlock, c.leaf.n()-block*cursorBlock) {
			c.offsets[i] = uint16(at)
			at = c.leaf.skip(at, 1)
		}
	}
	return int(c.offsets[c.index%cursorBlock])
}

// enter sets the position in the leaf.
func (c *Cursor) enter(index int) {
	c.index, c.block = index, -1
	if c.leaf.kind() == kindList {
		c.offset = c.leaf.offset(index)
	}
}

// turn moves to the next or previous leaf, and reports whether there is one.
func (c *Cursor) turn(by int32) bool {
	level := c.last - 1
	for ; level >= 0; level-- {
		st := &c.path[level]
		if i := st.index + by; i >= 0 && int(i) < c.space.page(st.ref).n() {
			st.index = i
			break
		}
	}
	if level < 0 {
		return false
	}
	for ; level < c.last; level++ {
		st := c.path[level]
		ref := c.space.page(st.ref).childRef(int(st.index))
		below := step{ref: ref}
		if by < 0 && level+1 < c.last {
			below.index = int32(c.space.page(ref).n() - 1)
		}
		c.path[level+1] = below
	}
	c.leaf = c.space.page(c.path[c.last].ref)
	if by > 0 {
		c.enter(0)
	} else {
		c.enter(c.leaf.n())
	}
	return true
}
