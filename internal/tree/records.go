package tree

import "math"

// records are the entries of a tree that is about to be built, in the order in which they were
// added. They are on the Go heap, except for long ones, which are already values in the Space. A
// record is identified by its offset:
//
//	2 bytes of length, the bytes         an entry
//	ff ff, a reference to a value        a long entry
type records struct {
	builder builder
	bytes   []byte
	size    int                 // expected length of bytes
	values  map[uint32]struct{} // those that are in no page yet
	touched byte                // the result of touch, so that it is used
}

const longRecord = math.MaxUint16

func newRecords(s *Space, tx *Tx, k kind, size int) records {
	return records{builder: newBuilder(s, tx, k), bytes: make([]byte, 0, size), size: size}
}

// add adds a record, and returns its offset.
func (r *records) add(bytes []byte) (at uint32, err error) {
	if uint64(len(r.bytes)) > math.MaxUint32 {
		return 0, ErrFull
	}
	at = uint32(len(r.bytes))
	if len(bytes) <= maxInline {
		r.bytes = append(append(r.bytes, byte(len(bytes)), byte(len(bytes)>>8)), bytes...)
		return at, nil
	}
	e, err := r.builder.outside(0, bytes)
	if err != nil {
		return 0, err
	}
	if r.values == nil {
		r.values = map[uint32]struct{}{}
	}
	r.values[e.ref] = struct{}{}
	var b [2 + valueSize]byte
	putU16(b[:], longRecord)
	putU32(b[2:], e.ref)
	putU32(b[6:], uint32(e.length))
	r.bytes = append(r.bytes, b[:]...)
	return at, nil
}

// expected returns the number of records that are expected after the first n of them, if they have
// the same size.
func (r *records) expected(n int) int {
	const few = 1 << 10
	if n < few {
		return few
	}
	left := float64(r.size-len(r.bytes)) / float64(len(r.bytes))
	return max(n/4, int(left*float64(n))+few)
}

// Entry returns the bytes of the record at an offset.
func (r *records) Entry(at uint32) []byte {
	e := r.entry(at, 0)
	if e.isValue() {
		return r.builder.space.value(r.bytes[at+2:])
	}
	return e.bytes
}

// entry returns the record at an offset, with a key, as an entry of a page.
func (r *records) entry(at uint32, key uint64) entry {
	b := r.bytes[at:]
	n := int(u16(b))
	if n == longRecord {
		return entry{key: key, ref: u32(b[2:]), length: int(u32(b[6:]))}
	}
	return newEntry(key, b[2:2+n])
}

// touchBlock is the number of entries that are touched at a time.
const touchBlock = 64

// touch reads both ends of a short record. The processor fetches several of them concurrently,
// while placing them would wait for one after the other.
func (r *records) touch(at uint32) {
	b := r.bytes[at:]
	r.touched ^= b[min(1+int(u16(b)), cacheLine, len(b)-1)]
}

// append appends the entry of a record to the tree.
func (r *records) append(e entry) error {
	err := r.builder.reserve(entrySize(r.builder.kind, &e))
	if err == nil {
		r.place(&e)
	}
	return err
}

// place appends the entry of a record to the last leaf, which has room.
func (r *records) place(e *entry) {
	r.builder.add(e)
	if e.isValue() {
		delete(r.values, e.ref)
	}
}

// Discard frees the memory that no tree has.
func (r *records) Discard() {
	for ref := range r.values {
		r.builder.discard(ref)
	}
	r.values = nil
	r.builder.discardPages()
}
