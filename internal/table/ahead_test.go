package table_test

import (
	"fmt"
	"testing"

	"github.com/perduredb/perdure/internal/table"
	"github.com/perduredb/perdure/internal/tree"
)

// TestGrowAhead checks that memory prepared in advance is used and released.
func TestGrowAhead(t *testing.T) {
	for _, stop := range []bool{false, true} {
		growAhead(t, stop)
	}
}

func growAhead(t *testing.T, stop bool) {
	t.Helper()
	tab := table.New(table.Options{})
	tab.GrowAhead(true)
	value := make([]byte, 200<<10)
	n := 2000 / scale
	for i := range n {
		key := fmt.Sprint(i)
		do(tab, key, func(s *table.Shard, h uint64) { s.Set(0, h, key, table.Opaque, value, 0) })
	}
	if stop { // Close must work in both cases
		tab.GrowAhead(false)
	}
	if err := tab.Check(); err != nil {
		t.Fatal(err)
	}
	tab.Close()
	if n := tab.MappedBytes(); n != 0 {
		t.Errorf("%d bytes mapped after Close, want 0", n)
	}
}

// TestTreesGrowAhead checks that the memory that trees need next is prepared, more of it while a
// view is read, and that a load leaves no more than that.
func TestTreesGrowAhead(t *testing.T) {
	if !table.CanPopulate {
		t.Skip("SKIPPED: memory cannot be prepared on this system")
	}
	const hugePage, chunk = 2 << 20, 256 << 10
	tab := table.New(table.Options{})
	defer tab.Close()
	key := "list"
	list, root := tree.List{Space: tab.Trees()}, tree.Root{}
	push := func(bytes int64) {
		for end := tab.Trees().Stats().Used + bytes; tab.Trees().Stats().Used < end; {
			if err := list.Insert(&root, root.Count, make([]byte, 1000)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 20 {
		push(hugePage + chunk)
		if n := tab.PreparedForTrees(); n < chunk || n > hugePage+chunk {
			t.Fatalf("%d bytes are prepared for trees of %d, want %d to %d", n, tab.Trees().Stats().Used, chunk, hugePage+chunk)
		}
	}
	do(tab, key, func(s *table.Shard, h uint64) { s.Set(0, h, key, table.Opaque, []byte{0, 0}, 0) })
	v := tab.Freeze()
	for range 10 {
		push(chunk)
		for range 3 {
			v.Rest()
		}
		if n := tab.PreparedForTrees(); n < 2*hugePage {
			t.Fatalf("%d bytes are prepared while a view is read, want at least %d", n, 2*hugePage)
		}
	}
	v.Close()
	tab.GrowAhead(true)
	push(hugePage)
	if n := tab.PreparedForTrees(); n < 4*hugePage {
		t.Errorf("%d bytes are prepared during a load, want at least %d", n, 4*hugePage)
	}
	tab.GrowAhead(false)
	if n := tab.PreparedForTrees(); n > hugePage+chunk {
		t.Errorf("%d bytes are prepared after a load, want at most %d", n, hugePage+chunk)
	}
	if err := tab.Trees().Check(root); err != nil {
		t.Error(err)
	}
	tab.Trees().Drop(root)
	for tab.Trees().Reclaim(64) {
	}
}

// TestLoadOfSmallTrees checks that a load leaves little prepared memory if all trees are in the
// first region, whose first pages are small.
func TestLoadOfSmallTrees(t *testing.T) {
	if !table.CanPopulate {
		t.Skip("SKIPPED: memory cannot be prepared on this system")
	}
	tab := table.New(table.Options{})
	defer tab.Close()
	tab.GrowAhead(true)
	list, root := tree.List{Space: tab.Trees()}, tree.Root{}
	for tab.Trees().Stats().Used < 3<<20 {
		if err := list.Insert(&root, root.Count, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	tab.GrowAhead(false)
	if n, most := tab.PreparedForTrees(), 2<<20+256<<10; n > most {
		t.Errorf("%d bytes are prepared after a load, want at most %d", n, most)
	}
	tab.Trees().Drop(root)
	for tab.Trees().Reclaim(64) {
	}
}
