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
