package table

import "sync"

// Flush removes all keys of the database from the shard and returns their number. Its time depends
// on the number of memory chunks, not of keys or trees. A view retains the memory that it needs.
func (s *Shard) Flush(db int) (removed int64) {
	k := s.spaces[db]
	if k == nil {
		return 0
	}
	removed = k.keys
	s.spaces[db] = nil
	s.counts[db].keys.Store(0)
	s.counts[db].expires.Store(0)
	k.detached = true
	if k.dropping = k.hasTrees; k.dropping {
		s.table.flushed.add(s, k)
		s.pool.releases.Add(1)
	}
	k.releaseDetached()
	return removed
}

// flushed contains the keyspaces that Flush has removed and whose trees must still be dropped. The
// Defragmenter, or Close, drops them.
type flushed struct {
	mu     sync.Mutex // guards the slice; no other lock is taken while it is held
	spaces []*flushedSpace
}

// flushedSpace is a keyspace whose trees are being dropped. The lock of its former shard guards it.
type flushedSpace struct {
	shard *Shard
	space *keyspace
	page  int // the trees of the pages before it are dropped
}

func (f *flushed) add(s *Shard, k *keyspace) {
	f.mu.Lock()
	f.spaces = append(f.spaces, &flushedSpace{shard: s, space: k})
	f.mu.Unlock()
}

// first returns the keyspace that was flushed first, or nil.
func (f *flushed) first() *flushedSpace {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.spaces) == 0 {
		return nil
	}
	return f.spaces[0]
}

// removeFirst removes the keyspace that first returns.
func (f *flushed) removeFirst() {
	f.mu.Lock()
	f.spaces[0] = nil
	if f.spaces = f.spaces[1:]; len(f.spaces) == 0 {
		f.spaces = nil
	}
	f.mu.Unlock()
}

// dropFlushed drops some trees of a flushed keyspace, and frees the keyspace after the last. It
// reports whether there was one. One goroutine at a time may call it.
func (t *Table) dropFlushed() (worked bool) {
	f := t.flushed.first()
	if f == nil {
		return false
	}
	f.shard.Lock()
	defer f.shard.Unlock()
	k, dropped := f.space, 0
	for range stepPages {
		if f.page == len(k.pages) {
			k.dropping = false
			k.releaseDetached()
			t.flushed.removeFirst()
			return true
		}
		k.recordsWithTrees(f.page, func(rec *record) {
			k.dropTree(rec)
			dropped++
		})
		if f.page++; dropped >= stepRecords {
			break
		}
	}
	return true
}
