package tree

import (
	"bytes"
	"cmp"
	"errors"
	"math"
	"slices"

	"github.com/perduredb/perdure/internal/radix"
)

// ErrDuplicate is returned if a tree is built of entries of which two are the same.
var ErrDuplicate = errors.New("perdure: duplicate element")

// records are the entries of a tree that is about to be built, in the order in which they were
// added. They are on the Go heap, except for long ones, which are already values in the Space. They
// take their bytes and 8 more each, and sorting them takes 16 more.
type records struct {
	builder builder
	bytes   []byte
	ends    []uint64            // of each entry in bytes; with valueFlag if it refers to a value
	values  map[uint32]struct{} // those that are in no page yet
	touched byte                // the result of touch, so that it is used
}

const valueFlag = 1 << 63

// newRecords returns records with room for size bytes.
func newRecords(s *Space, tx *Tx, k kind, size int) records {
	return records{builder: newBuilder(s, tx, k), bytes: make([]byte, 0, size)}
}

func (r *records) add(bytes []byte) error {
	if len(r.ends) == math.MaxUint32 {
		return ErrFull
	}
	if len(bytes) <= maxInline {
		r.bytes = append(r.bytes, bytes...)
		r.ends = append(r.ends, uint64(len(r.bytes)))
		return nil
	}
	e, err := r.builder.outside(0, bytes)
	if err != nil {
		return err
	}
	if r.values == nil {
		r.values = map[uint32]struct{}{}
	}
	r.values[e.ref] = struct{}{}
	var b [valueSize]byte
	putU32(b[:], e.ref)
	putU32(b[4:], uint32(e.length))
	r.bytes = append(r.bytes, b[:]...)
	r.ends = append(r.ends, uint64(len(r.bytes))|valueFlag)
	return nil
}

// stored returns the bytes of an entry, or the reference to its value.
func (r *records) stored(i int) (b []byte, isValue bool) {
	from, to := uint64(0), r.ends[i]
	if i > 0 {
		from = r.ends[i-1] &^ valueFlag
	}
	return r.bytes[from : to&^valueFlag], to&valueFlag != 0
}

// Len returns the number of entries.
func (r *records) Len() int { return len(r.ends) }

// Entry returns entry number i, in the order in which entries were added.
func (r *records) Entry(i int) []byte {
	b, isValue := r.stored(i)
	if isValue {
		return r.builder.space.value(b)
	}
	return b
}

// entry returns entry number i with a key for its page.
func (r *records) entry(i int, key uint64) entry {
	b, isValue := r.stored(i)
	if isValue {
		return entry{key: key, ref: u32(b), length: int(u32(b[4:]))}
	}
	return newEntry(key, b)
}

// touchBlock is the number of entries that are touched at a time.
const touchBlock = 64

// touch reads both ends of entry number i. The processor fetches several entries concurrently,
// while placing them would wait for one after the other.
func (r *records) touch(i int) {
	if b, _ := r.stored(i); len(b) > 0 {
		r.touched ^= b[0] ^ b[len(b)-1]
	}
}

// place appends entry number i to the last leaf, which has room.
func (r *records) place(i int, key uint64) {
	e := r.entry(i, key)
	r.builder.add(&e)
	if e.isValue() {
		delete(r.values, e.ref)
	}
}

// size returns the number of bytes that entry number i needs in a leaf.
func (r *records) size(i int) int {
	e := r.entry(i, 0)
	return entrySize(r.builder.kind, &e)
}

// Discard frees all memory.
func (r *records) Discard() { _ = r.discarded(nil) }

func (r *records) discarded(err error) error {
	for ref := range r.values {
		r.builder.discard(ref)
	}
	r.values = nil
	return r.builder.discarded(err)
}

// A MapBuilder makes a tree of entries in any order. It must end with Build or Discard.
type MapBuilder struct {
	records
	order []uint64 // the hash and the number of each entry
}

// Builder returns a MapBuilder with room for entries of size bytes in all.
func (m Map) Builder(size int) *MapBuilder {
	return &MapBuilder{records: newRecords(m.Space, m.Tx, kindMap, size)}
}

// Add adds an entry. After an error, the caller calls Discard.
func (b *MapBuilder) Add(hash uint32, entry []byte) error {
	b.order = append(b.order, uint64(hash)<<32|uint64(len(b.ends)))
	return b.add(entry)
}

// Build returns the tree, or frees all memory after an error. same reports whether two entries with
// equal hashes, which it gets by number, are the same. If two are, Build returns ErrDuplicate.
func (b *MapBuilder) Build(same func(i, j int) bool) (Root, error) {
	b.order = radix.Upper(b.order)
	touched := 0
	for from, to := 0, 0; from < len(b.order); from = to {
		if to >= touched {
			touched = min(to+touchBlock, len(b.order))
			for _, o := range b.order[to:touched] {
				b.touch(int(uint32(o)))
			}
		}
		hash := b.order[from] >> 32
		for to++; to < len(b.order) && b.order[to]>>32 == hash; {
			to++
		}
		if err := b.group(b.order[from:to], same); err != nil {
			return Root{}, b.discarded(err)
		}
	}
	return b.builder.finish()
}

// group places entries with equal hashes, which must be in one leaf.
func (b *MapBuilder) group(order []uint64, same func(i, j int) bool) error {
	size := 0
	for n, o := range order {
		i := int(uint32(o))
		if size += b.size(i); size > maxLeaf {
			return ErrFull
		}
		for _, o := range order[:n] {
			if same(int(uint32(o)), i) {
				return ErrDuplicate
			}
		}
	}
	if err := b.builder.reserve(size); err != nil {
		return err
	}
	for _, o := range order {
		b.place(int(uint32(o)), o>>32)
	}
	return nil
}

// A SortedBuilder makes a tree of entries in any order. It must end with Build or Discard.
type SortedBuilder struct {
	records
	order []scored
}

// scored is the score and the number of an entry.
type scored struct {
	score  uint64
	number uint32
}

// Builder returns a SortedBuilder with room for members of size bytes in all.
func (t Sorted) Builder(size int) *SortedBuilder {
	return &SortedBuilder{records: newRecords(t.Space, t.Tx, kindSorted, size)}
}

// Add adds an entry. After an error, the caller calls Discard.
func (b *SortedBuilder) Add(score uint64, member []byte) error {
	b.order = append(b.order, scored{score, uint32(len(b.ends))})
	return b.add(member)
}

// Build returns the tree, or frees all memory after an error. An entry that was added twice is
// ErrDuplicate. Entries in the order of the tree, or in the opposite order, are not compared more
// than a few times each.
func (b *SortedBuilder) Build() (Root, error) {
	slices.SortFunc(b.order, b.compare)
	for i, o := range b.order {
		if i > 0 && b.compare(b.order[i-1], o) == 0 {
			return Root{}, b.discarded(ErrDuplicate)
		}
		if err := b.builder.reserve(b.size(int(o.number))); err != nil {
			return Root{}, b.discarded(err)
		}
		b.place(int(o.number), o.score)
	}
	return b.builder.finish()
}

func (b *SortedBuilder) compare(x, y scored) int {
	if x.score != y.score {
		return cmp.Compare(x.score, y.score)
	}
	return bytes.Compare(b.Entry(int(x.number)), b.Entry(int(y.number)))
}
