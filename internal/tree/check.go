package tree

import (
	"bytes"
	"fmt"
)

// Check recounts a tree and returns the first disagreement as an error. It covers the heights, the
// order, the counts, the keys of inner pages, the epochs, and the sizes of pages.
func (m Map) Check(root Root) error { return m.Space.check(kindMap, root) }

// Check is like [Map.Check] for a tree of any layout.
func (s *Space) Check(root Root) error {
	k := kind(0)
	for ref, level := root.Ref, root.Height; level > 0; level-- {
		p := s.page(ref)
		if k = p.kind(); k == kindInner && level > 1 {
			ref = p.childRef(0)
		}
	}
	return s.check(k, root)
}

// Used returns the refs of the memory that s uses: the pages and values of the trees, those of
// dropped trees, and those that pins or Reclaim hold. It returns an error if memory has two uses.
// Memory that is missing here has leaked. No transaction may be active.
func (s *Space) Used(trees ...Root) (refs map[uint32]bool, err error) {
	refs = map[uint32]bool{}
	var visit func(ref uint32)
	use := func(ref uint32) {
		if refs[ref] && err == nil {
			err = fmt.Errorf("tree: ref %d has two uses, want one", ref)
		}
		refs[ref] = true
	}
	visit = func(ref uint32) {
		use(ref)
		if err == nil {
			s.visitChildren(ref, visit)
		}
	}
	for _, root := range trees {
		if root.Height > 0 {
			visit(root.Ref)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.dropped {
		visit(d.ref)
	}
	for _, list := range [][]pin{s.pins, s.released} {
		for _, p := range list {
			for b := p.held; b != nil; b = b.next {
				for _, ref := range b.refs[:b.n] {
					use(ref)
				}
			}
		}
	}
	size := int64(0)
	for ref := range refs {
		size += int64(s.sizeOf(ref))
	}
	if err == nil && size != s.stats.Used {
		err = fmt.Errorf("tree: %d bytes are in use, want %d", size, s.stats.Used)
	}
	return refs, err
}

// checker checks one tree.
type checker struct {
	space *Space
	kind  kind
	epoch uint64
	last  []byte // the entry before, if the kind is kindSorted
	key   uint64 // its key
	any   bool   // there is an entry before
}

func (s *Space) check(k kind, root Root) error {
	if root.Height == 0 {
		if root != (Root{}) {
			return fmt.Errorf("tree: Root without pages is %+v, want zero", root)
		}
		return nil
	}
	s.mu.Lock()
	c := checker{space: s, kind: k, epoch: s.epoch}
	s.mu.Unlock()
	if root.Height > maxHeight {
		return fmt.Errorf("tree: height is %d, want at most %d", root.Height, maxHeight)
	}
	n, err := c.page(root.Ref, int(root.Height)-1)
	if err == nil && n != root.Count {
		err = fmt.Errorf("tree: found %d entries, want %d", n, root.Count)
	}
	return err
}

// page checks a page at a level, 0 for a leaf, and returns the number of entries below it.
func (c *checker) page(ref uint32, level int) (entries uint64, err error) {
	p := c.space.page(ref)
	want := c.kind
	if level > 0 {
		want = kindInner
	}
	switch size := p.bytes(); {
	case p.kind() != want:
		return 0, fmt.Errorf("tree: page %d has kind %d, want %d", ref, p.kind(), want)
	case epochOf(p) == 0 || epochOf(p) > c.epoch:
		return 0, fmt.Errorf("tree: page %d has epoch %d, want at most %d", ref, epochOf(p), c.epoch)
	case p.n() == 0:
		return 0, fmt.Errorf("tree: page %d is empty", ref)
	case size > len(p):
		return 0, fmt.Errorf("tree: page %d has %d bytes, want at most %d", ref, size, len(p))
	case size > maxPage && (c.kind != kindMap || level > 0 || p.key(0) != p.key(p.n()-1)):
		return 0, fmt.Errorf("tree: page %d has %d bytes, want at most %d", ref, size, maxPage)
	case p.kind() == kindList && p.n() > maxPacked:
		return 0, fmt.Errorf("tree: page %d has %d entries, want at most %d", ref, p.n(), maxPacked)
	}
	if level == 0 {
		return uint64(p.n()), c.leaf(ref, p)
	}
	for i := range p.n() {
		child := p.child(i)
		if q := c.space.page(child.ref); q.firstKey() != child.key {
			return 0, fmt.Errorf("tree: key %d of page %d is %d, want %d", i, ref, child.key, q.firstKey())
		}
		n, err := c.page(child.ref, level-1)
		if err == nil && n != uint64(child.count) {
			err = fmt.Errorf("tree: count %d of page %d is %d, want %d", i, ref, child.count, n)
		}
		if err != nil {
			return 0, err
		}
		entries += n
	}
	return entries, nil
}

func (c *checker) leaf(ref uint32, p page) error {
	values := 0
	for i := range p.n() {
		entry := c.space.leafEntry(p, i)
		if len(entry) > maxInline {
			values++
		}
		if c.kind == kindList {
			continue
		}
		order := 1
		if c.any {
			order = compareKeys(p.key(i), c.key)
		}
		if order == 0 && c.kind == kindSorted {
			order = bytes.Compare(entry, c.last)
		}
		if order < 0 || order == 0 && (c.kind == kindSorted || i == 0) {
			return fmt.Errorf("tree: entry %d of page %d is not in order", i, ref)
		}
		c.any, c.key, c.last = true, p.key(i), entry
	}
	if p.values() != values {
		return fmt.Errorf("tree: page %d has %d values, want %d", ref, p.values(), values)
	}
	if c.kind == kindList && p.skip(headerSize, p.n()) != headerSize+p.used() {
		return fmt.Errorf("tree: entries of page %d do not end at %d", ref, headerSize+p.used())
	}
	return nil
}

func compareKeys(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// leafEntry returns the bytes of entry i of a leaf.
func (s *Space) leafEntry(p page, i int) []byte {
	if p.kind() == kindList {
		entry, _ := s.packedEntry(p, p.skip(headerSize, i))
		return entry
	}
	return s.slotEntry(p, i)
}
