package table_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/perduredb/perdure/internal/table"
)

// freeze returns a view and its expected contents.
func (m *model) freeze() (*table.View, map[name]value) {
	m.t.Helper()
	m.tab.LockAll()
	v := m.tab.Freeze()
	m.tab.UnlockAll()
	keys := map[int]table.Count{}
	for n, v := range m.want {
		c := keys[n.db]
		c.DB = n.db
		c.Keys++
		if v.expire != 0 {
			c.Expires++
		}
		keys[n.db] = c
	}
	last := -1
	for _, c := range v.Counts() {
		if c != keys[c.DB] || c.DB <= last {
			m.t.Fatalf("Counts = %+v, want %+v", c, keys[c.DB])
		}
		last = c.DB
		delete(keys, c.DB)
	}
	if len(keys) > 0 {
		m.t.Fatalf("Counts lacks %v, want all databases", keys)
	}
	return v, maps.Clone(m.want)
}

// TestViewBetweenEntries changes the table between any two entries that a view yields, in one
// goroutine.
func TestViewBetweenEntries(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			o := small
			o.ViewMemory = []int64{0, 5000, 200_000}[seed%3]
			m := newModel(t, o)
			r := newRandom(seed, []int{100, 3000, 8000, 600}[seed%4])
			r.maxValue = []int{100 << 10, 5000, 500, 600 << 10}[seed%4]
			for range 8000 / scale {
				m.step(r)
			}
			for range 8 / min(scale, 4) {
				m.viewRound(r)
			}
			m.check()
			for n := range m.want {
				m.delete(n)
			}
			if mem := m.tab.Memory(); mem != (table.MemoryStats{}) {
				t.Errorf("memory of an empty table = %+v, want none", mem)
			}
		})
	}
}

// viewRound reads a view, or a part of it, while the table changes.
func (m *model) viewRound(r *random) {
	m.t.Helper()
	v, want := m.freeze()
	got := map[name]value{}
	steps, abort := r.IntN(4), -1
	if r.IntN(2) == 0 {
		abort = r.IntN(len(want) + 1)
	}
	for range r.IntN(2000) {
		m.step(r)
	}
	err := v.Scan(func(e table.Entry) bool {
		m.collect(got, e)
		for range r.IntN(steps + 1) {
			m.step(r)
		}
		switch r.IntN(2000) {
		case 0:
			m.flush(r.IntN(3))
		case 1:
			m.sweep(r.Int64N(1000))
		case 2:
			if err := m.tab.Check(); err != nil {
				m.t.Fatal(err)
			}
		case 3:
			m.swap(r.IntN(3), r.IntN(3))
		}
		if len(got) == abort {
			if abort%2 == 0 {
				return false
			}
			v.Close()
		}
		return true
	})
	switch complete := abort < 0 || abort > len(got); {
	case complete && err != nil:
		m.t.Fatal(err)
	case complete:
		m.equal(got, want)
	case abort%2 == 1 && !errors.Is(err, table.ErrViewClosed) && len(got) < len(want):
		m.t.Fatalf("All after Close = %v, want ErrViewClosed", err)
	}
	for n, g := range got {
		if want[n] != g {
			m.t.Fatalf("value of %v in the view = %.40q, want %.40q", n, g.bytes, want[n].bytes)
		}
	}
	v.Close()
	v.Close()
	if err := m.tab.Check(); err != nil {
		m.t.Fatal(err)
	}
}

// TestViewUnread checks that a view that was not read leaves no memory after Close.
func TestViewUnread(t *testing.T) {
	m := newModel(t, small)
	r := newRandom(1, 3000)
	for range 6 {
		for range 5000 / scale {
			m.step(r)
		}
		v, _ := m.freeze()
		m.flush(r.IntN(3))
		for range 5000 / scale {
			m.step(r)
		}
		v.Close()
		m.check()
	}
	for db := range 3 {
		m.flush(db)
	}
	if mem := m.tab.Memory(); mem != (table.MemoryStats{}) {
		t.Errorf("memory of an empty table = %+v, want none", mem)
	}
}

// TestViewFlush checks that a view contains data that was flushed, and that this data is freed with
// the view, even if it is flushed while large values are yielded.
func TestViewFlush(t *testing.T) {
	for _, size := range []int{10, 60 << 10, 300 << 10} {
		m := newModel(t, table.Options{Shards: 2, Databases: 2})
		for i := range 60 {
			m.set(name{i % 2, fmt.Sprintf("key%02d", i)}, value{bytes: fmt.Sprintf("%0*d", size+30, i)})
		}
		v, want := m.freeze()
		for i := range 10 { // some are before-images
			m.set(name{i % 2, fmt.Sprintf("key%02d", i)}, value{bytes: "new"})
		}
		got := map[name]value{}
		err := v.Scan(func(e table.Entry) bool {
			if len(got)%7 == 0 {
				m.flush(0)
				m.flush(1)
				for i := range 20 {
					m.set(name{i % 2, fmt.Sprintf("key%02d", i)}, value{bytes: fmt.Sprintf("%0*d", size+30, -i)})
				}
			}
			m.collect(got, e)
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		m.equal(got, want)
		m.check()
		m.flush(0)
		m.flush(1)
		if mem := m.tab.Memory(); mem != (table.MemoryStats{}) {
			t.Errorf("size %d: memory of an empty table = %+v, want none", size, mem)
		}
		v.Close()
	}
}

func TestFreezeTwice(t *testing.T) {
	tab := table.New(small)
	v := tab.Freeze()
	defer func() {
		if recover() == nil {
			t.Error("Freeze while a view is open returned, want a panic")
		}
		v.Close()
		tab.Freeze().Close()
		tab.Close()
	}()
	tab.Freeze()
}

// world is the shared state of the writers in TestViewConcurrent: a copy of the table's contents
// for each shard, guarded by the lock of the shard.
type world struct {
	tab    *table.Table
	shards []map[name]value
}

// with locks the shards of some keys.
func (w *world) with(keys []name, f func()) {
	var ks table.KeySet
	ks.Set(w.tab, len(keys), func(i int) string { return keys[i].key })
	ks.Lock()
	defer ks.Unlock()
	f()
}

// change runs one operation on a key. The lock of its shard must be held.
func (w *world) change(r *rand.Rand, n name, v value) {
	h := w.tab.Hash(n.key)
	s, m := w.tab.Shard(h), w.shards[w.tab.ShardIndex(h)]
	old, had := m[n]
	switch op := r.IntN(10); {
	case op < 2:
		s.Delete(n.db, h, n.key)
		delete(m, n)
		return
	case op == 2 && had:
		old.expire = int64(r.IntN(2) * 77)
		s.SetExpire(n.db, h, n.key, old.expire)
		v = old
	case op == 3 && had && old.kind == table.String:
		s.Append(n.db, h, n.key, []byte("tail"))
		old.bytes += "tail"
		v = old
	case op == 4:
		v = value{bytes: strconv.Itoa(r.IntN(1e6))}
		i, _ := strconv.Atoi(v.bytes)
		s.SetInt(n.db, h, n.key, int64(i), 0)
	default:
		s.SetBytes(n.db, h, []byte(n.key), v.kind, []byte(v.bytes), v.expire)
	}
	m[n] = v
}

// act runs one operation, a transaction of three operations, or sometimes a flush or a sweep of a
// shard.
func (w *world) act(rnd *random, values []value) {
	r := rnd.Rand
	w.tab.WaitView()
	switch op := r.IntN(20000); {
	case op < 4000:
		keys := []name{rnd.name(), rnd.name(), rnd.name()}
		v := values[r.IntN(len(values))]
		w.with(keys, func() {
			for _, n := range keys {
				w.change(r, n, v)
			}
		})
	case op < 4002:
		db := r.IntN(3)
		w.tab.LockAll()
		for i, m := range w.shards {
			w.tab.ShardAt(i).Flush(db)
			maps.DeleteFunc(m, func(n name, _ value) bool { return n.db == db })
		}
		w.tab.UnlockAll()
	case op < 4010:
		i := r.IntN(len(w.shards))
		s := w.tab.ShardAt(i)
		s.Lock()
		s.SweepExpired(70, 500, func(db int, key []byte) { delete(w.shards[i], name{db, string(key)}) })
		s.Unlock()
	default:
		n := rnd.name()
		w.with([]name{n}, func() { w.change(r, n, values[r.IntN(len(values))]) })
	}
}

func TestViewConcurrent(t *testing.T) {
	o := table.Options{Shards: 16, Databases: 3, ViewMemory: 256 << 10}
	tab := table.New(o)
	defer tab.Close()
	w := &world{tab: tab}
	for range o.Shards {
		w.shards = append(w.shards, map[name]value{})
	}
	rnd := newRandom(1, 30000/scale)
	var values []value
	for i := range 200 {
		v := rnd.value()
		if i%40 == 39 {
			v.bytes = rnd.bytes(rnd.IntN(100 << 10))
		}
		values = append(values, v)
	}
	for range 60000 / scale {
		w.act(rnd, values)
	}
	var stop atomic.Bool
	var wg sync.WaitGroup
	for i := range uint64(2) {
		wg.Go(func() {
			for rnd := newRandom(i+2, rnd.keys); !stop.Load(); {
				w.act(rnd, values)
			}
		})
	}
	wg.Go(func() {
		for d := tab.Defragmenter(); !stop.Load(); {
			d.Step()
		}
	})
	rounds := 24
	if testing.Short() {
		rounds = 8
	}
	for round := range rounds {
		w.viewRound(t, round)
	}
	stop.Store(true)
	wg.Wait()
	if err := tab.Check(); err != nil {
		t.Fatal(err)
	}
}

// viewRound compares a view with a copy taken at its point in time, under full load.
func (w *world) viewRound(t *testing.T, round int) {
	t.Helper()
	want := map[name]value{}
	w.tab.LockAll()
	v := w.tab.Freeze()
	for _, m := range w.shards {
		maps.Copy(want, m)
	}
	w.tab.UnlockAll()
	defer v.Close()
	if round%4 == 1 {
		go v.Close() // at any time
	}
	got, m := map[name]value{}, &model{t: t}
	err := v.Scan(func(e table.Entry) bool {
		m.collect(got, e)
		return round%4 != 2 || len(got) < len(want)/2
	})
	switch {
	case errors.Is(err, table.ErrViewClosed) && round%4 == 1:
	case err != nil:
		t.Fatal(err)
	case round%4 != 2:
		m.equal(got, want)
	}
	for n, g := range got {
		if want[n] != g {
			t.Fatalf("round %d: value of %v in the view = %.40q, want %.40q", round, n, g.bytes, want[n].bytes)
		}
	}
}

// TestWaitView checks that waiting writers continue when the view is read to its end, and when it
// is closed.
func TestWaitView(t *testing.T) {
	o := small
	o.ViewMemory = 1000
	m := newModel(t, o)
	fill := func(v string) {
		for i := range 100 {
			m.set(name{0, fmt.Sprint("a key of some length ", i)}, value{bytes: v + " and a value"})
		}
	}
	fill("old")
	m.tab.WaitView()
	for _, end := range []func(v *table.View){
		func(v *table.View) { v.Close() },
		func(v *table.View) {
			if err := v.Scan(func(table.Entry) bool { return true }); err != nil {
				t.Error(err)
			}
		},
	} {
		v, _ := m.freeze()
		if m.tab.ViewPressure() {
			t.Fatal("ViewPressure without before-images = true, want false")
		}
		fill("new")
		if !m.tab.ViewPressure() {
			t.Fatal("ViewPressure with before-images = false, want true")
		}
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(m.tab.WaitView)
		}
		end(v)
		wg.Wait()
		v.Close()
	}
}
