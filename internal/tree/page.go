package tree

import (
	"encoding/binary"

	"github.com/perduredb/perdure/internal/prefetch"
)

// A page begins with a header. All integers are little-endian.
//
//	 0  kind   1 byte
//	 1  epoch  7 bytes
//	 8  size   2 bytes, in units of 8 bytes
//	10  n      2 bytes: number of children or entries
//	12  used   2 bytes: in a page of a List, bytes of the entries
//	14  values 2 bytes: in a leaf, number of entries that are stored outside the page
//
// A value, which is an entry stored outside its page, has a length of 4 bytes at offset 8 instead.
//
// The size of a page is that of its allocation, so a leaf grows by moving to larger memory. It has
// at most maxPage bytes, except for a leaf of entries with equal hashes.
const (
	headerSize = 16
	maxPage    = 2048
	maxLeaf    = 32 << 10 // bytes of entries of one leaf
	maxInline  = 512      // longer entries are stored outside their page
	cacheLine  = 64
	valueSize  = 8 // bytes of the reference to a value: ref and length
)

// kind is the layout of a page.
type kind uint8

const (
	kindInner kind = 1 + iota
	kindMap
	kindSorted
	kindList
	kindValue
)

func u16(b []byte) uint16       { return binary.LittleEndian.Uint16(b) }
func u32(b []byte) uint32       { return binary.LittleEndian.Uint32(b) }
func u64(b []byte) uint64       { return binary.LittleEndian.Uint64(b) }
func putU16(b []byte, v uint16) { binary.LittleEndian.PutUint16(b, v) }
func putU32(b []byte, v uint32) { binary.LittleEndian.PutUint32(b, v) }
func putU64(b []byte, v uint64) { binary.LittleEndian.PutUint64(b, v) }

// page is the memory of an inner page or of a leaf.
type page []byte

// page returns the page at ref, which must not be a value.
func (s *Space) page(ref uint32) page {
	b := s.memory.At(ref)
	return b[:int(u16(b[8:]))*8]
}

// prefetch fetches the first bytes of the page at ref, one cache line next to the other, while a
// search would wait for one after the other. The page may be shorter.
func (s *Space) prefetch(ref uint32, bytes int) {
	b := s.memory.At(ref)
	prefetch.Bytes(b[:min(bytes, len(b))])
}

func (p page) kind() kind      { return kind(p[0]) }
func (p page) n() int          { return int(u16(p[10:])) }
func (p page) setN(n int)      { putU16(p[10:], uint16(n)) }
func (p page) values() int     { return int(u16(p[14:])) }
func (p page) addValues(n int) { putU16(p[14:], uint16(p.values()+n)) }

func epochOf(b []byte) uint64 { return u64(b) >> 8 }

// sizeOf returns the number of bytes at ref.
func (s *Space) sizeOf(ref uint32) int {
	b := s.memory.At(ref)
	if kind(b[0]) == kindValue {
		return headerSize + int(u32(b[8:]))
	}
	return int(u16(b[8:])) * 8
}

// format writes the header of a new page.
func format(b []byte, k kind, epoch uint64) {
	putU64(b, epoch<<8|uint64(k))
	putU16(b[8:], uint16(len(b)/8))
	clear(b[10:headerSize])
}

// formatValue writes the header of a new value.
func formatValue(b []byte, length int, epoch uint64) {
	putU64(b, epoch<<8|uint64(kindValue))
	putU32(b[8:], uint32(length))
	clear(b[12:headerSize])
}

// value returns the value to which the reference b refers.
func (s *Space) value(b []byte) []byte {
	ref, length := u32(b), int(u32(b[4:]))
	end := headerSize + length
	return s.memory.At(ref)[headerSize:end:end]
}

// bytes returns the size that a page with the same contents needs.
func (p page) bytes() int { return headerSize + p.size(0, p.n()) }

// size returns the number of bytes of the children or entries from index from to to.
func (p page) size(from, to int) int {
	switch p.kind() {
	case kindInner:
		return (to - from) * childSize
	case kindList:
		return p.listSize(from, to)
	}
	if from == to {
		return 0
	}
	return (to-from)*p.slotSize() + p.end(to-1) - p.start(from)
}

// appendRange appends the children or entries of src from index from to to.
func (p page) appendRange(src page, from, to int) {
	switch {
	case from == to:
	case p.kind() == kindInner:
		p.appendChildren(src, from, to)
	case p.kind() == kindList:
		p.appendPacked(src, from, to)
	default:
		p.appendSlots(src, from, to)
	}
}

// firstKey returns the key of the first entry below a page; 0 in a List.
func (p page) firstKey() uint64 {
	switch p.kind() {
	case kindInner:
		return p.childKey(0)
	case kindList:
		return 0
	}
	return p.key(0)
}

// visitValues calls fn with the ref of every value of the entries of a leaf from index from to to.
func (p page) visitValues(from, to int, fn func(ref uint32)) {
	if p.kind() == kindList {
		p.visitPackedValues(from, to, fn)
		return
	}
	for i := from; i < to; i++ {
		if p.external(i) {
			fn(u32(p.stored(i)))
		}
	}
}
