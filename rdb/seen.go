package rdb

import (
	"hash/maphash"
	"slices"

	"github.com/perduredb/perdure/internal/radix"
)

// seen is a set of byte strings that detects members that occur twice. It stores 64 bits of a
// seeded hash for each, in a table of up to seenMost. A larger table would not fit the cache, so
// that the hashes of further strings are collected, and sorted in the end. seen uses 16 to 32 bytes
// of memory per string.
type seen struct {
	seed   maphash.Seed
	slots  []uint64   // current table: open addressing, at most half full; 0 is free
	n      int        // hashes in slots
	tables [][]uint64 // of 1, 2, 4, ... times seenSlots, made when needed and reused
	table  int        // index of slots in tables
	exact  bool       // collect none
	late   []uint64   // collected hashes
	spare  []uint64   // memory for sorting them
}

const (
	seenSlots = 128 // a power of two
	seenMost  = 1 << 14
	lateMost  = 1 << 20 // hashes for which memory is retained between values: 16 MiB
)

func newSeen() seen { return seen{seed: maphash.MakeSeed()} }

// reset empties the set. It releases the memory of a very large value.
func (s *seen) reset() {
	if s.late = s.late[:0]; cap(s.late) > lateMost {
		s.late, s.spare = nil, nil
	}
	s.use(0)
	s.n = 0
}

// use empties table i, creates it if needed, and makes it the current one.
func (s *seen) use(i int) {
	if i == len(s.tables) {
		s.tables = append(s.tables, make([]uint64, seenSlots<<i))
	} else {
		clear(s.tables[i])
	}
	s.slots, s.table = s.tables[i], i
}

// add adds the hash of p. It returns false if the hash is not new, unless it is collected.
func (s *seen) add(p []byte) bool {
	h := max(maphash.Bytes(s.seed, p), 1)
	if s.n == seenMost && !s.exact {
		if len(s.late) == cap(s.late) {
			s.late = slices.Grow(s.late, max(len(s.late), seenMost))
		}
		s.late = append(s.late, h)
		return true
	}
	if !s.put(h) {
		return false
	}
	s.n++
	if s.n > len(s.slots)/2 {
		old := s.slots
		s.use(s.table + 1)
		for _, h := range old {
			if h != 0 {
				s.put(h)
			}
		}
	}
	return true
}

// put stores h and reports whether it is new.
func (s *seen) put(h uint64) bool {
	mask := uint64(len(s.slots) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		switch s.slots[i] {
		case 0:
			s.slots[i] = h
			return true
		case h:
			return false
		}
	}
}

// twice reports whether a hash that was collected has been added twice.
func (s *seen) twice() bool {
	if len(s.late) == 0 {
		return false
	}
	for _, h := range s.slots {
		if h != 0 {
			s.late = append(s.late, h)
		}
	}
	s.late, s.spare = radix.Upper(s.late, s.spare)
	for from, i := 0, 1; i < len(s.late); i++ {
		if s.late[i]>>32 != s.late[from]>>32 {
			from = i
		} else if slices.Contains(s.late[from:i], s.late[i]) {
			return true
		}
	}
	return false
}
