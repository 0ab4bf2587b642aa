package table_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/perduredb/perdure/internal/table"
)

var small = table.Options{Shards: 4, Databases: 3, Seed: [2]uint64{1, 2}}

func TestRandomOperations(t *testing.T) {
	for seed := range uint64(4) {
		m := newModel(t, small)
		r := newRandom(seed, []int{50, 3000, 20000, 300}[seed])
		r.maxValue = []int{100 << 10, 4 << 10, 500, 800 << 10}[seed]
		for i := range 30000 / scale {
			m.step(r)
			switch {
			case i%5000 == 4999:
				m.check()
			case i%7001 == 7000:
				m.flush(r.IntN(3))
			case i%3001 == 3000:
				m.sweep(r.Int64N(1000))
			}
		}
		m.check()
		for n := range m.want {
			m.delete(n)
		}
		m.check()
		if mem := m.tab.Memory(); mem != (table.MemoryStats{}) {
			t.Errorf("seed %d: memory of an empty table = %+v, want none", seed, mem)
		}
	}
}

// TestSizes changes values between all sizes near the limits of the layouts.
func TestSizes(t *testing.T) {
	m := newModel(t, table.Options{Shards: 1, Databases: 1})
	r := newRandom(1, 1)
	var sizes []int
	for _, s := range []int{
		0, 8, 255, 256, 2048, 4096, 16 << 10, 32 << 10, 40 << 10, 256 << 10, 1 << 20,
	} {
		for d := -40; d <= 8; d += 6 {
			if s+d >= 0 {
				sizes = append(sizes, s+d)
			}
		}
	}
	for _, keySize := range []int{0, 1, 255, 256, 1024, 1025, 5000, 33 << 10} {
		n := name{0, strings.Repeat("x", keySize)}
		for range 60 {
			size := sizes[r.IntN(len(sizes))]
			m.set(n, value{bytes: r.bytes(size), expire: r.Int64N(2)})
			m.get(n)
			m.append(n, r.bytes(sizes[r.IntN(len(sizes))]))
			m.get(n)
			m.expire(n, r.Int64N(3))
			m.get(n)
			m.append(n, "y")
		}
		m.check()
	}
}

func TestHuge(t *testing.T) {
	m := newModel(t, small)
	r := newRandom(1, 1)
	for i := range 3 {
		m.set(name{0, fmt.Sprint("huge", i)}, value{bytes: r.bytes(32<<20/scale - i)})
	}
	for range 20 {
		m.append(name{0, "huge1"}, r.bytes(1<<20/scale))
	}
	m.expire(name{0, "huge2"}, 5)
	m.check()
	m.flush(0)
	m.check()
	if got := m.tab.Memory().Reserved; got != 0 {
		t.Errorf("%d bytes mapped after Close, want 0", got)
	}
}

// TestAppendGrows checks that appending byte by byte copies a value a bounded number of times.
func TestAppendGrows(t *testing.T) {
	m := newModel(t, small)
	n := name{0, "log"}
	m.set(n, value{bytes: "a line that is not a number"})
	for range 3000 {
		m.append(n, strings.Repeat("b", 37))
	}
	m.check()
}

func TestGrowAndShrink(t *testing.T) {
	tab := table.New(table.Options{Seed: [2]uint64{3, 4}})
	defer tab.Close()
	n := 1_000_000 / scale
	if testing.Short() {
		n /= 10
	}
	val := make([]byte, 64)
	val[0] = 'x'
	key := func(i int) string { return fmt.Sprintf("key:%012d", i) }
	for i := range n {
		val[1], val[2], val[3] = byte(i), byte(i>>8), byte(i>>16)
		do(tab, key(i), func(s *table.Shard, h uint64) { s.Set(0, h, key(i), table.String, val, 0) })
	}
	if tab.Len(0) != int64(n) {
		t.Fatalf("Len = %d, want %d", tab.Len(0), n)
	}
	if err := tab.Check(); err != nil {
		t.Fatal(err)
	}
	mem := tab.Memory()
	t.Logf("%d keys: used %d bytes each (index %.1f), reserved %d",
		n, mem.Used()/int64(n), float64(mem.Index)/float64(n), mem.Reserved/int64(n))
	for i := range n {
		if i%16 != 0 {
			do(tab, key(i), func(s *table.Shard, h uint64) {
				if !s.Delete(0, h, key(i)) {
					t.Fatalf("Delete(%d) = false, want true", i)
				}
			})
		}
	}
	if err := tab.Check(); err != nil {
		t.Fatal(err)
	}
	after := tab.Memory()
	if after.Index*3 > mem.Index && n > 500_000 {
		t.Errorf("index has %d bytes after deletions, want less than %d", after.Index, mem.Index)
	}
	for i := 0; i < n; i += 16 {
		do(tab, key(i), func(s *table.Shard, h uint64) {
			it, ok := s.Find(0, h, key(i))
			if !ok || it.AppendValue(nil)[1] != byte(i) {
				t.Fatalf("Find(%d) = %v, want true and its value", i, ok)
			}
			s.Delete(0, h, key(i))
		})
	}
	if mem := tab.Memory(); mem != (table.MemoryStats{}) {
		t.Errorf("memory of an empty table = %+v, want none", mem)
	}
}

// TestMemoryReturned checks that memory returns to the kernel after a mass deletion, a flush, and
// Close.
func TestMemoryReturned(t *testing.T) {
	tab := table.New(small)
	m := &model{t: t, tab: tab, defrag: tab.Defragmenter(), want: map[name]value{}}
	big := strings.Repeat("v", 3000)
	for round := range 4 {
		for i := range 20_000 / scale {
			m.set(name{round % 3, fmt.Sprint(i)}, value{bytes: big})
		}
		full := m.tab.Memory().Reserved
		if round%2 == 0 {
			m.flush(round % 3)
		} else {
			for n := range m.want {
				m.delete(n)
			}
		}
		m.defragment()
		if mem := m.tab.Memory(); mem.Reserved != 0 || m.tab.IdleBytes() > 4<<20 {
			t.Errorf("%d bytes reserved of %d, want at most about %d", mem.Reserved, full, m.tab.IdleBytes())
		}
	}
	other := m.tab.NewLike()
	other.Close()
	m.set(name{0, "key"}, value{})
	m.check()
	m.tab.Close()
	if n := m.tab.MappedBytes(); n != 0 {
		t.Errorf("%d bytes mapped after Close, want 0", n)
	}
}

func TestShardSize(t *testing.T) {
	if strconv.IntSize == 64 && table.ShardSize != 128 {
		t.Errorf("sizeof(Shard) = %d, want 128", table.ShardSize)
	}
}

// TestCollisions checks that hashes with many or all bits equal lead to chains, not to more and
// more segments.
func TestCollisions(t *testing.T) {
	for _, mask := range []uint64{0, 0xff, 0xffff << 40, 1<<63 | 1} {
		tab := table.New(small)
		restore := table.MaskHash(mask)
		n := 3000
		if scale > 1 {
			n = 1600
		}
		for i := range n {
			key := fmt.Sprint(i)
			do(tab, key, func(s *table.Shard, h uint64) { s.Set(0, h, key, table.String, []byte(key), 0) })
		}
		if err := tab.Check(); err != nil {
			t.Fatalf("mask %#x: Check = %v, want nil", mask, err)
		}
		seen := map[string]bool{}
		scan(tab, 0, func(e table.Entry) {
			if seen[string(e.Key)] {
				t.Fatalf("mask %#x: Scan returned %q twice, want once", mask, e.Key)
			}
			seen[string(e.Key)] = true
		})
		if len(seen) != n {
			t.Fatalf("mask %#x: Scan returned %d keys, want all", mask, len(seen))
		}
		for i := range n {
			key := fmt.Sprint(i * 7 % n)
			do(tab, key, func(s *table.Shard, h uint64) {
				it, ok := s.Find(0, h, key)
				if !ok || string(it.AppendValue(nil)) != key || !s.Delete(0, h, key) {
					t.Fatalf("mask %#x: Find(%q) = %v, want the value, deleted", mask, key, ok)
				}
			})
			if i%500 == 0 {
				if err := tab.Check(); err != nil {
					t.Fatalf("mask %#x: Check after %d deletions = %v, want nil", mask, i+1, err)
				}
			}
		}
		if mem := tab.Memory(); mem != (table.MemoryStats{}) {
			t.Errorf("mask %#x: memory of an empty table = %+v, want none", mask, mem)
		}
		tab.Close()
		restore()
	}
}

func TestReserve(t *testing.T) {
	for _, keys := range []int64{-5, 0, 10, 10_000, 100_000} {
		m := newModel(t, small)
		each := func(f func(s *table.Shard)) {
			for i := range m.tab.NumShards() {
				s := m.tab.ShardAt(i)
				s.Lock()
				f(s)
				s.Unlock()
			}
			m.check()
		}
		reserve := func(s *table.Shard) { s.Reserve(1, keys) }
		trim := func(s *table.Shard) { s.Trim(1) }
		each(reserve)
		index := m.tab.Memory().Index
		if each(trim); m.tab.Memory().Index != 0 {
			t.Errorf("Reserve(%d): index has %d bytes in a keyspace without keys, want 0", keys, m.tab.Memory().Index)
		}
		each(reserve)
		r := newRandom(1, 5000)
		for range 5000 {
			m.step(r)
		}
		each(reserve)
		if got := m.tab.Memory().Index; got < index {
			t.Errorf("%d keys: index has %d bytes, want the reserved %d", keys, got, index)
		}
		if each(trim); keys > 10_000 && m.tab.Memory().Index > index/4 {
			t.Errorf("%d keys: index after Trim has %d bytes, want less than %d", keys, m.tab.Memory().Index, index)
		}
		for range 1000 {
			m.step(r)
		}
		m.check()
		for n := range m.want {
			m.delete(n)
		}
		m.check()
	}
}

func TestSwap(t *testing.T) {
	a := newModel(t, small)
	like := a.tab.NewLike()
	b := &model{t: t, tab: like, defrag: like.Defragmenter(), want: map[name]value{}}
	r := newRandom(1, 3000)
	for range 5000 {
		a.step(r)
		b.step(r)
	}
	a.tab.LockAll()
	b.tab.LockAll()
	a.tab.Swap(b.tab)
	b.tab.UnlockAll()
	a.tab.UnlockAll()
	a.want, b.want = b.want, a.want
	a.check()
	b.check()
	b.tab.Close()
	a.check()
	const key = "a key that is longer than sixteen"
	if got, want := a.tab.HashBytes([]byte(key)), a.tab.Hash(key); got != want {
		t.Errorf("HashBytes = %#x, want %#x", got, want)
	}
}
