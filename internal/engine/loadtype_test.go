package engine

import (
	"errors"
	"testing"

	"github.com/perduredb/perdure/snapshot"
)

// TestLoadRefusesInternalTypes passes an entry whose type has the mark of a value with trees, as
// only a foreign Snapshotter can. The store must not follow its bytes as roots.
func TestLoadRefusesInternalTypes(t *testing.T) {
	e, err := Open(t.Context(), Options{Databases: 1})
	if err != nil {
		t.Fatalf("Open = %v, want nil", err)
	}
	defer e.Close()
	l := newLoader(e, e.table, &e.ops.Types)
	err = l.Load(snapshot.Entry{Type: 1<<15 | 4, Key: []byte("k"), Value: make([]byte, 26)})
	if !errors.Is(err, snapshot.ErrUnsupported) {
		t.Errorf("Load = %v, want ErrUnsupported", err)
	}
	if err := l.finish(nil); err != nil {
		t.Errorf("finish = %v, want nil", err)
	}
}
