package engine

import (
	"fmt"
	"slices"
	"testing"

	"github.com/perduredb/perdure/internal/op"
	"github.com/perduredb/perdure/internal/table"
)

// TestPanicInLoadIsReported: a worker that panicked left locked the shard that it had begun to fetch, and Open hung instead
// of passing the panic on.
func TestPanicInLoadIsReported(t *testing.T) {
	e, err := Open(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := newPipeline(e, e.table)
	p.reserve(0, int64(minReserve*e.table.NumShards()))
	bad := stepCommand + stepCode(slices.IndexFunc(op.Commands, func(c op.Command) bool { return c.Name == "MSETNX" })) // has no function for one key: to call that panics
	for i := range 20_000 {
		key := []byte(fmt.Sprint("key", i))
		o := step{code: stepSet, hash: e.table.HashBytes(key), offset: int64(i)}
		if i == 10_000 {
			o.code = bad
		}
		if !p.add(&o, key, []byte("value")) {
			break
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}()
	t.Error(p.close())
}

// TestSweepKeepsBound: while a view has more before-images than it may, the sweep, which would add to them, waits.
func TestSweepKeepsBound(t *testing.T) {
	const n, size, bound = 20_000, 100, 64 << 10
	e := newEngine(Options{})
	e.table.Close()
	e.table = table.New(table.Options{ViewMemory: bound})
	e.ops.Table = e.table
	for i := range n {
		key := fmt.Sprint("key", i)
		h := e.table.Hash(key)
		s := e.table.Shard(h)
		s.Lock()
		s.Set(0, h, key, table.String, make([]byte, size), 1)
		s.Unlock()
	}
	e.table.LockAll()
	v := e.table.Freeze()
	e.table.UnlockAll()
	for range 100 {
		e.sweep()
	}
	if gone := n - e.table.Len(0); gone*size > 2*bound {
		t.Errorf("%d keys of %d bytes were swept, with room for %d bytes", gone, size, bound)
	}
	v.Close()
	for round := 0; e.table.Len(0) > 0; round++ {
		if e.sweep(); round == n {
			t.Fatalf("%d keys are left", e.table.Len(0))
		}
	}
	e.cancel()
	e.table.Close()
}
