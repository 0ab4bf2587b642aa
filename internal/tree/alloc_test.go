package tree_test

import (
	"testing"

	"github.com/perduredb/perdure/internal/tree"
)

func TestOperationsDoNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	m := newMemory()
	m.live = nil
	space := tree.NewSpace(m)
	var hashes, scores, list tree.Root
	hash, sorted, positions := tree.Map{Space: space}, tree.Sorted{Space: space}, tree.List{Space: space}
	for i := range uint64(2000) {
		e := element(i)
		hash.Add(&hashes, hashOf(e[:]), func([]byte) bool { return false }, e[:])
		sorted.Insert(&scores, i%100, e[:])
		positions.Insert(&list, list.Count/2, e[:])
	}
	i := uint64(0)
	for name, op := range map[string]func(e [16]byte){
		"Find": func(e [16]byte) { hash.Find(hashes, hashOf(e[:]), func(b []byte) bool { return [16]byte(b) == e }) },
		"Put": func(e [16]byte) {
			hash.Put(&hashes, hashOf(e[:]), func(b []byte) bool { return [16]byte(b) == e }, e[:])
		},
		"Delete and Put": func(e [16]byte) {
			hash.Delete(&hashes, hashOf(e[:]), func(b []byte) bool { return [16]byte(b) == e })
			hash.Put(&hashes, hashOf(e[:]), func(b []byte) bool { return [16]byte(b) == e }, e[:])
		},
		"Rank":              func(e [16]byte) { sorted.Rank(scores, i%100, e[:]) },
		"Seek":              func(e [16]byte) { sorted.Seek(scores, i%100, e[:], true) },
		"At":                func([16]byte) { sorted.At(scores, i) },
		"Delete and Insert": func(e [16]byte) { sorted.Delete(&scores, i%100, e[:]); sorted.Insert(&scores, i%100, e[:]) },
		"Get":               func([16]byte) { positions.Get(list, i) },
		"Set":               func(e [16]byte) { positions.Set(&list, i, e[:]) },
		"Cursor": func([16]byte) {
			for c := positions.From(list, i); c.Next(); {
			}
		},
		"Pin": func([16]byte) { space.Unpin(space.Pin()) },
	} {
		for range 3000 { // grow the free lists of the test's memory
			op(element(i % 2000))
			i = (i + 7) % 2000
		}
		if n := testing.AllocsPerRun(100, func() { op(element(i)); i = (i + 7) % 2000 }); n != 0 {
			t.Errorf("%s has %v allocations, want 0", name, n)
		}
	}
}
