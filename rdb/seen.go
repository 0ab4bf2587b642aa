package rdb

import "hash/maphash"

// seen is a set of byte strings that detects members that occur twice. It stores 64 bits of a
// seeded hash for each. It uses 16 to 32 bytes of memory per string, and as much again for the
// tables that it grew from.
type seen struct {
	seed   maphash.Seed
	slots  []uint64   // current table: open addressing, at most half full; 0 is free
	n      int        // hashes in slots
	tables [][]uint64 // of 1, 2, 4, ... times seenSlots, made when needed and reused
	table  int        // index of slots in tables
}

const (
	seenSlots  = 128 // a power of two
	seenTables = 11  // tables retained between values: 2 MiB in total
)

func newSeen() seen { return seen{seed: maphash.MakeSeed()} }

// reset empties the set. It releases the memory of a very large value.
func (s *seen) reset() {
	if len(s.tables) > seenTables {
		clear(s.tables[seenTables:])
		s.tables = s.tables[:seenTables]
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

// add adds the hash of p and reports whether it is new.
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
