package engine

import (
	"errors"
	"testing"

	"github.com/perduredb/perdure/internal/op"
	"github.com/perduredb/perdure/internal/table"
)

// TestPanicInReadLeavesNoLock makes a read panic while it holds a shard lock. If it kept the lock,
// a deferred Close would wait for it, and the panic would never be printed.
func TestPanicInReadLeavesNoLock(t *testing.T) {
	e, err := Open(t.Context(), Options{Databases: 1})
	if err != nil {
		t.Fatal(err)
	}
	func() {
		defer func() {
			if r := recover(); r != "mine" {
				t.Errorf("recover() = %v, want mine", r)
			}
		}()
		_ = e.read(0, "k", func(op.Place, table.Item, bool) error { panic("mine") })
	}()
	if _, err := e.Get(nil, 0, "k"); !errors.Is(err, op.ErrNotFound) {
		t.Errorf("Get after a panic = %v, want ErrNotFound", err)
	}
	if err := e.SetPlain(0, false, "k", nil); !errors.Is(err, errBroken) {
		t.Errorf("SetPlain after a panic = %v, want errBroken", err)
	}
	if err := e.Close(); err != nil {
		t.Errorf("Close after a panic = %v, want nil", err)
	}
}
