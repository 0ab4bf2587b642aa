package table

import "unsafe"

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

// Prefetch prefetches the first two cache lines of p, which may be outside the table.
func Prefetch(p []byte) { prefetch(unsafe.SliceData(p), 64) }

// PrefetchRecord prefetches the record that is most likely the key's, after PrefetchBucket and
// other work: see [Search.PrefetchRecord].
func (s *Shard) PrefetchRecord(db int, h uint64, keySize int) {
	k := s.spaces[db]
	if k == nil || k.keys == 0 {
		return
	}
	search := Search{space: k, bucket: k.home(h)}
	search.PrefetchRecord(h, keySize, 0)
}

// A Search is a search for a key that prefetches in steps, so that its caller does other work while
// the memory arrives. It is valid while the shard is locked and unchanged.
type Search struct {
	space  *keyspace
	bucket bucket
	slot   []byte // of the record that is most likely the key's, or nil
}

// Prefetch begins a search for hash h with PrefetchBucket. The shard must have a key in the
// database.
func (s *Shard) Prefetch(db int, h uint64) Search {
	k := s.spaces[db]
	b := k.home(h)
	prefetch(&b[0], 0)
	return Search{space: k, bucket: b}
}

// PrefetchRecord finds in the bucket the record that is most likely the key's. It prefetches the
// first and the last byte of that record, assuming a plain record whose key and value have these
// sizes.
func (s *Search) PrefetchRecord(h uint64, keySize, valueSize int) {
	if m := matches(s.bucket, patternOf(h)); m != 0 {
		s.slot = s.space.at(refIn(s.bucket, slotOf(m)))
		prefetch(&s.slot[0], uintptr(3+keySize+valueSize))
	}
}

// SetString is like [Shard.SetString], after PrefetchRecord. It does not repeat the search, which
// saves 20 ns of a Set with a log.
func (s *Search) SetString(key string, value []byte) bool {
	if s.slot == nil {
		return false
	}
	head, ok := plainHead(s.slot, key)
	return ok && s.space.overwritePlain(s.slot, head, key, value)
}
