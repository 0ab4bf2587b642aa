package table_test

import (
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/perduredb/perdure/internal/table"
)

// oneShard has a single shard, which fills its chunks one after another.
var oneShard = table.Options{Shards: 1, Databases: 1, Seed: [2]uint64{1, 2}}

// TestFullMemoryGetsHugePages checks that full regions are collapsed to huge pages once, that no
// data is lost, and that the memory of deleted data is returned to the kernel.
func TestFullMemoryGetsHugePages(t *testing.T) {
	if !table.CanCollapse || os.Getpagesize() != 4<<10 {
		t.Skip("SKIPPED: no huge pages on this system")
	}
	m := newModel(t, oneShard)
	r := newRandom(1, 1)
	fill := func(from, to int) {
		for i := from; i < to; i++ {
			m.set(name{0, fmt.Sprint("key:", i)}, value{bytes: r.bytes(1000)})
		}
	}
	fill(0, 40_000)
	before := m.tab.Memory()
	m.defragment()
	pages := m.tab.HugePages()
	// There are two regions. Each may begin inside a huge page.
	if want := 2 * (16/2 - 1); pages < want {
		t.Errorf("collapsed %d pieces of 2 MiB, want at least %d", pages, want)
	}
	if after := m.tab.Memory(); after != before {
		t.Errorf("memory = %+v, want %+v as before", after, before)
	}
	m.check()
	m.defragment()
	if again := m.tab.HugePages(); again != pages {
		t.Errorf("%d pieces collapsed without new full regions, want %d as before", again, pages)
	}
	fill(40_000, 60_000)
	m.defragment()
	if more := m.tab.HugePages(); more <= pages {
		t.Errorf("%d pieces collapsed after another region is full, want more than %d", more, pages)
	}
	for i := range 60_000 {
		if i%50 > 0 {
			m.delete(name{0, fmt.Sprint("key:", i)})
		}
	}
	m.defragment()
	m.check()
	if after := m.tab.Memory(); after.Reserved > 8<<20 {
		t.Errorf("%d bytes reserved for %d used, want less", after.Reserved, after.Used())
	}
}

// TestCollapseIsConcurrent fills, collapses, empties, and releases regions in several goroutines.
func TestCollapseIsConcurrent(t *testing.T) {
	tab := table.New(oneShard)
	defer tab.Close()
	var wg sync.WaitGroup
	done := make(chan struct{})
	wg.Go(func() {
		d := tab.Defragmenter()
		for {
			select {
			case <-done:
				return
			default:
				d.Step()
			}
		}
	})
	value := make([]byte, 200<<10)
	for round := range 20 {
		for i := range 200 {
			key := fmt.Sprint(i)
			value[i] = byte(round)
			do(tab, key, func(s *table.Shard, h uint64) { s.Set(0, h, key, table.String, value, 0) })
		}
		for i := range 200 {
			key := fmt.Sprint(i)
			do(tab, key, func(s *table.Shard, h uint64) {
				e, ok := s.Find(0, h, key)
				if got := e.AppendValue(nil); !ok || len(got) != len(value) || got[i] != byte(round) {
					t.Errorf("round %d: Find(%s) = %v, %d bytes, want the value of the round",
						round, key, ok, len(got))
				}
			})
		}
		do(tab, "", func(s *table.Shard, _ uint64) { s.Flush(0) })
	}
	close(done)
	wg.Wait()
}
