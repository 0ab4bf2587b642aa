package op

import (
	"encoding/binary"
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
	s.bits[t/64%8].Or(1 << (t % 64))
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

// typeSize is the size of the type that precedes an opaque value in the table, in little-endian
// order.
const typeSize = 2

// OpaqueType returns the type of an opaque value as the table stores it.
func OpaqueType(value []byte) snapshot.Type {
	return snapshot.Type(binary.LittleEndian.Uint16(value))
}

// OpaqueValue returns an opaque value as the table stores it, without its type.
func OpaqueValue(value []byte) []byte { return value[typeSize:] }

// AppendOpaque appends the stored form of a value of a type other than string.
func AppendOpaque(dst []byte, t snapshot.Type, payload []byte) []byte {
	dst = binary.LittleEndian.AppendUint16(dst, uint16(t))
	return append(dst, payload...)
}
