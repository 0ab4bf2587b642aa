package tree_test

import (
	"testing"

	"github.com/perduredb/perdure/internal/tree"
)

// buildMap builds a Map of entries in random order.
func (b *bench) buildMap(size int) {
	build := tree.Map{Space: b.space}.Builder((18+size)*benchEntries, 0)
	defer build.Discard()
	var buf [64]byte
	for i := range uint64(benchEntries) {
		e := element(i)
		if err := build.Add(hashOf(e[:]), append(buf[:0], e[:]...)[:16+size]); err != nil {
			b.b.Fatal(err)
		}
	}
	root, err := build.Build(func(_, _ []byte) bool { return false })
	if err != nil {
		b.b.Fatal(err)
	}
	b.root = root
}

func BenchmarkMapBuild(b *testing.B) {
	for name, size := range map[string]int{"Hash": 17, "Set": 0} {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				s := newBench(b)
				s.buildMap(size)
				s.report()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchEntries, "ns/entry")
		})
	}
}

// BenchmarkMapPutAfterBuild adds entries to a Map that was built: 10% of its number, or 100%.
func BenchmarkMapPutAfterBuild(b *testing.B) {
	for name, n := range map[string]uint64{"10%": benchEntries / 10, "100%": benchEntries} {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				b.StopTimer()
				s := newBench(b)
				s.buildMap(17)
				b.StartTimer()
				for i := range n {
					s.put(benchEntries+i, 17)
				}
				s.report()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/entry")
		})
	}
}
