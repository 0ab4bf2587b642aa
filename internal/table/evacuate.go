package table

// The Defragmenter evacuates pages in three phases. First it surveys the pages. For each list of
// pages of a class it decides how many of the emptiest pages the other pages have room for. Then it
// marks these pages as leaving, which removes them from the list. Last it moves their records.

// A listPlan contains the counts of the pages of one list, and the choice of the pages to evacuate.
type listPlan struct {
	used  int              // records
	top   int              // slots ever used, in the pages that pages counts
	pages int              // number of pages, without those that leave regardless of the plan
	bins  [shareBins]int32 // number of these pages, by share of used slots
	bin   int              // pages in bins below this one leave,
	quota int32            // and this many pages of bin
}

// shareBins is the number of bins that distinguish pages by the share of their slots in use.
const shareBins = 8

func binOf(p *page) int {
	return min(int(p.used)*shareBins/int(slotCounts[p.class]), shareBins-1)
}

// leaves reports whether page n is evacuated regardless of the plan for its list.
func (d *Defragmenter) leaves(n uint32, p *page) bool {
	return p.flags&pageLeaving != 0 || n/chunkPages >= d.limit
}

// survey counts the records in some pages. After the last page it makes the plans.
func (d *Defragmenter) survey(k *keyspace) {
	end := min(d.page+stepPages, uint32(len(k.pages)))
	for ; d.page < end; d.page++ {
		p := &k.pages[d.page]
		if p.flags&pageLive == 0 {
			continue
		}
		l := &d.lists[listOf(p.class, p.flags&pageExpire != 0)]
		l.used += int(p.used)
		if !d.leaves(d.page, p) {
			l.pages++
			l.top += int(p.top)
			l.bins[binOf(p)]++
		}
	}
	if int(end) < len(k.pages) {
		return
	}
	for i := range d.lists {
		d.lists[i].decide(i % numClasses)
	}
	d.phase = (*Defragmenter).mark
}

// fewPages is the maximum number of pages of a list that are rewritten if that saves no page, but
// only units at the ends of pages.
const fewPages = 4

// decide chooses the pages to evacuate.
func (l *listPlan) decide(class int) {
	slots := int(slotCounts[class])
	if float64(l.used) > sparse*float64(l.pages*slots) {
		return
	}
	victims := int32(l.pages - int(float64(l.used)/(packed*float64(slots))) - 1)
	if size := slotSizes[class]; victims <= 0 && l.pages <= fewPages && canDiscard &&
		unitsFor(l.used*size) < unitsFor(l.top*size) {
		l.bin = shareBins
		return
	}
	for l.bin = 0; victims > 0 && l.bin < shareBins; l.bin++ {
		if l.bins[l.bin] > victims {
			l.quota = victims
			return
		}
		victims -= l.bins[l.bin]
	}
}

// mark chooses the victims, from the last page to the first. Of equally full pages, those of the
// last chunks leave, so that whole chunks become free.
func (d *Defragmenter) mark(k *keyspace) {
	d.page = min(d.page, uint32(len(k.pages)))
	for range min(stepPages, d.page) {
		d.page--
		p := &k.pages[d.page]
		if p.flags&pageLive == 0 {
			continue
		}
		l := &d.lists[listOf(p.class, p.flags&pageExpire != 0)]
		bin := binOf(p)
		switch {
		case d.leaves(d.page, p) || bin < l.bin:
		case bin == l.bin && l.quota > 0:
			l.quota--
		default:
			continue
		}
		if p.flags&pageLeaving == 0 && !p.full() {
			k.unlist(p)
		}
		p.flags |= pageLeaving
		d.victims = append(d.victims, d.page)
	}
	if d.page == 0 {
		d.phase = (*Defragmenter).evacuate
	}
}

// evacuate moves some records out of the first victim.
func (d *Defragmenter) evacuate(k *keyspace) {
	for len(d.victims) > 0 {
		n := d.victims[0]
		if int(n) < len(k.pages) && k.pages[n].flags&pageLeaving != 0 {
			moved, ok := k.empty(n, stepRecords)
			d.moved.Add(int64(moved))
			if !ok {
				d.finish(k)
			}
			return
		}
		d.victims = d.victims[1:]
	}
	d.prefix = 0
	d.phase = (*Defragmenter).moveSegments
}

// empty moves up to max records of page n to other pages and returns their number. A page that has
// lost all records no longer exists. It returns false if memory for another page runs out.
func (k *keyspace) empty(n uint32, max int) (moved int, ok bool) {
	p := &k.pages[n]
	size := uint32(slotSizes[p.class] / 8)
	left := min(max, int(p.used))
	for r := n << pageShift; moved < left; r += size {
		if k.at(r)[0]&flagLive != 0 {
			if !k.move(r, n) {
				return moved, false
			}
			moved++
		}
	}
	return moved, true
}

// move moves the record at r from page n to another page. A view receives the record once. If the
// view was to receive it with the old page and has not passed the new page, it receives the record
// with the new page. Otherwise the view handles the record as if it had been changed. move returns
// false if memory runs out.
func (k *keyspace) move(r, n uint32) bool {
	rec := parse(k.at(r))
	if rec.key == nil {
		rec.load(k.run(rec.span.ref, rec.span.units))
	}
	found, at, ok := k.find(k.hasher.hash(rec.key), rec.key)
	if !ok || found != r {
		panic("table: internal error: record not in the index")
	}
	class := k.pages[n].class
	to, m, ok := k.allocSlot(class, rec.flags&flagExpire != 0)
	if !ok {
		return false
	}
	due := k.frozen.ahead(n) && rec.flags&flagNew == 0
	if due && !k.frozen.ahead(m) {
		k.preserve(r)
		due = false
	}
	slot := k.at(to)
	copy(slot[:slotSizes[class]], k.at(r))
	slot[0] &^= flagNew
	q := &k.pages[m]
	q.flags |= k.pages[n].flags & (pageLarge | pageTree)
	if rec.flags&flagExpire != 0 {
		q.earliest = min(q.earliest, rec.expire)
	}
	if !due && k.frozen.ahead(m) {
		slot[0] |= flagNew
		q.flags |= pageNew
	}
	k.setRef(at, to)
	k.freeSlot(r)
	return true
}

// cut returns the never used ends of pages to the kernel if the keyspace is sparse. Such a keyspace
// has many pages that are not full, at least one for each class.
func (d *Defragmenter) cut(k *keyspace) {
	if !canDiscard || !k.sparse() {
		d.finish(k)
		return
	}
	cut := 0
	end := min(d.page+stepPages, uint32(len(k.pages)))
	for ; d.page < end && cut < stepUnits; d.page++ {
		if p := &k.pages[d.page]; p.flags&pageLive != 0 {
			cut += k.cutPage(d.page, p)
		}
	}
	if int(d.page) >= len(k.pages) {
		d.finish(k)
	}
}

func (k *keyspace) cutPage(n uint32, p *page) (units int) {
	up := p.unitsUpTop()
	if up == pageUnitsOf(p.class) {
		return 0
	}
	r := n << pageShift
	c := r >> refChunkShift
	mask := unitMask(int(r&refOffsetMask)/unitWords+up, pageUnitsOf(p.class)-up)
	p.flags |= pageCut
	return k.cool(c, mask&k.warm[c])
}
