package tree_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/perduredb/perdure/internal/tree"
)

// benchEntries is the size of the trees of benchmarks. Elements have 16 bytes. B/entry is the
// memory of the size classes for each entry.
const benchEntries = 1_000_000

// element returns the element with a number: 16 bytes that begin with a scrambled form of i.
func element(i uint64) (e [16]byte) {
	binary.BigEndian.PutUint64(e[:], scramble(i))
	binary.BigEndian.PutUint64(e[8:], i)
	return e
}

// scramble is a bijection of 64 bits.
func scramble(i uint64) uint64 {
	i ^= i >> 32
	i *= 0x9e3779b97f4a7c15
	i ^= i >> 29
	i *= 0xbf58476d1ce4e5b9
	return i ^ i>>32
}

func hashOf(e []byte) uint32 { return uint32(binary.BigEndian.Uint64(e) >> 32) }

// bench is the state of a benchmark.
type bench struct {
	b      *testing.B
	memory *memory
	space  *tree.Space
	root   tree.Root
	rng    *rand.Rand
}

func newBench(b *testing.B) *bench {
	m := newMemory()
	m.live = nil
	return &bench{b: b, memory: m, space: tree.NewSpace(m), rng: rand.New(rand.NewPCG(1, 2))}
}

// report reports the memory.
func (b *bench) report() {
	b.b.ReportMetric(float64(b.memory.used)/float64(b.root.Count), "B/entry")
}

// loop runs op b.N times, as often as needed for a tree of benchEntries.
func (b *bench) loop(op func(i uint64)) {
	b.b.ReportAllocs()
	b.b.ResetTimer()
	for i := range uint64(b.b.N) {
		op(i % benchEntries)
	}
	b.b.StopTimer()
}

// put puts the entry of element i, with size more bytes, into a Map.
func (b *bench) put(i uint64, size int) {
	e := element(i)
	buf := append(make([]byte, 0, 64), e[:]...)[:16+size]
	_, err := tree.Map{Space: b.space}.Put(&b.root, hashOf(e[:]), func(entry []byte) bool { return [16]byte(entry) == e }, buf)
	if err != nil {
		b.b.Fatal(err)
	}
}

// sequentialMap makes a Map in the order of the hashes.
func (b *bench) sequentialMap(n uint64) {
	var e [33]byte
	for i := range n {
		binary.BigEndian.PutUint64(e[:], i*(math.MaxUint64/n))
		tree.Map{Space: b.space}.Add(&b.root, hashOf(e[:]), func([]byte) bool { return false }, e[:])
	}
}

func BenchmarkMapPutNew(b *testing.B) {
	for name, size := range map[string]int{"Hash": 17, "Set": 0} {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				s := newBench(b)
				for i := range uint64(benchEntries) {
					s.put(i, size)
				}
				s.report()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchEntries, "ns/entry")
		})
	}
}

func BenchmarkMapPutNewSequential(b *testing.B) {
	for range b.N {
		s := newBench(b)
		s.sequentialMap(benchEntries)
		s.report()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchEntries, "ns/entry")
}

func filledMap(b *testing.B) *bench {
	s := newBench(b)
	for i := range uint64(benchEntries) {
		s.put(i, 17)
	}
	return s
}

func BenchmarkMapFind(b *testing.B) {
	s := filledMap(b)
	s.loop(func(i uint64) {
		e := element(scramble(i) % benchEntries)
		if _, ok := (tree.Map{Space: s.space}).Find(s.root, hashOf(e[:]), func(entry []byte) bool { return [16]byte(entry) == e }); !ok {
			b.Fatal("not found")
		}
	})
}

func BenchmarkMapPutOver(b *testing.B) {
	s := filledMap(b)
	s.loop(func(i uint64) { s.put(scramble(i)%benchEntries, 17) })
}

func BenchmarkMapDeletePut(b *testing.B) {
	s := filledMap(b)
	s.loop(func(i uint64) {
		i = scramble(i) % benchEntries
		e := element(i)
		tree.Map{Space: s.space}.Delete(&s.root, hashOf(e[:]), func(entry []byte) bool { return [16]byte(entry) == e })
		s.put(i, 17)
	})
	s.report()
}

func BenchmarkMapPutPinned(b *testing.B) {
	s := filledMap(b)
	pin := s.space.Pin()
	s.loop(func(i uint64) { s.put(scramble(i)%benchEntries, 17) })
	s.space.Unpin(pin)
}

func BenchmarkMapAll(b *testing.B) {
	s := filledMap(b)
	c := tree.Map{Space: s.space}.From(s.root, 0)
	s.loop(func(uint64) {
		if !c.Next() {
			c = tree.Map{Space: s.space}.From(s.root, 0)
		}
	})
}

// insert inserts element i into a Sorted.
func (b *bench) insert(score, i uint64) {
	e := element(i)
	if _, err := (tree.Sorted{Space: b.space}).Insert(&b.root, score, e[:]); err != nil {
		b.b.Fatal(err)
	}
}

// scoreOf returns the score of element i: random, sequential, or always the same.
func scoreOf(order string, i uint64) uint64 {
	switch order {
	case "Random":
		return tree.Score(float64(scramble(i+1<<40)) / (1 << 32))
	case "Sequential":
		return tree.Score(float64(i))
	}
	return tree.Score(0)
}

var orders = []string{"Random", "Sequential", "OneScore"}

func BenchmarkSortedInsert(b *testing.B) {
	for _, order := range orders {
		b.Run(order, func(b *testing.B) {
			for range b.N {
				s := newBench(b)
				for i := range uint64(benchEntries) {
					s.insert(scoreOf(order, i), i)
				}
				s.report()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchEntries, "ns/entry")
		})
	}
}

// BenchmarkSortedSet builds what a sorted set consists of: a Sorted, and a Map from the hash of a
// member to its score.
func BenchmarkSortedSet(b *testing.B) {
	for _, order := range orders {
		b.Run(order, func(b *testing.B) {
			for range b.N {
				s := newBench(b)
				var scores tree.Root
				for i := range uint64(benchEntries) {
					score := scoreOf(order, i)
					s.insert(score, i)
					e := element(i)
					none := func([]byte) bool { return false }
					var entry [8]byte
					binary.LittleEndian.PutUint64(entry[:], score)
					tree.Map{Space: s.space}.Add(&scores, hashOf(e[:]), none, entry[:])
				}
				s.report()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchEntries, "ns/entry")
		})
	}
}

func BenchmarkSortedRank(b *testing.B) {
	for _, order := range orders {
		b.Run(order, func(b *testing.B) {
			s := newBench(b)
			for i := range uint64(benchEntries) {
				s.insert(scoreOf(order, i), i)
			}
			s.loop(func(i uint64) {
				i = scramble(i) % benchEntries
				e := element(i)
				if _, ok := (tree.Sorted{Space: s.space}).Rank(s.root, scoreOf(order, i), e[:]); !ok {
					b.Fatal("not found")
				}
			})
		})
	}
}

func BenchmarkSortedAt(b *testing.B) {
	s := newBench(b)
	for i := range uint64(benchEntries) {
		s.insert(scoreOf("Random", i), i)
	}
	s.loop(func(i uint64) { tree.Sorted{Space: s.space}.At(s.root, scramble(i)%benchEntries) })
}

func BenchmarkSortedDeleteInsert(b *testing.B) {
	s := newBench(b)
	for i := range uint64(benchEntries) {
		s.insert(scoreOf("Random", i), i)
	}
	s.loop(func(i uint64) {
		i = scramble(i) % benchEntries
		e := element(i)
		tree.Sorted{Space: s.space}.Delete(&s.root, scoreOf("Random", i), e[:])
		s.insert(scoreOf("Random", i), i)
	})
	s.report()
}

// places contains functions for the index at which to insert into a List of n entries.
var places = map[string]func(b *bench, n uint64) uint64{
	"PushBack":  func(_ *bench, n uint64) uint64 { return n },
	"PushFront": func(*bench, uint64) uint64 { return 0 },
	"Random":    func(b *bench, n uint64) uint64 { return b.rng.Uint64N(n + 1) },
}

func (b *bench) fillList(place string) {
	for i := range uint64(benchEntries) {
		e := element(i)
		if err := (tree.List{Space: b.space}).Insert(&b.root, places[place](b, i), e[:]); err != nil {
			b.b.Fatal(err)
		}
	}
}

func BenchmarkListInsert(b *testing.B) {
	for place := range places {
		b.Run(place, func(b *testing.B) {
			for range b.N {
				s := newBench(b)
				s.fillList(place)
				s.report()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchEntries, "ns/entry")
		})
	}
}

func BenchmarkListGet(b *testing.B) {
	s := newBench(b)
	s.fillList("Random")
	s.loop(func(i uint64) { tree.List{Space: s.space}.Get(s.root, scramble(i)%benchEntries) })
}

func BenchmarkListSet(b *testing.B) {
	s := newBench(b)
	s.fillList("Random")
	s.loop(func(i uint64) {
		e := element(i)
		tree.List{Space: s.space}.Set(&s.root, scramble(i)%benchEntries, e[:])
	})
}

// BenchmarkListQueue pushes at one end and pops at the other.
func BenchmarkListQueue(b *testing.B) {
	s := newBench(b)
	s.fillList("PushBack")
	s.loop(func(i uint64) {
		e := element(i)
		tree.List{Space: s.space}.Insert(&s.root, s.root.Count, e[:])
		tree.List{Space: s.space}.Delete(&s.root, 0)
	})
	s.report()
}

func BenchmarkListPrev(b *testing.B) {
	s := newBench(b)
	s.fillList("PushBack")
	c := tree.List{Space: s.space}.From(s.root, s.root.Count)
	s.loop(func(uint64) {
		if !c.Prev() {
			c = tree.List{Space: s.space}.From(s.root, s.root.Count)
		}
	})
}

// BenchmarkGoMapFind finds the same keys as BenchmarkMapFind in a map on the Go heap.
func BenchmarkGoMapFind(b *testing.B) {
	m := make(map[string][]byte)
	for i := range uint64(benchEntries) {
		e := element(i)
		m[string(e[:])] = append([]byte(nil), e[:]...)
	}
	newBench(b).loop(func(i uint64) {
		e := element(scramble(i) % benchEntries)
		if m[string(e[:])] == nil {
			b.Fatal("not found")
		}
	})
}

// BenchmarkReclaim frees the pages that changes in random order have copied while the tree was
// pinned.
func BenchmarkReclaim(b *testing.B) {
	m := newBench(b)
	m.sequentialMap(10 * benchEntries)
	for b.Loop() {
		b.StopTimer()
		pin := m.space.Pin()
		for range 50_000 {
			m.put(m.rng.Uint64(), 8)
		}
		m.space.Unpin(pin)
		b.StartTimer()
		for m.space.Reclaim(64) {
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/50_000, "ns/change")
}
