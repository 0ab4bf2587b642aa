package table

// Regions below hugeAbove begin with small pages. Each shard has a chunk that it has not filled,
// and a huge page would make all of that chunk resident. Shards fill up at the same rate, so that
// all of these chunks can be almost empty. This reason ends when the chunks have filled up. Random
// access to small pages is about 15% slower, because the processor reads more to translate their
// addresses.

// hugePage is the size of a huge page where systemPage is 4 KiB.
const hugePage = 2 << 20

// collapse replaces the small pages of resident memory by huge pages, at most hugePage bytes at a
// time. It reports whether there may be more to do. It must not be called with a shard locked. A
// goroutine that reads or writes the memory being moved waits 0.5 ms, and several ms if the kernel
// must search for a page.
func (p *pool) collapse() bool {
	if !canCollapse {
		return false
	}
	p.mu.Lock()
	r, n := p.nextSmall()
	if r == nil {
		p.mu.Unlock()
		return false
	}
	r.collapsing = true
	done := r.huge
	p.mu.Unlock()
	memory := p.splitHuge(n) // the kernel must not fill holes from later frees

	piece, found := 0, false
	for ; piece < len(memory)/hugePage && !found; piece++ {
		found = done&(1<<piece) == 0 && collapse(memory, piece)
	}

	p.mu.Lock()
	defer p.mu.Unlock()
	r = &p.regions[n]
	r.collapsing = false
	if found {
		r.huge |= 1 << (piece - 1)
	} else {
		p.small++
	}
	return true
}

// nextSmall returns the region that p.small has reached, and its number. It returns nil if all
// regions were examined since the pool last handed out a chunk, because no region fills up before
// the next chunk. The pool must be locked.
func (p *pool) nextSmall() (*region, int) {
	if p.lookedAt == p.handedOut || p.small == 0 && p.lookingAt != p.handedOut {
		return nil, 0
	}
	for ; p.small < len(p.regions); p.small++ {
		if r := &p.regions[p.small]; r.memory != nil && r.free == 0 && r.huge != allHuge {
			return r, p.small
		}
	}
	p.small, p.lookedAt = 0, p.lookingAt
	return nil, 0
}

// filling reports whether there are regions to examine after another round. They wait during growth
// of a table, which competes for a lock of the kernel.
func (p *pool) filling() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !canCollapse || p.lookedAt == p.handedOut {
		return false
	}
	if p.small == 0 {
		p.lookingAt = p.handedOut
	}
	return true
}
