package tree

import "math"

// A ListBuilder makes a tree of entries in their order. It must end with Discard.
type ListBuilder struct{ builder builder }

// Builder returns a ListBuilder.
func (t List) Builder() *ListBuilder {
	return &ListBuilder{newBuilder(t.Space, t.Tx, kindList)}
}

// Add appends an entry.
func (b *ListBuilder) Add(bytes []byte) (err error) {
	if b.builder.count == math.MaxUint32 {
		return ErrFull
	}
	e := newEntry(0, bytes)
	if len(bytes) <= maxInline {
		if err = b.builder.reserve(entrySize(kindList, &e)); err == nil {
			b.builder.add(&e)
		}
		return err
	}
	if err = b.builder.reserve(1 + valueSize); err != nil {
		return err
	}
	if e, err = b.builder.outside(0, bytes); err == nil {
		b.builder.add(&e)
	}
	return err
}

// Build returns the tree.
func (b *ListBuilder) Build() (Root, error) { return b.builder.finish() }

// Discard frees the memory that no tree has.
func (b *ListBuilder) Discard() { b.builder.discardPages() }
