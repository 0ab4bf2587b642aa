package tree

import (
	"bytes"
	"cmp"
	"slices"
)

// A SortedBuilder makes a tree of entries in any order. It must end with Discard.
type SortedBuilder struct {
	records
	order []scored
}

// scored is the score and the offset of a record.
type scored struct {
	score uint64
	at    uint32
}

// Builder returns a SortedBuilder. The expected size of all members is a hint.
func (t Sorted) Builder(size int) *SortedBuilder {
	return &SortedBuilder{records: newRecords(t.Space, t.Tx, kindSorted, size)}
}

// Add adds an entry, and returns the offset of its record. Its errors are those of
// [MapBuilder.Add].
func (b *SortedBuilder) Add(score uint64, member []byte) (at uint32, err error) {
	if len(b.order) == cap(b.order) {
		b.order = slices.Grow(b.order, b.expected(len(b.order)))
	}
	at, err = b.add(member)
	b.order = append(b.order, scored{score, at})
	return at, err
}

// Build returns the tree, or ErrDuplicate if an entry was added twice. Entries in the order of the
// tree, or in the opposite order, are not compared more than a few times each.
func (b *SortedBuilder) Build() (Root, error) {
	slices.SortFunc(b.order, b.compare)
	for i, o := range b.order {
		if i > 0 && b.compare(b.order[i-1], o) == 0 {
			return Root{}, ErrDuplicate
		}
		if err := b.append(b.entry(o.at, o.score)); err != nil {
			return Root{}, err
		}
	}
	return b.builder.finish()
}

func (b *SortedBuilder) compare(x, y scored) int {
	if x.score != y.score {
		return cmp.Compare(x.score, y.score)
	}
	return bytes.Compare(b.Entry(x.at), b.Entry(y.at))
}
