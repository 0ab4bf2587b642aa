package table

import (
	"encoding/binary"
	"math"
)

// A page has slots of one size. It is 16 KiB, or 64 KiB for slots above 2 KiB. Records with an
// expiry have separate pages, so that a search for expired records need not read the others.
const (
	pageUnits    = 4
	bigPageUnits = 16
	pageSize     = pageUnits * unitSize
	pageShift    = 11 // from a ref to its page number
	maxSlot      = 32 << 10
	chunkPages   = chunkUnits / pageUnits
)

// slotSizes contains the size classes: every 8 bytes up to 256, then 8 for each doubling up to
// 2 KiB, then sizes that divide a page of 64 KiB well.
var slotSizes = func() (sizes []int) {
	for size := 8; size <= 256; size += 8 {
		sizes = append(sizes, size)
	}
	for step := 32; step <= 128; step *= 2 {
		for i := 9; i <= 16; i++ {
			sizes = append(sizes, i*step)
		}
	}
	for _, n := range []int{28, 25, 22, 20, 18, 16, 14, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2} {
		sizes = append(sizes, bigPageUnits*unitSize/n&^7)
	}
	return sizes
}()

// numClasses is len(slotSizes).
const numClasses = 32 + 24 + 18

// firstBigClass is the first class with big pages.
const firstBigClass = 32 + 24

// classBySize returns the class for a size. The first table has steps of 8 bytes up to 2 KiB, the
// second has steps of 64 bytes up to 32 KiB.
var classBySize, bigClassBySize = func() (small [257]uint8, big [maxSlot/64 + 1]uint8) {
	smallest := func(size int) uint8 {
		for class, slot := range slotSizes {
			if slot >= size {
				return uint8(class)
			}
		}
		panic("table: internal error: no slab class for the size")
	}
	for i := range small {
		small[i] = smallest(i * 8)
	}
	for i := range big {
		big[i] = smallest(i * 64)
	}
	return small, big
}()

func classOf(size int) uint8 {
	if size <= 2048 {
		return classBySize[(size+7)>>3]
	}
	return bigClassBySize[(size+63)>>6]
}

// page describes a page of 16 KiB. A big page is described by its first page; the next three are
// tails. Next and previous are page numbers plus 1.
type page struct {
	earliest   int64  // lower bound of the expiry of its records
	next, prev uint32 // in the list of pages of this class with a free slot
	unused     uint16 // first freed slot: offset in words plus 1
	top        uint16 // slots from this number on were never used
	used       uint16 // slots that hold a record
	class      uint8
	flags      uint8
}

const (
	pageLive    = 1 << iota // a page, not free units or a run of another use
	pageTail                // continues a big page
	pageExpire              // its records have an expiry
	pageNew                 // may have records marked new
	pageLarge               // may have records whose value is in a span
	pageLeaving             // is being evacuated: it is in no list and gets no new records
	pageCut                 // units after its top may have been returned to the kernel
	pageTree                // may have records whose value has roots of trees
)

// slotCounts is the number of slots in a page of each class.
var slotCounts = func() (counts [numClasses]uint16) {
	for class, size := range slotSizes {
		counts[class] = uint16(pageUnitsOf(uint8(class)) * unitSize / size)
	}
	return counts
}()

func pageUnitsOf(class uint8) int {
	if class >= firstBigClass {
		return bigPageUnits
	}
	return pageUnits
}

// full reports whether no slot is free.
func (p *page) full() bool {
	return p.unused == 0 && p.top == slotCounts[p.class]
}

// slabs allocates slots. Pages are numbered by address: 16 for each chunk.
type slabs struct {
	pages   []page
	partial [2 * numClasses]uint32 // first page, plus 1, with a free slot; by class and expiry
	slotted int64                  // bytes in slots that hold a record
	paged   int64                  // bytes in pages
}

// head returns the number of the page that contains r.
func (k *keyspace) head(r uint32) uint32 {
	n := r >> pageShift
	if k.pages[n].flags&pageTail != 0 {
		n &^= bigPageUnits/pageUnits - 1
	}
	return n
}

// allocSlot returns a slot with undefined contents and the number of its page. It returns false if
// memory for another page runs out.
func (k *keyspace) allocSlot(class uint8, expiring bool) (r, n uint32, ok bool) {
	list := &k.partial[listOf(class, expiring)]
	if *list == 0 && !k.addPage(class, expiring) {
		return 0, 0, false
	}
	n = *list - 1
	p := &k.pages[n]
	size := slotSizes[class]
	if p.unused != 0 {
		r = n<<pageShift + uint32(p.unused-1)
		p.unused = binary.LittleEndian.Uint16(k.at(r)[2:])
	} else {
		r = n<<pageShift + uint32(int(p.top)*size/8)
		p.top++
		if p.flags&pageCut != 0 {
			k.warmUp(n, p)
		}
	}
	p.used++
	if p.full() {
		k.unlist(p)
	}
	k.slotted += int64(size)
	return r, n, true
}

func listOf(class uint8, expiring bool) int {
	if expiring {
		return numClasses + int(class)
	}
	return int(class)
}

func (k *keyspace) addPage(class uint8, expiring bool) bool {
	units := pageUnitsOf(class)
	ref, ok := k.alloc(units, true)
	if !ok {
		return false
	}
	n := ref >> pageShift
	if need := len(k.chunks) * chunkPages; need > len(k.pages) {
		k.pages = append(k.pages, make([]page, need-len(k.pages))...)
	}
	p := &k.pages[n]
	*p = page{class: class, flags: pageLive, earliest: math.MaxInt64}
	if expiring {
		p.flags |= pageExpire
	}
	for i := 1; i < units/pageUnits; i++ {
		k.pages[n+uint32(i)] = page{class: class, flags: pageTail}
	}
	k.paged += int64(units) * unitSize
	k.list(n)
	return true
}

// list inserts page n at the head of the list of pages of its class with a free slot.
func (k *keyspace) list(n uint32) {
	p := &k.pages[n]
	first := &k.partial[listOf(p.class, p.flags&pageExpire != 0)]
	p.next, p.prev = *first, 0
	if p.next != 0 {
		k.pages[p.next-1].prev = n + 1
	}
	*first = n + 1
}

func (k *keyspace) unlist(p *page) {
	if p.prev != 0 {
		k.pages[p.prev-1].next = p.next
	} else {
		k.partial[listOf(p.class, p.flags&pageExpire != 0)] = p.next
	}
	if p.next != 0 {
		k.pages[p.next-1].prev = p.prev
	}
	p.next, p.prev = 0, 0
}

// freeSlot frees the slot at r. The slot's first word becomes a link without the live flag. A page
// without records is returned to the arena.
func (k *keyspace) freeSlot(r uint32) {
	n := k.head(r)
	p := &k.pages[n]
	size := slotSizes[p.class]
	k.slotted -= int64(size)
	full := p.full()
	p.used--
	if p.used == 0 {
		if !full && p.flags&pageLeaving == 0 {
			k.unlist(p)
		}
		k.dropPage(n, p)
		return
	}
	slot := k.at(r)
	if checked {
		poison(slot[4:size])
	}
	binary.LittleEndian.PutUint32(slot, uint32(p.unused)<<16)
	p.unused = uint16(r-n<<pageShift) + 1
	if full && p.flags&pageLeaving == 0 {
		k.list(n)
	}
}

// unitsUpTop returns the number of units of a page with slots that were used.
func (p *page) unitsUpTop() int {
	return int(unitsFor(int(p.top) * slotSizes[p.class]))
}

// warmUp records that page n, which was trimmed, has grown.
func (k *keyspace) warmUp(n uint32, p *page) {
	units := p.unitsUpTop()
	k.touched(n<<pageShift, units)
	if units == pageUnitsOf(p.class) {
		p.flags &^= pageCut
	}
}

func (k *keyspace) dropPage(n uint32, p *page) {
	units := pageUnitsOf(p.class)
	for i := range uint32(units / pageUnits) {
		k.pages[n+i] = page{}
	}
	k.paged -= int64(units) * unitSize
	k.release(n<<pageShift, units)
}
