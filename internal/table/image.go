package table

import "sync"

// A view stays at its point in time while writers continue. For each keyspace it has a cursor,
// which walks the pages by number, and a limit, the number of pages at the freeze. These
// invariants apply:
//
//  1. A record that was alive at the freeze, in a page from the cursor to the limit, is either
//     unmarked and unchanged, or its before-image has been saved.
//  2. A record in these pages that was written since has flagNew, and its page has pageNew.
//  3. No other record has flagNew.
//
// A writer calls preserve before it changes or frees a record, which maintains 1. It calls written
// after it has written a record, which maintains 2. Without releasing the lock, the reader copies a
// page, removes the marks in it, and moves the cursor past it, which maintains 3. The reader thus
// receives every record of the freeze once: with its page, or as a before-image. In the meantime a
// page may be freed and created again with another class and size. Its records are then new. A big
// page counts by its first part, so a big page that begins before the cursor is before it as a
// whole.
//
// The defragmenter moves records, which does not change them. If it moves a record that the view
// has yet to read to a page from the cursor to the limit, the record stays unmarked. The view then
// receives it with that page (move).
//
// A large value is not copied. Its span is pinned, and writers do not change pinned spans.

// frozen is the state of a keyspace until a view has passed it. The zero value means no view.
type frozen struct {
	on            bool
	view          *View
	cursor, limit uint32   // pages
	images        [][]byte // blocks of consecutive records
	large         []image
}

// image is a large record and its pinned span.
type image struct {
	slot   []byte // a copy
	memory []byte // memory of the span
	ref    uint32
}

// imageBlock is the size of the blocks that collect before-images.
const imageBlock = 16 << 10

var imageBlocks = sync.Pool{New: func() any { return new([imageBlock]byte) }}

// ahead reports whether the view has not yet reached page n.
func (f *frozen) ahead(n uint32) bool {
	return f.on && n >= f.cursor && n < f.limit
}

// preserve saves the before-image of the record at r if the view still needs it. Call it before
// changing or freeing the record.
func (k *keyspace) preserve(r uint32) {
	if !k.frozen.on {
		return
	}
	n := k.head(r)
	slot := k.at(r)
	if !k.frozen.ahead(n) || slot[0]&flagNew != 0 {
		return
	}
	if !k.frozen.view.closed.Load() {
		k.keepImage(slot)
	}
	slot[0] |= flagNew
	k.pages[n].flags |= pageNew
}

func (k *keyspace) keepImage(slot []byte) {
	rec, f := parse(slot), &k.frozen
	if rec.flags&flagLarge != 0 {
		k.pin(rec.span)
		f.large = append(f.large, k.imageOf(slot, &rec))
		f.view.held.Add(int64(rec.span.units) * unitSize)
		return
	}
	last := len(f.images) - 1
	if last < 0 || len(f.images[last])+rec.size > cap(f.images[last]) {
		block := imageBlocks.Get().(*[imageBlock]byte)[:0]
		if rec.size > imageBlock {
			block = make([]byte, 0, rec.size)
		}
		f.images = append(f.images, block)
		last++
	}
	f.images[last] = append(f.images[last], slot[:rec.size]...)
	f.view.held.Add(int64(rec.size))
}

// imageOf copies the slot of a large record whose span is pinned.
func (k *keyspace) imageOf(slot []byte, rec *record) image {
	return image{
		slot:   append([]byte(nil), slot[:rec.size]...),
		memory: k.run(rec.span.ref, rec.span.units),
		ref:    rec.span.ref,
	}
}

// recycle returns blocks of before-images for reuse.
func recycle(blocks [][]byte) {
	for _, b := range blocks {
		if cap(b) == imageBlock {
			imageBlocks.Put((*[imageBlock]byte)(b[:imageBlock]))
		}
	}
}

// skip moves the cursor to the next page with records, past at most max other pages, and reports
// whether it found one.
func (k *keyspace) skip(max uint32) bool {
	f := &k.frozen
	for ; max > 0 && f.cursor < f.limit; max-- {
		if k.pages[f.cursor].flags&pageLive != 0 {
			return true
		}
		f.cursor++
	}
	return false
}

// pass moves the cursor past its page and removes the marks in the page.
func (k *keyspace) pass() {
	f := &k.frozen
	p := &k.pages[f.cursor]
	if p.flags&pageNew != 0 {
		size := slotSizes[p.class]
		memory := k.at(f.cursor << pageShift)
		for i := range int(p.top) {
			memory[i*size] &^= flagNew
		}
		p.flags &^= pageNew
	}
	f.cursor += uint32(pageUnitsOf(p.class) / pageUnits)
}

// thaw releases a keyspace from a view.
func (k *keyspace) thaw() {
	f := k.frozen
	k.frozen = frozen{}
	for _, im := range f.large {
		k.unpin(im.ref)
	}
	recycle(f.images)
	k.releaseDetached()
}
