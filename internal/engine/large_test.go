package engine

import (
	"bytes"
	"testing"

	"github.com/perduredb/perdure/internal/op"
)

// TestCompareAndSwapOfLargeValueEnds stores the compared value again, in new memory, whenever
// CompareAndSwap has compared it and is about to lock the shard.
func TestCompareAndSwapOfLargeValueEnds(t *testing.T) {
	const size = 1 << 20
	old, next := bytes.Repeat([]byte("o"), size), bytes.Repeat([]byte("n"), size)
	var e *Engine
	comparing, races := false, 0
	e, err := Open(t.Context(), Options{Databases: 1, MemoryLimit: func(n int) bool {
		if comparing && n >= size && races < 100 { // memory for next, requested without a lock
			comparing = false
			races++
			if err := e.Call(0, false, &op.Call{Code: op.Set, Key: "k", Value: old}); err != nil {
				t.Error(err)
			}
			comparing = true
		}
		return true
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if err := e.Call(0, false, &op.Call{Code: op.Set, Key: "k", Value: old}); err != nil {
		t.Fatal(err)
	}
	comparing = true
	c := &op.Call{Code: op.CompareAndSwap, Key: "k", Old: old, Value: next}
	if err := e.Call(0, false, c); err != nil || !c.Did {
		t.Errorf("CompareAndSwap = %v, %v, want true, nil", c.Did, err)
	}
	comparing = false
	if races != largeTries+1 {
		t.Errorf("CompareAndSwap met %d other writes, want %d", races, largeTries+1)
	}
	if value, err := e.Get(nil, 0, "k"); err != nil || !bytes.Equal(value, next) {
		t.Errorf("Get after CompareAndSwap = %.10q, %v, want the new value", value, err)
	}
}
