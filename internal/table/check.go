package table

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
)

// Check recounts all redundant data of the table and returns the disagreements as an error. It
// covers the index and records, pages and their free lists, units of memory, marks of a view,
// trees, and counters. It only reads. All shards must be locked, or no other goroutine may use the
// table.
func (t *Table) Check() error {
	var errs []error
	for i := range t.shards {
		s := &t.shards[i]
		for db, k := range s.spaces {
			c := checker{k: k, shard: uint64(i)}
			if k != nil {
				c.check()
			}
			if n := s.counts[db].keys.Load(); n != c.keys {
				c.failf("shard counter has %d keys, found %d", n, c.keys)
			}
			if n := s.counts[db].expires.Load(); n != c.expires {
				c.failf("shard counter has %d expiries, found %d", n, c.expires)
			}
			if c.err != nil {
				errs = append(errs, fmt.Errorf("table: shard %d, database %d: %w", i, db, c.err))
			}
		}
	}
	if len(errs) == 0 {
		if err := t.checkTrees(); err != nil {
			errs = append(errs, fmt.Errorf("table: %w", err))
		}
	}
	return errors.Join(errs...)
}

// checker recounts one keyspace and retains the first error.
type checker struct {
	k             *keyspace
	shard         uint64
	keys, expires int64
	records       map[uint32]bool // by ref; true if the index references it
	units         []uint64        // by chunk, a bit for each unit in use
	mapped        map[uint32]bool // dedicated mappings in use
	spanUnits     int64
	err           error
}

func (c *checker) failf(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf(format, args...)
	}
}

func (c *checker) check() {
	c.records = make(map[uint32]bool)
	c.units = make([]uint64, len(c.k.chunks))
	c.mapped = make(map[uint32]bool)
	c.checkPages()
	c.checkLists()
	if c.err == nil {
		c.checkIndex()
	}
	for ref, p := range c.k.pins {
		if p.orphan {
			c.useSpan(span{ref, p.units})
		}
	}
	c.checkUnits()
	if c.k.keys != c.keys {
		c.failf("keyspace has a count of %d keys, found %d", c.k.keys, c.keys)
	}
	if c.k.spanUnits != c.spanUnits {
		c.failf("keyspace has a count of %d units in spans, found %d", c.k.spanUnits, c.spanUnits)
	}
}

func (c *checker) use(ref uint32, n int) {
	chunk := ref >> refChunkShift
	if n > chunkUnits {
		if c.mapped[chunk] {
			c.failf("chunk %d is used twice", chunk)
		}
		c.mapped[chunk] = true
		return
	}
	mask := unitMask(int(ref&refOffsetMask)/unitWords, n)
	if c.units[chunk]&mask != 0 {
		c.failf("units at %#x are used twice", ref)
	}
	c.units[chunk] |= mask
}

func (c *checker) useSpan(s span) {
	c.use(s.ref, int(s.units))
	c.spanUnits += int64(s.units)
}

func (c *checker) checkPages() {
	var slotted, paged int64
	for n := range c.k.pages {
		p := &c.k.pages[n]
		if p.flags&pageLive == 0 {
			continue
		}
		for i := 1; i < pageUnitsOf(p.class)/pageUnits; i++ {
			if c.k.pages[n+i].flags != pageTail {
				c.failf("page %d has no tail %d", n, i)
			}
		}
		c.use(uint32(n)<<pageShift, pageUnitsOf(p.class))
		paged += int64(pageUnitsOf(p.class)) * unitSize
		slotted += int64(c.checkPage(uint32(n), p)) * int64(slotSizes[p.class])
	}
	if slotted != c.k.slotted {
		c.failf("keyspace has a count of %d bytes in slots, found %d", c.k.slotted, slotted)
	}
	if paged != c.k.paged {
		c.failf("keyspace has a count of %d bytes in pages, found %d", c.k.paged, paged)
	}
}

// checkPage checks the contents of a page and returns the number of its records.
func (c *checker) checkPage(n uint32, p *page) (used int) {
	base := n << pageShift
	for i := range int(p.top) {
		r := base + uint32(i*slotSizes[p.class]/8)
		slot := c.k.at(r)
		if slot[0]&flagLive != 0 {
			used++
			c.records[r] = false
			c.checkRecord(n, p, r)
		} else if slot[0] != 0 {
			c.failf("free slot at %#x has flags %#x", r, slot[0])
		}
	}
	up := p.unitsUpTop()
	if p.flags&pageCut == 0 {
		up = pageUnitsOf(p.class)
	}
	if mask := unitMask(int(base&refOffsetMask)/unitWords, up); mask&^c.k.warm[base>>refChunkShift] != 0 {
		c.failf("page %d has used units that are marked untouched", n)
	}
	if used != int(p.used) || used == 0 {
		c.failf("page %d has a count of %d records, found %d", n, p.used, used)
	}
	unused := 0
	for link := p.unused; link != 0 && unused <= int(p.top); unused++ {
		slot := c.k.at(base + uint32(link-1))
		if slot[0] != 0 {
			c.failf("page %d has a record in its free list", n)
		}
		link = binary.LittleEndian.Uint16(slot[2:])
	}
	if used+unused != int(p.top) {
		c.failf("page %d has %d records and %d free slots, want %d in total", n, used, unused, p.top)
	}
	return used
}

func (c *checker) checkRecord(n uint32, p *page, r uint32) {
	rec := c.k.recordAt(r)
	expiring := rec.flags&flagExpire != 0
	if expiring != (p.flags&pageExpire != 0) || expiring != (rec.expire != 0) {
		c.failf("record at %#x is in a page for the other kind of expiry", r)
	}
	if expiring {
		c.expires++
		if rec.expire < p.earliest {
			c.failf("record at %#x expires before its page", r)
		}
	}
	if classOf(rec.size) != p.class {
		c.failf("record at %#x has %d bytes in a slot of %d", r, rec.size, slotSizes[p.class])
	}
	if rec.flags&flagNew != 0 && (!c.k.frozen.ahead(n) || p.flags&pageNew == 0) {
		c.failf("record at %#x is marked new", r)
	}
	if rec.flags&flagLarge != 0 {
		c.useSpan(rec.span)
		if p.flags&pageLarge == 0 || recordSize(rec.keySize, rec.valueSize, expiring) <= maxSlot {
			c.failf("record at %#x is large, want small", r)
		}
	}
	if _, isInt := parseInt(rec.value); isInt && rec.flags&(flagCounter|flagOpaque) == 0 {
		c.failf("record at %#x is not a counter, want a counter", r)
	}
}

// checkLists checks that the lists of pages with a free slot agree with the pages.
func (c *checker) checkLists() {
	want, have := 0, 0
	for n := range c.k.pages {
		if p := &c.k.pages[n]; p.flags&pageLive != 0 && !p.full() && p.flags&pageLeaving == 0 {
			want++
		}
	}
	for list, n := range c.k.partial {
		for prev := uint32(0); n != 0 && have <= want; have++ {
			p := &c.k.pages[n-1]
			if p.prev != prev || p.full() || p.flags&pageLeaving != 0 ||
				listOf(p.class, p.flags&pageExpire != 0) != list {
				c.failf("page %d is in the wrong list", n-1)
			}
			prev, n = n, p.next
		}
	}
	if have != want {
		c.failf("%d pages are in lists, but %d have free slots", have, want)
	}
}

func (c *checker) checkIndex() {
	segments, next := 0, uint64(0)
	c.k.eachHead(func(seg uint32, first, last uint64) bool {
		if first != next {
			c.failf("directory continues at %#x, want %#x", first, next)
		}
		next = last + 1
		depth := depthOf(c.k.segment(seg))
		run := uint64(1) << (c.k.depth - depth)
		for i := range run {
			if c.k.directory[first>>(64-c.k.depth)+i] != seg {
				c.failf("directory has a hole after %#x", first)
			}
		}
		for more := true; more && c.err == nil; segments++ {
			s := c.k.segment(seg)
			c.use(seg, 1)
			c.checkSegment(seg, first, last)
			seg, more = nextIn(s)
		}
		return c.err == nil
	})
	if segments != c.k.segments {
		c.failf("keyspace has a count of %d segments, found %d", c.k.segments, segments)
	}
	for r, named := range c.records {
		if !named {
			c.failf("record at %#x is not in the index", r)
		}
	}
}

// checkSegment checks the records of one segment, and that a search finds each.
func (c *checker) checkSegment(seg uint32, first, last uint64) {
	s := c.k.segment(seg)
	n := 0
	eachRef(s, func(r uint32) {
		n++
		c.keys++
		named, ok := c.records[r]
		if !ok || named {
			c.failf("index refers to %#x, which is not a record or occurs twice", r)
			return
		}
		c.records[r] = true
		rec := c.k.recordAt(r)
		h := c.k.hasher.hash(rec.key)
		if p := c.k.prefix(h); p < first || p > last || c.shard != h>>1>>(63-c.k.shardBits) {
			c.failf("record at %#x is in the wrong segment", r)
		}
		if found, _, ok := c.k.find(h, rec.key); !ok || found != r {
			c.failf("lookup does not find the record at %#x", r)
		}
	})
	if n != recordsIn(s) {
		c.failf("segment has a count of %d records, found %d", recordsIn(s), n)
	}
	c.checkOverflow(s)
}

// checkOverflow recounts the overflow of a segment that is not in a chain.
func (c *checker) checkOverflow(s segment) {
	if _, chained := nextIn(s); chained {
		return
	}
	var passed [segmentBuckets]uint16
	for b := range uint32(segmentBuckets) {
		for slot := range uint32(bucketSlots) {
			if bucketOf(s, b)[slot] == 0 {
				continue
			}
			h := c.k.hashAt(refIn(bucketOf(s, b), slot))
			for at := homeOf(h); at != b; at = (at + 1) % segmentBuckets {
				passed[at]++
			}
		}
	}
	for b := range uint32(segmentBuckets) {
		if have := overflow(bucketOf(s, b)); have != passed[b] && have != maxOverflow {
			c.failf("bucket has a count of %d overflowed records, found %d", have, passed[b])
		}
	}
}

// checkUnits checks that each unit is either used or free.
func (c *checker) checkUnits() {
	free, idle, warm := 0, 0, 0
	for n, memory := range c.k.chunks {
		chunk := uint32(n)
		switch {
		case memory == nil:
			if c.units[n] != 0 || c.mapped[chunk] {
				c.failf("chunk %d is in use but has no memory", n)
			}
		case c.k.ids[n] == ownMapping:
			if !c.mapped[chunk] {
				c.failf("dedicated mapping %d is not used", n)
			}
		case c.units[n]^c.k.free[n] != math.MaxUint64:
			c.failf("chunk %d: units %#x are used, %#x free", n, c.units[n], c.k.free[n])
		}
		free += bits.OnesCount64(c.k.free[n])
		idle += bits.OnesCount64(c.k.free[n] & c.k.warm[n])
		warm += bits.OnesCount64(c.k.warm[n])
	}
	if a := &c.k.arena; free != a.freeUnits || idle != a.idleUnits || warm != a.warmUnits {
		c.failf("keyspace has counts of %d, %d, %d free, idle, warm units, found %d, %d, %d",
			a.freeUnits, a.idleUnits, a.warmUnits, free, idle, warm)
	}
}
