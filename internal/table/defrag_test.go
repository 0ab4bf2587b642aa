package table_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/perduredb/perdure/internal/table"
)

// TestDefragment checks that resident memory is little more than used memory after sizes change and
// after mass deletions.
func TestDefragment(t *testing.T) {
	m := newModel(t, table.Options{Shards: 2, Databases: 2, Seed: [2]uint64{1, 2}})
	n := 60_000 / scale
	r := newRandom(1, n)
	key := func(i int) name { return name{i & 1, fmt.Sprintf("key:%012d", i)} }
	set := func(i, size int) {
		v := value{bytes: r.opaque(size), kind: table.Kind(i >> 1 & 1)}
		if i%3 == 0 {
			v.expire = int64(1 + i)
		}
		m.set(key(i), v)
	}
	each := func(share int, do func(i int)) func() {
		return func() {
			for i := range n {
				if _, ok := m.want[key(i)]; ok && r.IntN(100) < share {
					do(i)
				}
			}
		}
	}
	for _, phase := range []struct {
		name string
		do   func()
	}{
		{"fill", func() {
			for i := range n {
				set(i, 64)
			}
		}},
		{"200 bytes", each(100, func(i int) { set(i, 200) })},
		{"delete half", each(50, func(i int) { m.delete(key(i)) })},
		{"half to 30 bytes", each(50, func(i int) { set(i, 30) })},
		{"some to 3000 bytes", each(10, func(i int) { set(i, 3000) })},
		{"some to 40000 bytes", each(1, func(i int) { set(i, 40_000) })},
		{"delete nine of ten", each(90, func(i int) { m.delete(key(i)) })},
	} {
		phase.do()
		before := m.tab.Memory()
		moved := m.defrag.Moved()
		m.defragment()
		after := m.tab.Memory()
		t.Logf("%-20s %5.2f -> %4.2f, reserved %4d -> %4d KiB, moved %d of %d", phase.name, before.Fragmentation(),
			after.Fragmentation(), before.Reserved>>10, after.Reserved>>10, m.defrag.Moved()-moved, len(m.want))
		if after.Used() != before.Used() {
			t.Errorf("%s: %d bytes used after defragmentation, want %d as before", phase.name, after.Used(), before.Used())
		}
		// The difference is idle memory that is kept for reuse, and a partial page of each class.
		if limit := after.Used()*5/4 + 4<<20; after.Resident > limit {
			t.Errorf("%s: %d bytes resident for %d used, want less", phase.name, after.Resident, after.Used())
		}
		m.check()
	}
	moved := m.defrag.Moved()
	if m.defragment(); m.defrag.Moved() != moved {
		t.Errorf("defragmentation moved %d records, want 0", m.defrag.Moved()-moved)
	}
}

// TestDefragmentUnderView checks that a view yields every entry once, unchanged, during a
// defragmentation.
func TestDefragmentUnderView(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			m := newModel(t, small)
			r := newRandom(seed, []int{2000, 20_000}[seed%2])
			r.maxValue = []int{3000, 100 << 10}[seed/2%2]
			for i := range 40_000 / scale {
				m.set(r.name(), r.value())
				if i%4 == 0 {
					m.defrag.Step()
				}
			}
			for n := range m.want {
				if r.IntN(5) > 0 {
					m.delete(n)
				}
			}
			moved := m.defrag.Moved()
			v, want := m.freeze()
			got := map[name]value{}
			if err := v.Scan(func(e table.Entry) bool {
				m.collect(got, e)
				m.defrag.Step()
				if r.IntN(20) == 0 {
					m.step(r)
				}
				if r.IntN(500) == 0 {
					if err := m.tab.Check(); err != nil {
						t.Fatal(err)
					}
				}
				return true
			}); err != nil {
				t.Fatal(err)
			}
			m.equal(got, want)
			v.Close()
			t.Logf("%d entries, %d moved", len(want), m.defrag.Moved()-moved)
			if m.defrag.Moved() == moved {
				t.Error("defragmentation moved 0 records, want more")
			}
			m.defragment()
			m.check()
		})
	}
}

// TestDefragmentSwapAndFlush checks that defragmentation ignores a keyspace that is flushed or
// swapped in the meantime.
func TestDefragmentSwapAndFlush(t *testing.T) {
	m := &machine{model: newModel(t, table.Options{Shards: 1, Databases: 2})}
	r := newRandom(1, 1)
	for round := range 40 {
		for i := range 3000 {
			m.set(name{i & 1, fmt.Sprint(round%2, i)}, value{bytes: r.bytes(50 + round)})
		}
		for n := range m.want {
			if r.IntN(3) > 0 {
				m.delete(n)
			}
		}
		for range round {
			m.defrag.Step()
		}
		switch round % 3 {
		case 0:
			m.swap(0, 1)
		case 1:
			m.flush(round & 1)
		}
		for range round {
			m.defrag.Step()
		}
		m.check()
	}
	m.defragment()
	m.check()
}

// TestDefragmentLarge defragments a table of large values.
func TestDefragmentLarge(t *testing.T) {
	m := newModel(t, table.Options{Shards: 1, Databases: 1})
	r := newRandom(1, 1)
	n := 400 / scale
	for i := range n {
		key := fmt.Sprint(i)
		if i%10 == 0 {
			key += strings.Repeat("k", 2000)
		}
		m.set(name{0, key}, value{bytes: r.bytes(33<<10 + r.IntN(100<<10)), expire: int64(i & 1)})
	}
	for n := range m.want {
		if r.IntN(4) > 0 {
			m.delete(n)
		}
	}
	before := m.tab.Memory()
	m.defragment()
	after := m.tab.Memory()
	t.Logf("reserved %d -> %d KiB for %d", before.Reserved>>10, after.Reserved>>10, after.Used()>>10)
	if after.Reserved > after.Used()*3/2+1<<20 {
		t.Errorf("%d bytes reserved for %d used, want less", after.Reserved, after.Used())
	}
	m.check()
}
