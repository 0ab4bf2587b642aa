package table

// Touch asks the processor for the part of the index that a search for hash h begins with. A caller
// that knows several keys touches all of them first: the processor then waits for the slow memory of
// a large table once, where it would wait for each key in turn.
func (s *Shard) Touch(db int, h uint64) {
	k := s.spaces[db]
	if k == nil || k.keys == 0 {
		return
	}
	s.touched += k.home(h)[0]
}

// TouchRecord asks for the record that a search for hash h will most likely compare first, up to its
// second cache line. It looks into what Touch asks for, so all keys are touched before it.
func (s *Shard) TouchRecord(db int, h uint64) {
	k := s.spaces[db]
	if k == nil || k.keys == 0 {
		return
	}
	b := k.home(h)
	if m := matches(b, patternOf(h)); m != 0 {
		slot := k.at(refIn(b, slotOf(m)))
		s.touched += slot[0] + slot[min(64, len(slot)-1)]
	}
}
