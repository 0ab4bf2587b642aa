package op

import (
	"sync/atomic"

	"github.com/perduredb/perdure/snapshot"
)

// Types is the set of types other than string that were stored in the table. A type is not
// removed with its last key, only when the whole data set is.
type Types struct {
	bits [512 / 64]atomic.Uint64
}

// Add adds a type.
func (s *Types) Add(t snapshot.Type) {
	if word, bit := &s.bits[t/64%8], uint64(1)<<(t%64); word.Load()&bit == 0 {
		word.Or(bit)
	}
}

// Clear removes all types.
func (s *Types) Clear() {
	for i := range s.bits {
		s.bits[i].Store(0)
	}
}

// List returns the types in order.
func (s *Types) List() []snapshot.Type {
	var types []snapshot.Type
	for t := range snapshot.Type(512) {
		if s.bits[t/64].Load()&(1<<(t%64)) != 0 {
			types = append(types, t)
		}
	}
	return types
}
