package op

import (
	"sync"
	"sync/atomic"

	"github.com/perduredb/perdure/internal/table"
)

// A Store contains the state that the operations of one store share.
type Store struct {
	Table   *table.Table
	Types   Types        // opaque types that may be in the table
	Expired atomic.Int64 // number of keys that were deleted because they expired

	SmallCollection int // size above which a collection has trees; 0 means 2 KiB

	// InUse is held for reading while memory of the table is used without a shard lock, and for
	// writing while the table is freed.
	InUse sync.RWMutex
}
