package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/op"
	"github.com/perduredb/perdure/snapshot"
)

// largeSet returns the value of a set of n members in an RDB file.
func largeSet(n int) []byte {
	p := binary.BigEndian.AppendUint32([]byte{0x80}, uint32(n))
	for i := range n {
		p = append(p, 16)
		p = fmt.Appendf(p, "member %09d", i)
	}
	return p
}

// loadSets loads large sets, each with another number of members, and a string after each of them.
// It returns the error of the load.
func loadSets(e *Engine, keys ...string) error {
	l := newLoader(e, e.table, &e.ops.Types)
	var err error
	for i, key := range keys {
		set := snapshot.Entry{Type: 2, Key: []byte(key), Value: largeSet(8000 + i), Offset: int64(100 * i)}
		str := snapshot.Entry{Key: []byte("after " + key), Value: []byte("value"), Offset: int64(100*i + 50)}
		if err = errors.Join(l.Load(set), l.Load(str)); err != nil {
			break
		}
	}
	return l.finish(err)
}

func TestLoadStoresCollectionsAside(t *testing.T) {
	e, err := Open(t.Context(), Options{Databases: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if err := loadSets(e, "a", "b", "c", "d", "e"); err != nil {
		t.Fatalf("load = %v, want nil", err)
	}
	for i, key := range []string{"a", "b", "c", "d", "e"} {
		words := [][]byte{[]byte("SCARD"), []byte(key)}
		got, err := e.Do(t.Context(), 0, false, words)
		if want := fmt.Sprintf(":%d\r\n", 8000+i); string(got) != want || err != nil {
			t.Errorf("SCARD %s = %q, %v, want %q", key, got, err, want)
		}
	}
	if n := e.Len(0); n != 10 {
		t.Errorf("%d keys were loaded, want 10", n)
	}
	e.table.LockAll()
	defer e.table.UnlockAll()
	if err := e.table.Check(); err != nil {
		t.Error(err)
	}
}

func TestLoadReportsSecondOfEqualCollections(t *testing.T) {
	for range 10 {
		e, err := Open(t.Context(), Options{Databases: 1})
		if err != nil {
			t.Fatal(err)
		}
		var damage *corrupt.Error
		if err := loadSets(e, "a", "b", "b"); !errors.As(err, &damage) || damage.Offset != 200 {
			t.Errorf("load of a key twice = %v, want an error at offset 200", err)
		}
		if err := e.CheckTable(); err != nil {
			t.Errorf("after the load of a key twice: %v", err)
		}
		e.Close()
	}
}

func TestLoadOfCollectionsWithoutMemory(t *testing.T) {
	for _, allowed := range []int{0, 1, 2, 5} {
		left := -1
		e, err := Open(t.Context(), Options{Databases: 1, MemoryLimit: func(int) bool {
			left--
			return left != -1
		}})
		if err != nil {
			t.Fatal(err)
		}
		left = allowed
		if err := loadSets(e, "a"); !errors.Is(err, op.ErrNoMemory) {
			t.Errorf("load with %d allocations = %v, want ErrNoMemory", allowed, err)
		}
		for e.table.Trees().Reclaim(100) {
		}
		if stats := e.table.Trees().Stats(); stats.Used != 0 {
			t.Errorf("%d bytes of trees remain after %d allocations, want 0", stats.Used, allowed)
		}
		e.Close()
	}
}
