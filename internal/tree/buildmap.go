package tree

import (
	"slices"

	"github.com/perduredb/perdure/internal/radix"
)

// A MapBuilder makes a tree of entries in any order. It must end with Discard.
type MapBuilder struct {
	records
	order []uint64 // the hash and the offset of each record
	extra int
}

// Builder returns a MapBuilder. The expected size of all records is a hint. The last extra bytes of
// a record are not part of its entry.
func (m Map) Builder(size, extra int) *MapBuilder {
	return &MapBuilder{records: newRecords(m.Space, m.Tx, kindMap, size), extra: extra}
}

// Add adds a record. It returns ErrFull above 4 GiB of records, whose entries can still be inserted
// one by one.
func (b *MapBuilder) Add(hash uint32, record []byte) error {
	if len(b.order) == cap(b.order) {
		b.order = slices.Grow(b.order, b.expected(len(b.order)))
	}
	at, err := b.add(record)
	b.order = append(b.order, uint64(hash)<<32|uint64(at))
	return err
}

// Build returns the tree. same reports whether two records with equal hashes are the same. If two
// are, Build returns ErrDuplicate.
func (b *MapBuilder) Build(same func(x, y []byte) bool) (Root, error) {
	b.order, _ = radix.Upper(b.order, nil)
	touched := 0
	for from, to := 0, 0; from < len(b.order); from = to {
		if to >= touched {
			touched = min(to+touchBlock, len(b.order))
			for _, o := range b.order[to:touched] {
				b.touch(uint32(o))
			}
		}
		hash := b.order[from] >> 32
		for to++; to < len(b.order) && b.order[to]>>32 == hash; {
			to++
		}
		if err := b.group(b.order[from:to], same); err != nil {
			return Root{}, err
		}
	}
	return b.builder.finish()
}

// group places records with equal hashes, which must be in one leaf.
func (b *MapBuilder) group(order []uint64, same func(x, y []byte) bool) error {
	if len(order) == 1 {
		return b.append(b.mapEntry(order[0]))
	}
	size := 0
	for i, o := range order {
		e := b.mapEntry(o)
		if size += entrySize(kindMap, &e); size > maxLeaf {
			return ErrFull
		}
		for _, before := range order[:i] {
			if same(b.Entry(uint32(before)), b.Entry(uint32(o))) {
				return ErrDuplicate
			}
		}
	}
	if err := b.builder.reserve(size); err != nil {
		return err
	}
	for _, o := range order {
		e := b.mapEntry(o)
		b.place(&e)
	}
	return nil
}

// mapEntry returns the entry of a record in order.
func (b *MapBuilder) mapEntry(o uint64) entry {
	e := b.entry(uint32(o), o>>32)
	if b.extra > 0 {
		e.bytes = e.bytes[:len(e.bytes)-b.extra]
	}
	return e
}
