package table_test

import (
	"fmt"
	"testing"

	"github.com/perduredb/perdure/internal/table"
)

// TestPrefetchDoesNotFault prefetches existing and missing keys, and addresses far past the end of
// the memory.
func TestPrefetchDoesNotFault(t *testing.T) {
	tb := table.New(table.Options{})
	defer tb.Close()
	const n = 10_000
	for _, filled := range []bool{false, true} {
		for i := range n {
			key := fmt.Sprint("key ", i)
			h := tb.Hash(key)
			s := tb.Shard(h)
			s.Lock()
			s.PrefetchBucket(1, h)
			s.PrefetchRecord(1, h, len(key))
			for _, size := range []int{0, 100, 1 << 30} {
				if tb.Len(1) > 0 && s.Secure(1, key, nil) {
					search := s.Prefetch(1, h)
					search.PrefetchRecord(h, len(key), size)
				}
			}
			s.PrefetchInsert(1, h)
			if it, ok := s.Find(1, h, key); ok != filled || ok && string(it.AppendValue(nil)) != key {
				t.Errorf("Find(%q) after Prefetch = %v, want %v", key, ok, filled)
			}
			s.Set(1, h, key, table.String, []byte(key), 0)
			s.Unlock()
		}
	}
}
