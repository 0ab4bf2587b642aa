package table

// PrefetchBucket prefetches the part of the index where a search for hash h begins, and does not
// wait. It is for a caller with other work to do before the search. A processor that waits for a
// load executes later instructions only as far as it has room to track them; a prefetch does not
// need such tracking.
func (s *Shard) PrefetchBucket(db int, h uint64) {
	k := s.spaces[db]
	if k == nil || k.keys == 0 {
		return
	}
	prefetch(&k.home(h)[0], 0)
}

// PrefetchInsert is like PrefetchBucket and also prefetches the counters that an insertion updates.
func (s *Shard) PrefetchInsert(db int, h uint64) {
	k := s.spaces[db]
	if k == nil || k.keys == 0 {
		return
	}
	seg := k.segment(k.segmentOf(h))
	prefetch(&bucketOf(seg, homeOf(h))[0], 0)
	prefetch(&bucketOf(seg, 1)[0], 0) // has the number of records
}

// PrefetchRecord finds in the bucket the record that is most likely the key's. It prefetches the
// first and the last byte of that record, assuming a plain record whose key and value have these
// sizes.
func (s *Shard) PrefetchRecord(db int, h uint64, keySize, valueSize int) {
	k := s.spaces[db]
	if k == nil || k.keys == 0 {
		return
	}
	b := k.home(h)
	if m := matches(b, patternOf(h)); m != 0 {
		prefetch(&k.at(refIn(b, slotOf(m)))[0], uintptr(3+keySize+valueSize))
	}
}
