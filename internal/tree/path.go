package tree

// path is the way from the root of a tree, at index 0, to an entry of a leaf.
type path [maxHeight]step

// step is a page of a path, and the index of the child or entry that the path leads to.
type step struct {
	ref   uint32
	index int32
}

// seekRank makes the path lead to the entry at rank.
func (c *change) seekRank(rank uint64) {
	c.path.seekRank(c.space, *c.root, rank)
}

// seekRank makes the path lead to the entry at rank, or to the end of the last leaf, and returns
// the leaf.
func (pt *path) seekRank(s *Space, root Root, rank uint64) page {
	ref, total := root.Ref, root.Count
	last := int(root.Height) - 1
	for level := range last {
		p := s.page(ref)
		i, rest := p.childAt(rank, total)
		pt[level] = step{ref, int32(i)}
		ref, rank, total = p.childRef(i), rest, uint64(p.childCount(i))
	}
	pt[last] = step{ref, int32(rank)}
	return s.page(ref)
}
