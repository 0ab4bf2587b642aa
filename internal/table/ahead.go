package table

// GrowAhead turns growth ahead of demand on or off, for a large table that is about to grow much,
// such as during a load. If it is on, a goroutine prepares the next 16 MiB of the table ahead of
// demand. The kernel then clears that memory concurrently with the load. GrowAhead does not lock a
// shard.
//
// It is not for a table in use. There it makes a Set about 7% faster in the mean and 20 times
// faster at the 99.999th percentile. The longest Set takes 3 times as long, because a goroutine
// that needs more memory during the preparation waits for it.
func (t *Table) GrowAhead(on bool) {
	p := t.pool
	p.mu.Lock()
	p.ahead = on
	p.mu.Unlock()
	if !on {
		p.dropSpare()
	}
}

// aheadStep is the number of bytes requested at a time. The kernel holds a lock of the whole
// process during each request.
const aheadStep = 2 << 20

// nextRegion returns memory for a region, and a bit for each huge page that the region has, and
// starts the preparation of another region. It returns false if memory runs out. The pool must be
// locked.
func (p *pool) nextRegion(u purpose) (memory []byte, huge uint8, ok bool) {
	const size = regionChunks * chunkSize
	large := p.prefersHuge(u)
	if large {
		huge = allHuge
	}
	memory = p.spare
	if p.spare = nil; memory == nil {
		var err error
		if memory, err = mapMemory(size); err != nil {
			return nil, 0, false
		}
		if large {
			preferHuge(memory)
		}
	}
	if canPopulate && p.ahead && large && p.ready == nil {
		if spare, err := mapMemory(size); err == nil {
			preferHuge(spare)
			p.spare, p.ready = spare, make(chan struct{})
			go p.populate(spare, p.ready)
		}
	}
	return memory, huge, true
}

// prefersHuge reports whether a new region prefers huge pages. During a load a smaller table does:
// the pages of a region are then ready before they are needed. The pool must be locked.
func (p *pool) prefersHuge(u purpose) bool {
	switch {
	case u == forTrees:
		return p.inTrees >= hugeTrees
	case p.ahead:
		return p.reserved.Load() >= hugeAbove*p.shards/4
	}
	return p.reserved.Load() >= hugeAbove*p.shards
}

// populate makes the kernel assign memory to a region, in steps. The region may be in use before
// populate returns.
func (p *pool) populate(memory []byte, ready chan struct{}) {
	for len(memory) > 0 {
		n := min(aheadStep, len(memory))
		populateMemory(memory[:n])
		memory = memory[n:]
	}
	p.mu.Lock()
	p.ready = nil
	p.mu.Unlock()
	close(ready)
}

// awaitReady waits for the preparation of a region that is in progress at the call, if any. No
// region may be unmapped before it returns.
func (p *pool) awaitReady() {
	p.mu.Lock()
	ready := p.ready
	p.mu.Unlock()
	if ready != nil {
		<-ready
	}
}

// dropSpare unmaps the prepared region.
func (p *pool) dropSpare() {
	for {
		p.awaitReady()
		p.mu.Lock()
		if p.ready != nil { // a related table has begun another region
			p.mu.Unlock()
			continue
		}
		spare := p.spare
		p.spare = nil
		p.mu.Unlock()
		if spare != nil {
			unmapMemory(spare)
		}
		return
	}
}
