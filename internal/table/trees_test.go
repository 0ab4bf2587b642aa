package table_test

import (
	"fmt"
	"testing"

	"github.com/perduredb/perdure/internal/table"
	"github.com/perduredb/perdure/internal/tree"
)

// grow stores a tree of n entries under a key, and returns its root.
func grow(t *testing.T, tab *table.Table, key string, n int) tree.Root {
	t.Helper()
	list, root := tree.List{Space: tab.Trees()}, tree.Root{}
	for i := range n {
		if err := list.Insert(&root, uint64(i), fmt.Appendf(nil, "element %d", i)); err != nil {
			t.Fatalf("Insert = %v, want nil", err)
		}
	}
	setRoot(t, tab, key, root)
	return root
}

// setRoot stores a root under a key.
func setRoot(t *testing.T, tab *table.Table, key string, root tree.Root) {
	t.Helper()
	do(tab, key, func(s *table.Shard, h uint64) {
		value := root.AppendTo([]byte{1, table.TreeMark})
		if _, err := s.Set(0, h, key, table.Opaque, value, 0); err != nil {
			t.Fatalf("Set = %v, want nil", err)
		}
	})
}

// settleTrees lets the Defragmenter work until there is nothing left to do.
func settleTrees(t *testing.T, tab *table.Table, d *table.Defragmenter) {
	t.Helper()
	for rounds := 0; rounds < 20; {
		round, _ := d.Step()
		if round {
			rounds++
		}
	}
	if err := tab.Check(); err != nil {
		t.Fatalf("Check = %v, want nil", err)
	}
}

// TestRecordOwnsTrees ends the record of a tree in every way, and expects that its pages are freed.
func TestRecordOwnsTrees(t *testing.T) {
	ends := map[string]func(s *table.Shard, h uint64){
		"Delete":  func(s *table.Shard, h uint64) { s.Delete(0, h, "k") },
		"Set":     func(s *table.Shard, h uint64) { s.Set(0, h, "k", table.String, []byte("v"), 0) },
		"SetLong": func(s *table.Shard, h uint64) { s.Set(0, h, "k", table.String, make([]byte, 1<<20), 0) },
		"SetInt":  func(s *table.Shard, h uint64) { s.SetInt(0, h, "k", 5, 1) },
		"Flush":   func(s *table.Shard, h uint64) { s.Flush(0) },
		"Expire": func(s *table.Shard, h uint64) {
			it, _ := s.Find(0, h, "k")
			s.Reexpire(0, h, it, 5)
			s.SweepExpired(10, 100, func(int, []byte) {})
		},
		"Commit": func(s *table.Shard, h uint64) {
			u := new(table.Undo)
			s.Record(u)
			s.Delete(0, h, "k")
			u.Commit()
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			tab := table.New(table.Options{})
			defer tab.Close()
			d := tab.Defragmenter()
			grow(t, tab, "k", 10_000)
			if err := tab.Check(); err != nil {
				t.Fatalf("Check = %v, want nil", err)
			}
			do(tab, "k", end)
			settleTrees(t, tab, d)
			if used := tab.Trees().Stats().Used; used != 0 {
				t.Errorf("trees use %d bytes after the end of their record, want 0", used)
			}
		})
	}
}

// TestRollbackKeepsTree reverts a deletion, and a change of the tree.
func TestRollbackKeepsTree(t *testing.T) {
	tab := table.New(table.Options{})
	defer tab.Close()
	before := grow(t, tab, "k", 10_000)
	do(tab, "k", func(s *table.Shard, h uint64) {
		u := new(table.Undo)
		s.Record(u)
		list, root := tree.List{Space: tab.Trees(), Tx: s.TreeChanges()}, before
		for range 100 {
			if err := list.Delete(&root, 5000); err != nil {
				t.Fatalf("Delete = %v, want nil", err)
			}
		}
		if _, err := s.Set(0, h, "k", table.Opaque, root.AppendTo([]byte{1, table.TreeMark}), 0); err != nil {
			t.Fatalf("Set = %v, want nil", err)
		}
		s.Delete(0, h, "k")
		u.Rollback()
	})
	settleTrees(t, tab, tab.Defragmenter())
	if e := (tree.List{Space: tab.Trees()}).Get(before, 5000); string(e) != "element 5000" {
		t.Errorf("element after a rollback = %q, want element 5000", e)
	}
}

// TestMemoryOfTreesGoesBack deletes most trees, and expects that the kernel gets their memory.
func TestMemoryOfTreesGoesBack(t *testing.T) {
	tab := table.New(table.Options{})
	defer tab.Close()
	d := tab.Defragmenter()
	for i := range 40 {
		grow(t, tab, fmt.Sprint(i), 20_000)
	}
	full := tab.Memory().Resident
	for i := 1; i < 40; i++ {
		key := fmt.Sprint(i)
		do(tab, key, func(s *table.Shard, h uint64) { s.Delete(0, h, key) })
	}
	settleTrees(t, tab, d)
	if left := tab.Memory().Resident; left > full/2 {
		t.Errorf("%d bytes are resident after deleting 39 of 40 trees, want at most half of %d", left, full)
	}
}

// TestFlushLeavesTreesToDefragmenter flushes many trees, and expects that Flush has dropped none of
// them, and the Defragmenter or Close all. A view reads them in the meantime.
func TestFlushLeavesTreesToDefragmenter(t *testing.T) {
	const trees = 5000
	for _, end := range []string{"Defragmenter", "Close", "View"} {
		t.Run(end, func(t *testing.T) {
			tab := table.New(table.Options{Shards: 2})
			defer func() {
				tab.Close()
				if n := tab.MappedBytes(); n != 0 {
					t.Errorf("%d bytes are mapped after Close, want 0", n)
				}
			}()
			for i := range trees {
				grow(t, tab, fmt.Sprint(i), 3)
			}
			used := tab.Trees().Stats().Used
			var v *table.View
			tab.LockAll()
			if end == "View" {
				v = tab.Freeze()
			}
			for i := range tab.NumShards() {
				tab.ShardAt(i).Flush(0)
			}
			tab.UnlockAll()
			if n := tab.Trees().Stats().Used; n != used || tab.Flushed() != tab.NumShards() {
				t.Errorf("trees use %d bytes after Flush, with %d keyspaces to drop, want %d and %d", n, tab.Flushed(), used, tab.NumShards())
			}
			grow(t, tab, "new", 3)
			if end == "Close" {
				return
			}
			d := tab.Defragmenter()
			for range trees / 100 { // less than it takes
				d.Step()
			}
			if err := tab.Check(); err != nil {
				t.Fatalf("Check = %v, want nil", err)
			}
			if end == "View" {
				n := 0
				if err := v.Scan(func(en table.Entry) bool {
					root, _ := tree.ParseRoot(en.Value[2:])
					if e := (tree.List{Space: tab.Trees()}).Get(root, 2); string(e) == "element 2" {
						n++
					}
					return true
				}); err != nil || n != trees {
					t.Errorf("Scan = %v with %d trees, want nil with %d", err, n, trees)
				}
				v.Close()
			}
			settleTrees(t, tab, d)
			if n := tab.Trees().Stats().Used; n > 1<<10 || tab.Flushed() != 0 {
				t.Errorf("trees use %d bytes at the end, with %d keyspaces to drop, want one tree and none", n, tab.Flushed())
			}
		})
	}
}
