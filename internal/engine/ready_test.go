package engine

import (
	"fmt"
	"testing"

	"github.com/perduredb/perdure/snapshot"
)

// TestConversionWithoutMemoryLeavesNoTrees refuses each allocation of a command in turn that
// converts a loaded hash, and checks that no tree remains without a key.
func TestConversionWithoutMemoryLeavesNoTrees(t *testing.T) {
	value := []byte{0x40, 100} // the number of fields
	for i := range 100 {
		value = fmt.Appendf(append(value, 8), "field %02d", i)
		value = fmt.Appendf(append(value, 8), "value %02d", i)
	}
	for n, refused := 0, true; refused; n++ {
		left, count := 0, false
		refused = false
		e, err := Open(t.Context(), Options{Databases: 1, SmallCollection: 200, MemoryLimit: func(int) bool {
			if !count {
				return true
			}
			left--
			refused = refused || left == -1
			return left != -1
		}})
		if err != nil {
			t.Fatalf("Open = %v, want nil", err)
		}
		l := newLoader(e, e.table, &e.ops.Types)
		if err := l.finish(l.Load(snapshot.Entry{Type: 4, Key: []byte("h"), Value: value})); err != nil {
			t.Fatalf("load = %v, want nil", err)
		}
		left, count = n, true
		_, _ = e.Do(t.Context(), 0, false, words("HSET h field value"))
		count = false
		if err := e.CheckTable(); err != nil {
			t.Errorf("after HSET without allocation %d: %v", n, err)
		}
		e.Close()
	}
}
