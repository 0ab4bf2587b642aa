package table

// GrowAhead says whether a table that is large is about to grow much, as while it is loaded. Then a
// goroutine makes its next 16 MiB ready ahead of demand, so that the system clears that memory beside the
// loading and not in it. It takes no lock of a shard.
//
// It is not for a table in use: there it makes a Set some 7 % faster in the mean and 20 times at the 99.999th
// percentile, and the longest one three times as long, because whoever needs more meanwhile waits for it.
func (t *Table) GrowAhead(on bool) {
	p := t.pool
	p.mu.Lock()
	p.ahead = on
	p.mu.Unlock()
	if !on {
		p.dropSpare()
	}
}

// aheadStep is how much is asked for at a time. The system holds a lock of the whole process meanwhile.
const aheadStep = 2 << 20

// nextRegion returns memory for a region, tells which huge pages it has, and has another made ready. It
// returns false if the system has no memory. The pool is locked.
func (p *pool) nextRegion() (memory []byte, huge uint8, ok bool) {
	const size = regionChunks * chunkSize
	large := p.reserved.Load() >= hugeAbove
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

// populate has the system give a region its memory, in steps. The region may be in use before it ends.
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

// awaitReady returns when no region is being made ready, or the one that was when it was called is: before
// that none is unmapped.
func (p *pool) awaitReady() {
	p.mu.Lock()
	ready := p.ready
	p.mu.Unlock()
	if ready != nil {
		<-ready
	}
}

// dropSpare gives the region that was made ready back.
func (p *pool) dropSpare() {
	for {
		p.awaitReady()
		p.mu.Lock()
		if p.ready != nil { // a related table has begun another
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
