package rdb

import "hash/maphash"

// seen remembers byte strings by 64 bits of a seeded hash, so that a member that occurs twice is
// found. It takes 16 to 32 bytes of memory for each, and as much again for the tables it grew from.
type seen struct {
	seed   maphash.Seed
	slots  []uint64   // the present table: open addressing, at most half full; 0 is free
	n      int        // hashes in it
	tables [][]uint64 // of 1, 2, 4, ... times seenSlots, made when needed and used again
	table  int        // which of them slots is
}

const (
	seenSlots  = 128 // a power of two
	seenTables = 11  // that are kept from value to value: 2 MiB in all
)

func newSeen() seen { return seen{seed: maphash.MakeSeed()} }

// reset forgets everything. The memory of a very large value is given back.
func (s *seen) reset() {
	if len(s.tables) > seenTables {
		clear(s.tables[seenTables:])
		s.tables = s.tables[:seenTables]
	}
	s.use(0)
	s.n = 0
}

// use makes the i-th table, empty, the present one.
func (s *seen) use(i int) {
	if i == len(s.tables) {
		s.tables = append(s.tables, make([]uint64, seenSlots<<i))
	} else {
		clear(s.tables[i])
	}
	s.slots, s.table = s.tables[i], i
}

// add reports whether the hash of p is new, and remembers it.
func (s *seen) add(p []byte) bool {
	h := max(maphash.Bytes(s.seed, p), 1)
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

// put stores h, and reports whether it was not there.
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
