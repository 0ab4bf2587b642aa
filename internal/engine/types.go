package engine

import (
	"sync/atomic"

	"github.com/perduredb/perdure/snapshot"
)

// typeSet is the set of types other than string that were stored in the table. A type is not
// removed with its last key, only when the whole data set is.
type typeSet struct {
	bits [512 / 64]atomic.Uint64
}

func (s *typeSet) add(t snapshot.Type) {
	s.bits[t/64%8].Or(1 << (t % 64))
}

func (s *typeSet) clear() {
	for i := range s.bits {
		s.bits[i].Store(0)
	}
}

func (s *typeSet) list() []snapshot.Type {
	var types []snapshot.Type
	for t := range snapshot.Type(512) {
		if s.bits[t/64].Load()&(1<<(t%64)) != 0 {
			types = append(types, t)
		}
	}
	return types
}
