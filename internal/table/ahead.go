package table

import "math/bits"

// The kernel clears a huge page when it is first touched. That takes 0.1 ms, and 5 ms in a virtual
// machine whose host must find the memory first. A goroutine that needs a chunk has a shard locked,
// so the next chunks are prepared before they are needed.

// Number of chunks that are prepared ahead of the last one that was handed out.
const (
	aheadOfShards = 8  // 2 MiB
	aheadOfTrees  = 1  // they fill one chunk after another
	aheadOfCopies = 16 // more than usual, while a view is read: each change copies pages
)

// aheadStep is the number of chunks prepared at a time: a huge page. The kernel holds a lock of the
// whole process during each request.
const aheadStep = hugePage / chunkSize

// GrowAhead turns a lead of 16 MiB on or off, for a table that is about to grow much, such as
// during a load. It does not lock a shard.
func (t *Table) GrowAhead(on bool) {
	p := t.pool
	p.mu.Lock()
	p.loading = on
	p.mu.Unlock()
	if !on {
		p.dropPrepared()
	}
}

// lead returns the number of chunks to prepare ahead. The pool must be locked.
func (p *pool) lead(u purpose) int {
	switch {
	case p.loading:
		return regionChunks
	case u == forTrees:
		return aheadOfTrees
	}
	return aheadOfShards
}

// nextRegion returns memory for a region, prepared if possible. It returns false if memory runs
// out. The pool must be locked.
func (p *pool) nextRegion(u purpose) (r region, ok bool) {
	r = region{free: regionFree, ready: regionChunks, purpose: u}
	large := p.prefersHuge(u)
	r.large = large
	if !large || p.spare == nil {
		r.memory, ok = mapRegion(large)
	}
	switch {
	case !ok && p.spare != nil: // the last memory is for any purpose
		r.memory, r.ready, r.large, p.spare = p.spare, p.spareReady, true, nil
	case !ok:
		return region{}, false
	case large:
		r.ready = 0
	}
	if large {
		r.huge = allHuge
	}
	return r, true
}

// mapRegion maps memory for a region. It returns false if the kernel refuses it.
func mapRegion(large bool) (memory []byte, ok bool) {
	memory, err := mapMemory(regionChunks * chunkSize)
	if err == nil && large {
		preferHuge(memory)
	}
	return memory, err == nil
}

// prefersHuge reports whether a new region prefers huge pages. During a load a smaller table does:
// the pages of a region are then ready before they are needed. The pool must be locked.
func (p *pool) prefersHuge(u purpose) bool {
	switch {
	case u == forTrees:
		return p.inTrees >= hugeTrees
	case p.loading:
		return p.reserved.Load() >= hugeAbove*p.shards/4
	}
	return p.reserved.Load() >= hugeAbove*p.shards
}

// prepareAhead starts the preparation of the next chunks, unless it runs. The pool must be locked.
func (p *pool) prepareAhead() {
	if piece := p.nextPiece(0); piece != nil {
		go p.prepare(piece)
	}
}

// prepareForCopies prepares memory, unless there is enough. The caller does that itself: one more
// thread would take a processor from the writers, for a time slice of several milliseconds.
func (p *pool) prepareForCopies() {
	p.mu.Lock()
	piece := p.nextPiece(aheadOfCopies)
	p.mu.Unlock()
	if piece != nil {
		p.prepare(piece)
	}
}

// prepare prepares a piece from nextPiece, and others until there are enough. Their regions may be
// in use by then.
func (p *pool) prepare(piece []byte) {
	for piece != nil {
		populateMemory(piece)
		p.mu.Lock()
		close(p.preparing)
		p.preparing = nil
		piece = p.nextPiece(0)
		p.mu.Unlock()
	}
}

// nextPiece returns memory that the caller must prepare. It returns nil if enough is prepared, that
// is the usual lead and a number of chunks more, and while another goroutine prepares. The pool
// must be locked.
func (p *pool) nextPiece(more int) (piece []byte) {
	if !canPopulate || p.preparing != nil {
		return nil
	}
	for u := forShards; u < purposes && piece == nil; u++ {
		piece = p.pieceFor(u, more)
	}
	if piece != nil {
		p.preparing = make(chan struct{})
	}
	return piece
}

// pieceFor returns memory of the newest region for a purpose, or of the one that will follow it. It
// counts as prepared from then on. The pool must be locked.
func (p *pool) pieceFor(u purpose, more int) []byte {
	r := p.newestRegion(u)
	if r == nil {
		return nil
	}
	wanted := bits.Len64(r.resident) + p.lead(u) + more
	if r.ready < min(wanted, regionChunks) {
		return takePiece(r.memory, &r.ready)
	}
	if wanted <= regionChunks || !p.prefersHuge(u) {
		return nil
	}
	if p.spare == nil {
		p.spare, _ = mapRegion(true)
		p.spareReady = 0
	}
	if p.spare == nil || p.spareReady >= min(wanted-regionChunks, regionChunks) {
		return nil
	}
	return takePiece(p.spare, &p.spareReady)
}

// newestRegion returns the last region that was added for a purpose, or nil. The pool must be
// locked.
func (p *pool) newestRegion(u purpose) *region {
	n := p.newest[u]
	if n >= len(p.regions) || p.regions[n].memory == nil || p.regions[n].purpose != u {
		return nil
	}
	return &p.regions[n]
}

// takePiece returns the next piece of a region, and counts it as ready.
func takePiece(memory []byte, ready *int) []byte {
	begin := *ready
	*ready = min(begin+aheadStep, regionChunks)
	return memory[begin*chunkSize : *ready*chunkSize]
}

// awaitPrepared waits for the preparation of the piece that is in progress at the call, if any. No
// region may be unmapped before it returns.
func (p *pool) awaitPrepared() {
	p.mu.Lock()
	preparing := p.preparing
	p.mu.Unlock()
	if preparing != nil {
		<-preparing
	}
}

// lockPrepared locks the pool when nothing is in preparation.
func (p *pool) lockPrepared() {
	p.mu.Lock()
	for p.preparing != nil {
		p.mu.Unlock()
		p.awaitPrepared()
		p.mu.Lock()
	}
}

// dropPrepared returns prepared memory to the kernel: the spare region, and what the newest regions
// have beyond the usual lead.
func (p *pool) dropPrepared() {
	p.lockPrepared()
	spare := p.spare
	p.spare = nil
	for u := range purposes {
		p.dropLead(u)
	}
	p.mu.Unlock()
	if spare != nil {
		unmapMemory(spare)
	}
}

// dropLead returns the prepared memory of the newest region to the kernel, except for the usual
// lead. The pool must be locked, and nothing in preparation.
func (p *pool) dropLead(u purpose) {
	r := p.newestRegion(u)
	if !canDiscard || r == nil || r.split || !r.large {
		return
	}
	keep := (bits.Len64(r.resident) + p.lead(u) + aheadStep - 1) / aheadStep * aheadStep
	if r.ready <= keep {
		return
	}
	discardMemory(r.memory[keep*chunkSize : r.ready*chunkSize])
	r.ready = keep
}
