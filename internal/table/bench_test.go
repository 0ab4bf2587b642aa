package table_test

import (
	"testing"

	"github.com/perduredb/perdure/internal/table"
)

func BenchmarkSet(b *testing.B) { benchmark(b, 1_000_000, true) }

func BenchmarkGet(b *testing.B) { benchmark(b, 1_000_000, false) }

func BenchmarkSetHot(b *testing.B) { benchmark(b, 1000, true) }

func BenchmarkGetHot(b *testing.B) { benchmark(b, 1000, false) }

// key16 writes the n-th key. It computes the bytes, because reading a million keys from memory
// would take half of the measured time.
func key16(key *[16]byte, n uint64) {
	for i := range key {
		key[i] = 'a' + byte(n&3)
		n >>= 2
	}
}

// fill makes a table of n keys of 16 bytes with values of 64 bytes.
func fill(n int) *table.Table {
	tab := table.New(table.Options{})
	var key [16]byte
	value := make([]byte, 64)
	for i := range n {
		key16(&key, uint64(i))
		h := tab.HashBytes(key[:])
		s := tab.Shard(h)
		s.Lock()
		s.SetBytes(0, h, key[:], table.String, value, 0)
		s.Unlock()
	}
	return tab
}

func benchmark(b *testing.B, n int, set bool) {
	tab := fill(n)
	defer tab.Close()
	var key [16]byte
	value, dst := make([]byte, 64), make([]byte, 0, 64)
	var x uint64
	b.ReportAllocs()
	for b.Loop() {
		x = x*6364136223846793005 + 1442695040888963407
		key16(&key, (x>>33)*uint64(n)>>31)
		h := tab.HashBytes(key[:])
		s := tab.Shard(h)
		s.Lock()
		if set {
			s.SetBytes(0, h, key[:], table.String, value, 0)
		} else if it, ok := s.FindBytes(0, h, key[:]); ok {
			dst = it.AppendValue(dst[:0])
		}
		s.Unlock()
	}
}

func BenchmarkInsert(b *testing.B) {
	tab := table.New(table.Options{})
	defer tab.Close()
	var key [16]byte
	value := make([]byte, 64)
	n := uint64(0)
	for b.Loop() {
		n++
		key16(&key, n)
		h := tab.HashBytes(key[:])
		s := tab.Shard(h)
		s.Lock()
		s.SetBytes(0, h, key[:], table.String, value, 0)
		s.Unlock()
	}
}

func BenchmarkViewScan(b *testing.B) {
	const n = 1_000_000
	tab := fill(n)
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
	tab := fill(1_000_000)
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
