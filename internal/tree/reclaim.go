package tree

import (
	"runtime"

	"github.com/perduredb/perdure/internal/prefetch"
)

// reclaimSteps is the number of steps of Reclaim for which it keeps the mutex.
const reclaimSteps = 32

// Drop frees a tree. It takes constant time: Reclaim frees the pages, once no pin retains them. The
// caller must not use the Root again. In a transaction, use [Tx.Drop].
func (s *Space) Drop(root Root) {
	if root.Height == 0 {
		return
	}
	s.lock()
	s.dropped = append(s.dropped, dropped{root.Ref, s.epoch})
	s.mu.Unlock()
}

// Reclaim frees memory of dropped trees and of ended pins. It visits at most max pages, and reports
// whether there is more to do. It keeps the mutex for a few pages at a time, and gives way to
// goroutines that wait for it.
func (s *Space) Reclaim(max int) (more bool) {
	for max > 0 {
		s.giveWay()
		s.mu.Lock()
		s.fetchReleased()
		for range min(max, reclaimSteps) {
			if more = s.reclaimOne(); !more {
				break
			}
		}
		s.mu.Unlock()
		if !more {
			return false
		}
		max -= reclaimSteps
	}
	return true
}

// giveWayTurns is the number of times that giveWay lets other goroutines run, at most.
const giveWayTurns = 100

// giveWay lets the goroutines that wait for mu lock it. Otherwise Reclaim would lock it again
// before one of them wakes up, for up to a millisecond.
func (s *Space) giveWay() {
	for turn := 0; s.waiting.Load() > 0 && turn < giveWayTurns; turn++ {
		runtime.Gosched()
	}
}

// fetchReleased fetches the headers of the pages that reclaimOne visits next, all at once.
func (s *Space) fetchReleased() {
	n := len(s.released)
	if n == 0 || len(s.dropped) > 0 {
		return
	}
	b := s.released[n-1].held
	for _, ref := range b.refs[max(b.n-reclaimSteps, 0):b.n] {
		prefetch.Bytes(s.memory.At(ref)[:headerSize])
	}
}

// reclaimOne visits one page, and reports whether there was one.
func (s *Space) reclaimOne() bool {
	if n := len(s.dropped); n > 0 {
		d := s.dropped[n-1]
		s.dropped = s.dropped[:n-1]
		if cap(s.dropped) > 1<<12 && n == 1 {
			s.dropped = nil
		}
		s.visitChildren(d.ref, func(ref uint32) { s.dropped = append(s.dropped, dropped{ref, d.epoch}) })
		s.release(d.ref, d.epoch)
		return true
	}
	n := len(s.released)
	if n == 0 {
		return false
	}
	p := &s.released[n-1]
	b := p.held
	b.n--
	ref, epoch := b.refs[b.n], p.epoch
	s.stats.Held -= int64(s.sizeOf(ref))
	if b.n == 0 {
		p.held = b.next
		s.keepBatch(b)
		if p.held == nil {
			s.released = s.released[:n-1]
		}
	}
	s.release(ref, epoch)
	return true
}

// visitChildren calls fn for every page below the page at ref, one level deep, and for the values
// of a leaf.
func (s *Space) visitChildren(ref uint32, fn func(ref uint32)) {
	if kind(s.memory.At(ref)[0]) == kindValue {
		return
	}
	p := s.page(ref)
	switch {
	case p.kind() == kindInner:
		for i := range p.n() {
			fn(p.childRef(i))
		}
	case p.values() > 0:
		p.visitValues(0, p.n(), fn)
	}
}

// release frees the memory at ref, which has been in no tree since epoch. If a pin may read it, the
// newest such pin holds it. mu must be held.
func (s *Space) release(ref uint32, epoch uint64) {
	i := s.newestBefore(epoch)
	if i < 0 || s.pins[i].epoch < epochOf(s.memory.At(ref)) {
		s.free(ref)
		return
	}
	p := &s.pins[i]
	if p.held == nil || p.held.n == len(p.held.refs) {
		b := s.spare
		if s.spare = nil; b == nil {
			b = new(batch)
		}
		b.next, p.held = p.held, b
	}
	p.held.refs[p.held.n] = ref
	p.held.n++
	s.stats.Held += int64(s.sizeOf(ref))
}

func (s *Space) keepBatch(b *batch) {
	b.next = nil
	s.spare = b
}

// free frees the memory at ref. mu must be held.
func (s *Space) free(ref uint32) {
	size := s.sizeOf(ref)
	s.stats.Used -= int64(size)
	s.memory.Free(ref, size)
}
