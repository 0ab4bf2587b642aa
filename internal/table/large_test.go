package table_test

import (
	"bytes"
	"testing"

	"github.com/perduredb/perdure/internal/table"
)

// TestPinOutlives checks that a pinned value does not change during any operation on its key, and
// that its memory is freed after the last pin is released.
func TestPinOutlives(t *testing.T) {
	const size = 300 << 10
	old, other := bytes.Repeat([]byte("o"), size), bytes.Repeat([]byte("x"), size)
	long := string(bytes.Repeat([]byte("k"), 2000)) // a key that is stored in the span
	ends := map[string]func(tab *table.Table, s *table.Shard, h uint64, key string){
		"Set": func(_ *table.Table, s *table.Shard, h uint64, key string) { s.Set(0, h, key, table.String, other, 0) },
		"Set shorter": func(_ *table.Table, s *table.Shard, h uint64, key string) {
			s.Set(0, h, key, table.String, other[:9], 7)
		},
		"SetMapped": func(tab *table.Table, s *table.Shard, h uint64, key string) {
			s.SetMapped(0, h, key, mapped(tab, key, other), 9)
		},
		"Append":     func(_ *table.Table, s *table.Shard, h uint64, key string) { s.Append(0, h, key, other[:5]) },
		"Append all": func(_ *table.Table, s *table.Shard, h uint64, key string) { s.Append(0, h, key, other) },
		"SetExpire":  func(_ *table.Table, s *table.Shard, h uint64, key string) { s.SetExpire(0, h, key, 5) },
		"Delete":     func(_ *table.Table, s *table.Shard, h uint64, key string) { s.Delete(0, h, key) },
		"Flush":      func(_ *table.Table, s *table.Shard, _ uint64, _ string) { s.Flush(0) },
	}
	for name, end := range ends {
		for _, key := range []string{"k", long} {
			for _, asMapping := range []bool{false, true} {
				tab := table.New(small)
				h := tab.Hash(key)
				s := tab.Shard(h)
				set := func() {
					if m := mapped(tab, key, old); asMapping {
						s.SetMapped(0, h, key, m, 0)
					} else {
						tab.Unmap(m)
						s.Set(0, h, key, table.String, old[:100<<10], 0)
					}
				}
				set()
				s.Lock()
				one, ok := s.Pin(0, h, key)
				two, also := s.Pin(0, h, key)
				end(tab, s, h, key)
				s.Unlock()
				if !ok || !also {
					t.Fatalf("Pin = %v, second Pin = %v, want true", ok, also)
				}
				one.Release()
				if v := two.Value(); len(v) < 100<<10 || !bytes.Equal(v, old[:len(v)]) {
					t.Errorf("%s: pinned value = %d other bytes, want the old value", name, len(v))
				}
				if err := tab.Check(); err != nil {
					t.Errorf("%s: Check with a pin = %v, want nil", name, err)
				}
				two.Release()
				if err := tab.Check(); err != nil {
					t.Errorf("%s: Check after Release = %v, want nil", name, err)
				}
				s.Lock()
				s.Flush(0)
				s.Unlock()
				if m := tab.Memory(); m.Used() != 0 || m.Reserved != 0 {
					t.Errorf("%s: memory of an empty table = %+v, want none", name, m)
				}
				tab.Close()
			}
		}
	}
}

// TestMapPinsOnlyLargeValues checks that smaller values are not pinned. They are copied under the
// lock.
func TestMapPinsOnlyLargeValues(t *testing.T) {
	tab := table.New(small)
	defer tab.Close()
	if m := mapped(tab, "k", make([]byte, 256<<10)); m.Ok() {
		t.Error("Map of 256 KiB succeeded, want no memory mapped")
	}
	h := tab.Hash("k")
	s := tab.Shard(h)
	s.Lock()
	defer s.Unlock()
	for _, size := range []int{0, 1 << 10, 60 << 10} {
		s.Set(0, h, "k", table.String, make([]byte, size), 0)
		if _, ok := s.Pin(0, h, "k"); ok {
			t.Errorf("value of %d bytes was pinned, want no pin", size)
		}
	}
	if _, ok := s.Pin(0, h, "none"); ok {
		t.Error("Pin of a missing key = true, want false")
	}
}

// mapped is like Map if memory is available.
func mapped(tab *table.Table, key string, value []byte) table.Mapping {
	m, err := tab.Map(key, value)
	if err != nil {
		panic(err)
	}
	return m
}
