package tree

import (
	"sync"
	"sync/atomic"
)

// An Epoch identifies a pin of a Space.
type Epoch uint64

// A Space is the memory of trees, with the epochs that decide when a page may be changed or freed.
//
// Every page records the epoch of its creation. [Space.Pin] ends the current epoch. A page is
// frozen while its epoch, or a later one, is pinned: a writer copies it instead of changing it. A
// page that is no longer part of a tree is held by the newest pin that may read it. When that pin
// ends, the next older one holds the page. After the last one the page is freed. So a short pin
// does not add to the pages that a long one retains.
type Space struct {
	memory Memory        // constant
	frozen atomic.Uint64 // pages of this epoch or an older one are frozen; 0 without pins

	waiting atomic.Int32 // goroutines that wait in lock

	// mu guards the fields below. No other lock is taken while it is held, except by Memory.
	mu       sync.Mutex
	epoch    uint64
	pins     []pin     // ascending
	released []pin     // former pins that still hold pages
	dropped  []dropped // pages of dropped trees, whose children are still to be visited
	spare    *batch
	stats    Stats
}

// Stats are the sizes of a Space, in bytes.
type Stats struct {
	Used int64 // allocated
	Held int64 // part of Used that is in no tree and waits for the end of pins or for Reclaim
}

// pin is a pinned epoch with the pages that it holds.
type pin struct {
	epoch uint64
	held  *batch
}

// dropped is a page that has been in no tree since an epoch, with everything below it.
type dropped struct {
	ref   uint32
	epoch uint64
}

// batch is a part of the list of pages that a pin holds.
type batch struct {
	next *batch
	n    int
	refs [509]uint32
}

// NewSpace returns an empty Space.
func NewSpace(m Memory) *Space {
	return &Space{memory: m, epoch: 2}
}

// lock locks mu for a goroutine that others may wait for.
func (s *Space) lock() {
	if !s.mu.TryLock() {
		s.waiting.Add(1)
		s.mu.Lock()
		s.waiting.Add(-1)
	}
}

// Pin retains the current state of every tree until Unpin. The caller holds the locks of the trees
// whose Roots it copies.
func (s *Space) Pin() Epoch {
	s.lock()
	defer s.mu.Unlock()
	return s.pinLocked()
}

func (s *Space) pinLocked() Epoch {
	e := s.epoch
	s.epoch++
	s.pins = append(s.pins, pin{epoch: e})
	s.frozen.Store(e)
	return Epoch(e)
}

// Unpin ends a pin. The memory that it held is freed by Reclaim. Unpin reports whether Reclaim has
// work.
func (s *Space) Unpin(e Epoch) (work bool) {
	s.lock()
	defer s.mu.Unlock()
	s.unpinLocked(e)
	return len(s.released)+len(s.dropped) > 0
}

func (s *Space) unpinLocked(e Epoch) {
	i := s.newestBefore(uint64(e) + 1)
	if i < 0 || s.pins[i].epoch != uint64(e) {
		panic("tree: internal error: Unpin of an epoch that is not pinned")
	}
	if s.pins[i].held != nil {
		s.released = append(s.released, s.pins[i])
	}
	copy(s.pins[i:], s.pins[i+1:])
	s.pins[len(s.pins)-1] = pin{}
	s.pins = s.pins[:len(s.pins)-1]
	frozen := uint64(0)
	if n := len(s.pins); n > 0 {
		frozen = s.pins[n-1].epoch
	}
	s.frozen.Store(frozen)
}

// Frozen returns the newest pinned epoch, or 1 without pins. The caller has locked a tree and can
// use the result for all changes until it unlocks the tree, because a later pin is not of this one.
// It can then delete an entry that it has just inserted without new memory.
func (s *Space) Frozen() Epoch { return Epoch(max(s.frozen.Load(), 1)) }

// newestBefore returns the index of the newest pin that is older than epoch, or -1.
func (s *Space) newestBefore(epoch uint64) int {
	i := len(s.pins) - 1
	for i >= 0 && s.pins[i].epoch >= epoch {
		i--
	}
	return i
}

// Pins returns the number of pins.
func (s *Space) Pins() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pins)
}

// Stats returns the sizes of s.
func (s *Space) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}
