package table

import (
	"encoding/binary"
	"math"
	"slices"
)

// The Defragmenter packs a keyspace into its first chunks. It empties pages at and above a limit
// like sparse pages, and moves segments and spans there without changing them.

// noLimit is the limit for keyspaces whose chunks are well used.
const noLimit = math.MaxUint32

// chunksNeeded returns the number of first chunks that have room for everything a keyspace has in
// chunks, with some to spare. It returns noLimit if packing is not worth the work.
func (k *keyspace) chunksNeeded() uint32 {
	units := 0
	for c, memory := range k.chunks {
		if memory != nil && k.ids[c] != ownMapping {
			units += chunkUnits
		}
	}
	units -= k.freeUnits
	if k.sparse() {
		units -= int(float64(k.paged)-float64(k.slotted)/packed) / unitSize
	} else if !k.scattered() {
		return noLimit
	}
	units += units/16 + chunkUnits/4
	for c, memory := range k.chunks {
		if units <= 0 {
			return uint32(c)
		}
		if memory != nil && k.ids[c] != ownMapping {
			units -= chunkUnits
		}
	}
	return noLimit
}

// moveSegments moves segments to chunks below the limit. Segments of chains, which are rare, stay.
func (d *Defragmenter) moveSegments(k *keyspace) {
	moved := 0
	for range stepRefs {
		if d.limit == noLimit || len(k.directory) == 0 {
			d.page, d.phase = 0, (*Defragmenter).moveSpans
			return
		}
		if moved == stepSegments {
			return
		}
		i := d.prefix >> (64 - k.depth)
		seg := k.directory[i]
		depth := depthOf(k.segment(seg))
		if _, chained := nextIn(k.segment(seg)); !chained && seg>>refChunkShift >= d.limit {
			to, ok := d.allocBelow(k, 1)
			if !ok {
				return
			}
			*k.segment(to) = *k.segment(seg)
			for n := i &^ (1<<(k.depth-depth) - 1); n < uint64(len(k.directory)) && k.directory[n] == seg; n++ {
				k.directory[n] = to
			}
			k.release(seg, 1)
			moved++
		}
		if d.prefix = (d.prefix | ^uint64(0)>>depth) + 1; d.prefix == 0 {
			d.page, d.phase = 0, (*Defragmenter).moveSpans
			return
		}
	}
}

// allocBelow allocates units below the limit. If it finds none, the Defragmenter moves nothing
// else.
func (d *Defragmenter) allocBelow(k *keyspace, n int) (ref uint32, ok bool) {
	ref, ok = k.alloc(n, false)
	if ok && ref>>refChunkShift < d.limit {
		return ref, true
	}
	if ok {
		k.release(ref, n)
	}
	d.limit = noLimit
	return 0, false
}

// moveSpans moves spans to chunks below the limit, one in a step. Spans that a reader has pinned
// stay.
func (d *Defragmenter) moveSpans(k *keyspace) {
	for range stepPages {
		if d.limit == noLimit || int(d.page) >= len(k.pages) {
			d.page, d.phase = 0, (*Defragmenter).cut
			return
		}
		p := &k.pages[d.page]
		if p.flags&(pageLive|pageLarge) == pageLive|pageLarge {
			if slot, ok := d.spanBeyond(k, p); ok {
				d.moveSpan(k, slot)
			} else {
				d.page++
			}
			return
		}
		d.page++
	}
}

// spanBeyond returns the slot of a record in page d.page whose span should be moved.
func (d *Defragmenter) spanBeyond(k *keyspace, p *page) (slot []byte, ok bool) {
	size := slotSizes[p.class]
	memory := k.at(d.page << pageShift)
	for i := range int(p.top) {
		slot := memory[i*size:]
		if slot[0]&(flagLive|flagLarge) != flagLive|flagLarge {
			continue
		}
		s := parse(slot).span
		if _, pinned := k.pins[s.ref]; !pinned && s.units <= chunkUnits && s.ref>>refChunkShift >= d.limit {
			return slot, true
		}
	}
	return nil, false
}

// moveSpan moves the span of a record. A view does not notice it, because the view pins a span
// when it takes the record.
func (d *Defragmenter) moveSpan(k *keyspace, slot []byte) {
	rec := parse(slot)
	to, ok := d.allocBelow(k, int(rec.span.units))
	if !ok {
		return
	}
	size := int(rec.span.units) * unitSize
	copy(k.at(to)[:size], k.at(rec.span.ref)[:size])
	n := 4 + int(rec.flags&flagExpire)*2 + 8
	binary.LittleEndian.PutUint32(slot[n:], to)
	k.release(rec.span.ref, int(rec.span.units))
	d.moved.Add(1)
}

// shrink drops the chunk numbers above the last chunk if they are at least half of all and no view
// is open.
func (k *keyspace) shrink() {
	n := len(k.chunks)
	for n > 0 && k.chunks[n-1] == nil {
		n--
	}
	if 2*n > len(k.chunks) || k.frozen.on {
		return
	}
	k.chunks = append([][]byte(nil), k.chunks[:n]...)
	k.bases = append([]*[chunkSize]byte(nil), k.bases[:n]...)
	k.free = append([]uint64(nil), k.free[:n]...)
	k.warm = append([]uint64(nil), k.warm[:n]...)
	k.ids = append([]uint32(nil), k.ids[:n]...)
	k.pages = append([]page(nil), k.pages[:min(n*chunkPages, len(k.pages))]...)
	k.vacant = slices.DeleteFunc(k.vacant, func(c uint32) bool { return int(c) >= n })
}
