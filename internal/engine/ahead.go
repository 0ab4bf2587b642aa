package engine

import "github.com/perduredb/perdure/internal/table"

// MaxPrefetch is the largest number of keys that Prefetch looks at.
const MaxPrefetch = 32

// Prefetch begins to fetch the memory of keys that the next commands need, and waits for none of
// it, so that the processor fetches all of it concurrently. It has no other effect. Two passes are
// necessary: the first fetches where the index names the entry of a key, the second the entry.
func (s *Session) Prefetch(db int, keys [][]byte) {
	keys = keys[:min(len(keys), MaxPrefetch)]
	t := s.e.table
	var hashes [MaxPrefetch]uint64
	for i, key := range keys {
		h := t.HashBytes(key)
		hashes[i] = h
		s.prefetch(h, func(shard *table.Shard) { shard.PrefetchBucket(db, h) })
	}
	for i, key := range keys {
		h := hashes[i]
		s.prefetch(h, func(shard *table.Shard) { shard.PrefetchRecord(db, h, len(key)) })
	}
}

// prefetch calls fn with the locked shard of a hash.
func (s *Session) prefetch(h uint64, fn func(*table.Shard)) {
	shard := s.e.table.Shard(h)
	shard.Lock()
	if !s.e.closed {
		fn(shard)
	}
	shard.Unlock()
}
