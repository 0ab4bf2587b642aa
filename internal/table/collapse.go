package table

// Regions below hugeAbove begin with small pages, because each shard has a chunk that it has not filled, and
// a huge page would make all of it resident. Where the chunks have filled up there is no such reason, and
// random access to small pages is some 15 % slower, for what the processor reads to find them.

// hugePage is the size of a huge page where systemPage is 4 KiB.
const hugePage = 2 << 20

// collapse gives memory of small pages that is resident anyhow huge ones, at most hugePage of it at a time. It
// reports whether there may be more to do. It must not be called with a shard locked: whoever reads or
// writes what is moved waits for it, half a millisecond, and several when the system must look for
// a page.
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
	memory := p.splitHuge(n) // where something is freed later, the hole is not to be filled

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

// nextSmall returns the region that p.small has come to, and its number. It returns nil when all were looked at since a
// chunk was last handed out: before the next one nothing fills up. The pool is locked.
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

// filling reports whether regions are to be looked at that were not, after another round: while a table grows, which
// needs the same lock of the system, they wait.
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
