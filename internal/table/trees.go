package table

import "github.com/perduredb/perdure/internal/tree"

// A large collection is a record with the roots of trees ([tree.Root]), whose pages are in the heap
// of the table. Its value is Opaque: two bytes that the caller interprets, of which the second has
// TreeMark, then the roots.
//
// The record owns its trees: deleting it, or replacing it by another kind of value, drops them. A
// value with roots that replaces one with roots continues the same collection, so that nothing is
// dropped.
//
// A view pins the epoch of the trees when it begins. The record that it reads thus has the roots of
// that time, and the pages below them stay unchanged.

// TreeMark is the bit of the second byte of an Opaque value that is followed by roots.
const TreeMark = 0x80

// isTree reports whether a value has roots.
func isTree(value []byte) bool { return len(value) > 2 && value[1]&TreeMark != 0 }

func (c *content) isTree() bool { return c.kind == Opaque && isTree(c.bytes) }

// treeOf returns sharedTree if a record has trees, and 0 otherwise.
func (k *keyspace) treeOf(rec *record) shared {
	if rec.flags&flagOpaque == 0 {
		return 0
	}
	if rec.value == nil {
		rec.load(k.run(rec.span.ref, rec.span.units))
	}
	if isTree(rec.value) {
		return sharedTree
	}
	return 0
}

// eachTree calls fn with the trees of a record.
func eachTree(rec *record, fn func(root tree.Root)) {
	for roots := rec.value[2:]; ; roots = roots[tree.RootSize:] {
		root, ok := tree.ParseRoot(roots)
		if !ok {
			return
		}
		fn(root)
	}
}

// dropTree drops the trees of a record. Their pages are freed in the background.
func (k *keyspace) dropTree(rec *record) {
	eachTree(rec, k.pool.trees.Drop)
	k.pool.releases.Add(1)
}

// eachRecordWithTrees calls fn for every record that has trees, from page first on.
func (k *keyspace) eachRecordWithTrees(first int, fn func(rec *record)) {
	for n := first; n < len(k.pages); n++ {
		k.recordsWithTrees(n, fn)
	}
}

// recordsWithTrees calls fn for every record in page n that has trees.
func (k *keyspace) recordsWithTrees(n int, fn func(rec *record)) {
	p := &k.pages[n]
	if p.flags&pageTree == 0 {
		return
	}
	size := slotSizes[p.class]
	for i := range int(p.top) {
		slot := k.at(uint32(n)<<pageShift + uint32(i*size/8))
		if slot[0]&(flagLive|flagOpaque) != flagLive|flagOpaque {
			continue
		}
		if rec := parse(slot); k.treeOf(&rec) != 0 {
			fn(&rec)
		}
	}
}

// checkTrees checks every tree, and that all pages of the space belong to one.
func (t *Table) checkTrees() error {
	var roots []tree.Root
	var first error
	check := func(rec *record) {
		eachTree(rec, func(root tree.Root) {
			roots = append(roots, root)
			if err := t.pool.trees.Check(root); first == nil {
				first = err
			}
		})
	}
	for i := range t.shards {
		for _, k := range t.shards[i].spaces {
			if k != nil {
				k.eachRecordWithTrees(0, check)
			}
		}
	}
	for _, f := range t.flushed.spaces {
		f.space.eachRecordWithTrees(f.page, check)
	}
	if first != nil || t.pool.tables > 1 { // the other tables have trees, too
		return first
	}
	_, err := t.pool.trees.Used(roots...)
	return err
}

// Trees returns the space of the trees.
func (t *Table) Trees() *tree.Space { return t.pool.trees }

// PinTrees retains the current state of all trees until UnpinTrees. The caller holds the locks of
// the shards whose records it copies.
func (t *Table) PinTrees() tree.Epoch { return t.pool.trees.Pin() }

// UnpinTrees ends a pin.
func (t *Table) UnpinTrees(e tree.Epoch) {
	if t.pool.trees.Unpin(e) {
		t.pool.releases.Add(1)
	}
}

// TreeChanges returns the transaction that records the changes of trees, or nil if the shard has no
// Undo.
func (s *Shard) TreeChanges() *tree.Tx {
	if s.undo == nil {
		return nil
	}
	if !s.undo.trees.Active() {
		s.pool.trees.Begin(&s.undo.trees)
	}
	return &s.undo.trees
}

// markTree marks page n if a value that was written to it has roots.
func (k *keyspace) markTree(n uint32, c *content) {
	if c.isTree() {
		k.pages[n].flags |= pageTree
		k.hasTrees = true
	}
}
