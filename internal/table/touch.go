package table

// PrefetchBucket asks the processor for the part of the index that a search for hash h begins with, and waits for nothing. It
// is for a caller that has other work to do before it searches: a processor that waits for a load does what follows
// only as far as it has room to note what it has done, and this load it need not note.
func (s *Shard) PrefetchBucket(db int, h uint64) {
	k := s.spaces[db]
	if k == nil || k.keys == 0 {
		return
	}
	prefetch(&k.home(h)[0], 0)
}

// PrefetchInsert is PrefetchBucket, and asks for what an insertion counts in too.
func (s *Shard) PrefetchInsert(db int, h uint64) {
	k := s.spaces[db]
	if k == nil || k.keys == 0 {
		return
	}
	seg := k.segment(k.segmentOf(h))
	prefetch(&bucketOf(seg, homeOf(h))[0], 0)
	prefetch(&bucketOf(seg, 1)[0], 0) // has the number of records
}

// PrefetchRecord finds in the bucket the record that is most likely the key's, and asks for it where a plain
// one has its first byte and its last, when key and value have these sizes.
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
