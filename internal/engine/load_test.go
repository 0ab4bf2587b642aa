package engine

import (
	"fmt"
	"slices"
	"testing"

	"github.com/perduredb/perdure/internal/op"
	"github.com/perduredb/perdure/internal/table"
)

// TestPanicInLoadIsReported is a regression test. A worker that panicked kept its shard locked, and
// Open hung instead of repeating the panic.
func TestPanicInLoadIsReported(t *testing.T) {
	e, err := Open(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := newPipeline(e, e.table)
	p.reserve(0, int64(minReserve*e.table.NumShards()))
	// MSETNX has no function for one key, so that calling it panics.
	bad := stepCommand + stepCode(slices.IndexFunc(op.Commands, func(c op.Command) bool { return c.Name == "MSETNX" }))
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
			t.Error("close did not panic, want the worker's panic")
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}()
	t.Errorf("close = %v, want a panic", p.close())
}

// TestSweepKeepsBound checks that active expiration waits while a view's before-images exceed their
// bound, because it would add more.
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
		t.Errorf("active expiration deleted %d keys of %d bytes, want at most %d bytes", gone, size, 2*bound)
	}
	v.Close()
	for round := 0; e.table.Len(0) > 0; round++ {
		if e.sweep(); round == n {
			t.Fatalf("Len = %d after %d sweeps, want 0", e.table.Len(0), n)
		}
	}
	e.cancel()
	e.table.Close()
}
