package table_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/perduredb/perdure/internal/table"
)

// refusal is an Options.Limit that refuses some requests for memory.
type refusal struct {
	asked int
	first int // the first request that is refused, from 0; -1 refuses no request
	last  int // the last request that is refused
}

func (r *refusal) allow(int) bool {
	n := r.asked
	r.asked++
	return r.first < 0 || n < r.first || n > r.last
}

// scenario runs random operations on a few shards, and compares the table with the model after each
// refusal. It returns the number of refused requests.
func scenario(t *testing.T, seed uint64, limit *refusal, ops int) (refused int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 7))
	m := newModel(t, table.Options{Shards: 2, Databases: 2, Seed: [2]uint64{seed + 1, 3}, Limit: limit.allow})
	for i := range ops {
		n := name{rng.IntN(2), fmt.Sprint("key:", rng.IntN(900))}
		if rng.IntN(40) == 0 {
			n.key = strings.Repeat("long", 100+rng.IntN(400)) + n.key
		}
		err := m.try(rng, n)
		switch {
		case errors.Is(err, table.ErrNoMemory):
			refused++
			if err := m.tab.Check(); err != nil {
				t.Fatalf("op %d: %v, want no refusal", i, err)
			}
			m.same(n)
		case err != nil:
			t.Fatal(err)
		}
	}
	limit.first = -1
	for n := range m.want {
		m.same(n)
	}
	if err := m.tab.Check(); err != nil {
		t.Fatal(err)
	}
	return refused
}

// try runs a random write, and changes the model if it succeeds.
func (m *model) try(rng *rand.Rand, n name) error {
	v, had := m.want[n]
	var err error
	do(m.tab, n.key, func(s *table.Shard, h uint64) {
		switch k := rng.IntN(10); {
		case k < 5:
			next := value{kind: table.Kind(rng.IntN(2)), bytes: strings.Repeat("v", lengths[rng.IntN(len(lengths))])}
			if rng.IntN(2) == 0 {
				next.expire = 1 << 40
			}
			if v = next; len(v.bytes) > 256<<10 && v.kind == table.String && rng.IntN(2) == 0 {
				err = m.setMapped(s, h, n, v)
			} else {
				_, err = s.Set(n.db, h, n.key, v.kind, []byte(v.bytes), v.expire)
			}
		case k == 5:
			v = value{bytes: "12345", expire: v.expire}
			_, err = s.SetInt(n.db, h, n.key, 12345, v.expire)
		case k == 6:
			v, had = value{}, false
			s.Delete(n.db, h, n.key)
		case k == 7 && had:
			v.expire = int64(rng.IntN(2))
			_, err = s.SetExpire(n.db, h, n.key, v.expire)
		case k >= 8 && had && v.kind == table.String:
			suffix := strings.Repeat("s", lengths[rng.IntN(len(lengths))])
			v.bytes += suffix
			_, err = s.Append(n.db, h, n.key, []byte(suffix))
		default:
			return
		}
		had = v != (value{})
	})
	switch {
	case err != nil:
	case had:
		m.want[n] = v
	default:
		delete(m.want, n)
	}
	return err
}

var lengths = []int{1, 10, 100, 100, 300, 1000, 5000, 40_000, 70_000, 300_000}

func (m *model) setMapped(s *table.Shard, h uint64, n name, v value) error {
	mapping, err := m.tab.Map(n.key, []byte(v.bytes))
	if err != nil {
		return err
	}
	if _, err = s.SetMapped(n.db, h, n.key, mapping, v.expire); err != nil {
		m.tab.Unmap(mapping)
	}
	return err
}

// same checks one key.
func (m *model) same(n name) {
	m.t.Helper()
	v, had := m.want[n]
	do(m.tab, n.key, func(s *table.Shard, h uint64) {
		it, ok := s.Find(n.db, h, n.key)
		if ok != had || ok && (it.Kind() != v.kind || it.ExpireAtMs() != v.expire || !it.Equal([]byte(v.bytes))) {
			m.t.Fatalf("Find %.40q = %v, want %v with its value", n.key, ok, had)
		}
	})
}

func TestRefusedMemoryChangesNothing(t *testing.T) {
	const ops = 400
	var all refusal
	all.first = -1
	scenario(t, 1, &all, ops)
	step := 3
	switch {
	case testing.Short():
		step = 7
	case os.Getenv("PERDURE_EVERY") != "":
		step = 1
	}
	refused := 0
	for n := 0; n < all.asked; n += step {
		refused += scenario(t, 1, &refusal{first: n, last: n}, ops)
		refused += scenario(t, 1, &refusal{first: n, last: n + 20}, ops)
	}
	if refused < all.asked/step {
		t.Errorf("writers saw %d refusals, want most of %d", refused, all.asked/step)
	}
}

func TestIndexWithoutMemoryKeepsEveryKey(t *testing.T) {
	limit := refusal{first: -1}
	m := newModel(t, table.Options{Shards: 1, Limit: limit.allow})
	for i := 0; limit.first < 0 || i < 20_000; i++ {
		n := name{0, fmt.Sprint(i)}
		var err error
		do(m.tab, n.key, func(s *table.Shard, h uint64) {
			_, err = s.Set(0, h, n.key, table.String, []byte("value"), 0)
		})
		switch {
		case err == nil:
			m.want[n] = value{bytes: "value"}
		case !errors.Is(err, table.ErrNoMemory):
			t.Fatal(err)
		}
		if i == 10_000 {
			limit.first, limit.last = 0, math.MaxInt
		}
	}
	if len(m.want) < 10_001 || len(m.want) == 20_000 {
		t.Errorf("stored %d keys, want more", len(m.want))
	}
	for n := range m.want {
		m.same(n)
	}
	if err := m.tab.Check(); err != nil {
		t.Error(err)
	}
	for n := range m.want {
		m.delete(n)
	}
	if err := m.tab.Check(); err != nil {
		t.Error(err)
	}
}

func TestRollbackNeedsNoMemory(t *testing.T) {
	for seed := range uint64(max(8/scale, 1)) {
		limit := refusal{first: -1}
		rng := rand.New(rand.NewPCG(seed, 8))
		m := newModel(t, table.Options{Shards: 2, Databases: 2, Seed: [2]uint64{seed + 1, 3}, Limit: limit.allow})
		for range 1500 {
			if err := m.try(rng, name{rng.IntN(2), fmt.Sprint("key:", rng.IntN(900))}); err != nil {
				t.Fatal(err)
			}
		}
		for round := range 20 {
			m.transaction(rng, &limit, 1+rng.IntN(300), round%2 == 0)
		}
		for n := range m.want {
			m.same(n)
		}
	}
}

// transaction runs random operations, and commits them or rolls them back.
func (m *model) transaction(rng *rand.Rand, limit *refusal, ops int, back bool) {
	m.t.Helper()
	before := make(map[name]value, len(m.want))
	for n, v := range m.want {
		before[n] = v
	}
	m.tab.LockAll()
	view := m.tab.Freeze()
	m.tab.UnlockAll()
	var u table.Undo
	for i := range m.tab.NumShards() {
		s := m.tab.ShardAt(i)
		s.Lock()
		s.Record(&u)
		s.Unlock() // no other goroutine uses it
	}
	if rng.IntN(2) == 0 {
		limit.first, limit.last = limit.asked+rng.IntN(20), math.MaxInt
	}
	for range ops {
		if err := m.try(rng, name{rng.IntN(2), fmt.Sprint("key:", rng.IntN(900))}); err != nil && !errors.Is(err, table.ErrNoMemory) {
			m.t.Fatal(err)
		}
	}
	for n := range m.want {
		m.same(n)
	}
	limit.first, limit.last = 0, math.MaxInt
	if back {
		u.Rollback()
		m.want = before
	} else {
		u.Commit()
	}
	limit.first = -1
	if err := m.tab.Check(); err != nil {
		m.t.Fatal(err)
	}
	m.scanned(view, before)
	want := [2]int64{}
	for n := range m.want {
		want[n.db]++
	}
	for db, n := range want {
		if have := m.tab.Len(db); have != n {
			m.t.Fatalf("Len(%d) = %d, want %d", db, have, n)
		}
	}
}

// scanned compares a view with its expected contents, and closes it.
func (m *model) scanned(view *table.View, want map[name]value) {
	m.t.Helper()
	defer view.Close()
	seen := 0
	err := view.Scan(func(e table.Entry) bool {
		seen++
		if v := want[name{e.DB, string(e.Key)}]; v != (value{e.Kind, string(e.Value), e.ExpireAtMs}) {
			m.t.Errorf("view has %.40q = %.40q, want %.40q", e.Key, e.Value, v.bytes)
		}
		return !m.t.Failed()
	})
	if err != nil || seen != len(want) {
		m.t.Fatalf("view has %d keys, want %d: %v", seen, len(want), err)
	}
}
