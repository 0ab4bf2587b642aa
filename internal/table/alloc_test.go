package table_test

import (
	"fmt"
	"testing"

	"github.com/perduredb/perdure/internal/table"
)

func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	tab := table.New(small)
	defer tab.Close()
	keys := make([]string, 1000)
	values := [][]byte{make([]byte, 64), make([]byte, 100), []byte("12345"), make([]byte, 70<<10)}
	for i := range keys {
		keys[i] = fmt.Sprintf("key:%012d", i)
	}
	dst := make([]byte, 0, 128<<10)
	n := 0
	cases := []struct {
		name string
		do   func(s *table.Shard, h uint64, key string)
	}{
		{"Set", func(s *table.Shard, h uint64, key string) {
			s.Set(0, h, key, table.String, values[n%len(values)], int64(n%3))
		}},
		{"SetInt", func(s *table.Shard, h uint64, key string) { s.SetInt(0, h, key, int64(n), 0) }},
		{"SetExpire", func(s *table.Shard, h uint64, key string) { s.SetExpire(0, h, key, int64(n%2)) }},
		{"Find", func(s *table.Shard, h uint64, key string) {
			it, _ := s.Find(0, h, key)
			dst = it.AppendValue(dst[:0])
		}},
		{"Append", func(s *table.Shard, h uint64, key string) { s.Append(0, h, key, values[0][:8]) }},
	}
	for _, c := range cases {
		step := func() {
			key := keys[n*7%len(keys)]
			h := tab.Hash(key)
			s := tab.Shard(h)
			s.Lock()
			c.do(s, h, key)
			s.Unlock()
			n++
		}
		for range 4000 {
			step()
		}
		want := 0.0
		if table.Checked {
			want = 2 // copies of the key
		}
		if got := testing.AllocsPerRun(4000, step); got > want {
			t.Errorf("%s: %v allocations, want %v", c.name, got, want)
		}
	}
}
