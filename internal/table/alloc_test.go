package table_test

import (
	"fmt"
	"testing"

	"github.com/perduredb/perdure/internal/table"
)

func TestAllocations(t *testing.T) {
	if scale > 1 {
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
			t.Errorf("%s allocates %v times", c.name, got)
		}
	}
}

func BenchmarkSet(b *testing.B) { benchmark(b, 1_000_000, true) }

func BenchmarkGet(b *testing.B) { benchmark(b, 1_000_000, false) }

func BenchmarkSetHot(b *testing.B) { benchmark(b, 1000, true) }

func BenchmarkGetHot(b *testing.B) { benchmark(b, 1000, false) }

// fill makes a table of n keys of 16 bytes with values of 64.
func fill(n int) (*table.Table, []string) {
	tab := table.New(table.Options{})
	keys := make([]string, n)
	val := make([]byte, 64)
	for i := range keys {
		keys[i] = fmt.Sprintf("key:%012d", i)
		h := tab.Hash(keys[i])
		s := tab.Shard(h)
		s.Lock()
		s.Set(0, h, keys[i], table.String, val, 0)
		s.Unlock()
	}
	return tab, keys
}

func benchmark(b *testing.B, n int, set bool) {
	tab, keys := fill(n)
	defer tab.Close()
	val, dst := make([]byte, 64), make([]byte, 0, 64)
	var x uint64
	b.ReportAllocs()
	for b.Loop() {
		x = x*6364136223846793005 + 1442695040888963407
		key := keys[(x>>33)*uint64(n)>>31]
		h := tab.Hash(key)
		s := tab.Shard(h)
		s.Lock()
		if set {
			s.Set(0, h, key, table.String, val, 0)
		} else if it, ok := s.Find(0, h, key); ok {
			dst = it.AppendValue(dst[:0])
		}
		s.Unlock()
	}
}

func BenchmarkInsert(b *testing.B) {
	tab := table.New(table.Options{})
	defer tab.Close()
	val, key := make([]byte, 64), make([]byte, 16)
	n := uint64(0)
	for b.Loop() {
		n++
		for i, x := 0, n; i < 16; i, x = i+1, x>>4 {
			key[i] = byte('a' + x&15)
		}
		h := tab.HashBytes(key)
		s := tab.Shard(h)
		s.Lock()
		s.SetBytes(0, h, key, table.String, val, 0)
		s.Unlock()
	}
}

func BenchmarkViewScan(b *testing.B) {
	const n = 1_000_000
	tab, _ := fill(n)
	defer tab.Close()
	for b.Loop() {
		tab.LockAll()
		v := tab.Freeze()
		tab.UnlockAll()
		seen := 0
		v.Scan(func(table.Entry) bool { seen++; return true })
		v.Close()
		if seen != n {
			b.Fatal(seen)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/entry")
}

func BenchmarkBarrier(b *testing.B) {
	tab, _ := fill(1_000_000)
	defer tab.Close()
	for b.Loop() {
		tab.LockAll()
		v := tab.Freeze()
		tab.UnlockAll()
		b.StopTimer()
		v.Close()
		b.StartTimer()
	}
}
