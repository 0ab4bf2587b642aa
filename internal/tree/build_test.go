package tree_test

import (
	"bytes"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/perduredb/perdure/internal/tree"
)

// build replaces the empty tree by one that is built of want. The entries of a Sorted are added in
// random order.
func (m *sequence) build(rng *rand.Rand, want []pair) error {
	m.t.Helper()
	root, err := m.built(rng, want)
	if err != nil && root != (tree.Root{}) {
		m.t.Fatalf("Build = %+v, %v, want no tree", root, err)
	}
	if err == nil {
		m.root, m.want = root, want
	}
	return err
}

func (m *sequence) built(rng *rand.Rand, want []pair) (tree.Root, error) {
	if !m.sorted {
		b := m.list().Builder()
		defer b.Discard()
		for _, p := range want {
			if err := b.Add([]byte(p.member)); err != nil {
				return tree.Root{}, err
			}
		}
		return b.Build()
	}
	b := m.sortedTree().Builder(rng.IntN(100))
	defer b.Discard()
	for _, i := range order(rng, len(want)) {
		if _, err := b.Add(want[i].score, []byte(want[i].member)); err != nil {
			return tree.Root{}, err
		}
	}
	return b.Build()
}

// order returns the numbers below n in random, ascending, or descending order.
func order(rng *rand.Rand, n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	switch rng.IntN(3) {
	case 0:
		slices.Reverse(all)
	case 1:
		rng.Shuffle(n, func(i, j int) { all[i], all[j] = all[j], all[i] })
	}
	return all
}

// entries returns at most n random entries, in the order of the tree.
func (m *sequence) entries(rng *rand.Rand, n int) []pair {
	all := make([]pair, 0, n)
	for range n {
		p := pair{member: text(rng)}
		if m.sorted {
			p.score = rng.Uint64N(m.scores)
		}
		all = append(all, p)
	}
	if !m.sorted {
		return all
	}
	slices.SortFunc(all, pair.compare)
	return slices.Compact(all)
}

// build replaces the empty tree by one that is built of want, in random order.
func (m *hashModel) build(want map[uint32]string) error {
	m.t.Helper()
	b := m.tree.Builder(0, 0)
	defer b.Discard()
	for key, value := range want {
		if err := b.Add(m.hash(key), keyed(key, value)); err != nil {
			return err
		}
	}
	root, err := b.Build(func(x, y []byte) bool { return bytes.Equal(x[:4], y[:4]) })
	if err != nil && root != (tree.Root{}) {
		m.t.Fatalf("Build = %+v, %v, want no tree", root, err)
	}
	if err == nil {
		m.root, m.want = root, maps.Clone(want)
	}
	return err
}

// sizes are numbers of entries: around those of a leaf and of a page of leaves, too.
func sizes(rng *rand.Rand) []int {
	return []int{0, 1, 2, 3 + rng.IntN(20), 60 + rng.IntN(60), 1000 + rng.IntN(1000), 15_000 + rng.IntN(5000)}
}

func TestBuiltSequenceAgainstSlice(t *testing.T) {
	for name, scores := range scoreSets {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(scores, 5))
			for _, n := range sizes(rng) {
				m := newSequence(t, scores)
				if err := m.build(rng, m.entries(rng, n)); err != nil {
					t.Fatal(err)
				}
				m.same(m.root, m.want)
				checkMemory(t, m.space, m.memory, m.root)
				for range 2000 {
					if err := m.step(rng, n); err != nil {
						t.Fatal(err)
					}
				}
				m.finish(rng)
			}
		})
	}
}

func TestBuiltMapAgainstPlainMap(t *testing.T) {
	for _, hashes := range []uint32{1 << 31, 1000, 40} {
		rng := rand.New(rand.NewPCG(uint64(hashes), 5))
		for _, n := range sizes(rng) {
			if n = min(n, int(hashes)*10); hashes < 1<<31 {
				n = min(n, 1000)
			}
			m := newHashModel(t, hashes)
			want := map[uint32]string{}
			for range n {
				want[rng.Uint32N(1<<20)] = text(rng)
			}
			if err := m.build(want); err != nil {
				t.Fatal(err)
			}
			m.same(m.root, m.want)
			checkMemory(t, m.space, m.memory, m.root)
			for range 2000 {
				if err := m.step(rng, uint32(n+10)); err != nil {
					t.Fatal(err)
				}
			}
			m.finish(rng)
		}
	}
}

// TestBuildWithoutMemory refuses each allocation of a build in turn, from the last to the first.
func TestBuildWithoutMemory(t *testing.T) {
	for name, scores := range scoreSets {
		rng := rand.New(rand.NewPCG(scores, 6))
		m := newSequence(t, scores)
		want := m.entries(rng, 3000)
		refuseEach(t, name, m.memory, m.space, func() error { return m.build(rng, want) }, func() { m.finish(rng) })
	}
	rng := rand.New(rand.NewPCG(7, 6))
	m := newHashModel(t, 1000)
	want := map[uint32]string{}
	for key := range uint32(3000) {
		want[key] = text(rng)
	}
	refuseEach(t, "Map", m.memory, m.space, func() error { return m.build(want) }, func() { m.finish(rng) })
}

// refuseEach runs build once for each allocation, which fails, and then once more.
func refuseEach(t *testing.T, name string, m *memory, s *tree.Space, build func() error, finish func()) {
	t.Helper()
	for n := 1; ; n++ {
		m.asked = 0
		m.refuse = func(i int) bool { return i == n }
		err := build()
		if err == nil {
			break
		}
		if !errors.Is(err, tree.ErrNoMemory) {
			t.Fatalf("%s: build without allocation %d = %v, want ErrNoMemory", name, n, err)
		}
		for s.Reclaim(100) {
		}
		if len(m.live) > 0 || s.Stats() != (tree.Stats{}) {
			t.Fatalf("%s: %d allocations remain after allocation %d was refused, want 0", name, len(m.live), n)
		}
	}
	finish()
}

// TestBuildInTransaction checks that a rollback frees a tree that was built, and the memory of a
// failed build.
func TestBuildInTransaction(t *testing.T) {
	for name, scores := range scoreSets {
		for _, commit := range []bool{false, true} {
			rng := rand.New(rand.NewPCG(scores, 7))
			m := newSequence(t, scores)
			want := m.entries(rng, 2000)
			var tx tree.Tx
			m.space.Begin(&tx)
			m.tx = &tx
			m.memory.refuse = func(n int) bool { return n == 50 }
			if err := m.build(rng, want); !errors.Is(err, tree.ErrNoMemory) {
				t.Fatalf("%s: build without memory = %v, want ErrNoMemory", name, err)
			}
			if err := m.build(rng, want); err != nil {
				t.Fatal(err)
			}
			m.tx = nil
			if commit {
				tx.Commit()
			} else {
				tx.Rollback()
				m.root, m.want = tree.Root{}, nil
			}
			m.finish(rng)
		}
	}
}

func TestBuildRefusesDuplicate(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 8))
	s := newSequence(t, 10)
	want := s.entries(rng, 500)
	if err := s.build(rng, append(want, want[rng.IntN(len(want))])); !errors.Is(err, tree.ErrDuplicate) {
		t.Fatalf("build of a Sorted with a duplicate = %v, want ErrDuplicate", err)
	}
	s.finish(rng)
	m := newHashModel(t, 10)
	b := m.tree.Builder(0, 0)
	for range 2 {
		if err := b.Add(7, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Build(bytes.Equal); !errors.Is(err, tree.ErrDuplicate) {
		t.Fatalf("build of a Map with a duplicate = %v, want ErrDuplicate", err)
	}
	b.Discard()
	m.finish(rng)
}

func TestBuildLimitOfEqualHashes(t *testing.T) {
	m := newHashModel(t, 1)
	want := map[uint32]string{}
	for key := range uint32(2000) {
		want[key] = "0123456789"
	}
	if err := m.build(want); !errors.Is(err, tree.ErrFull) {
		t.Fatalf("build of entries with equal hashes = %v, want ErrFull", err)
	}
	m.finish(rand.New(rand.NewPCG(1, 1)))
}

// FuzzBuild builds trees of entries that an input chooses, with or without enough memory.
func FuzzBuild(f *testing.F) {
	f.Add([]byte("some bytes"), uint8(0), uint16(500), uint16(0))
	f.Add([]byte{0, 1, 2, 200, 100}, uint8(3), uint16(3000), uint16(40))
	f.Fuzz(func(t *testing.T, data []byte, scores uint8, n, refused uint16) {
		rng := rand.New(&source{data, rand.NewPCG(uint64(scores), uint64(n))})
		m := newSequence(t, uint64(scores))
		m.memory.refuse = func(i int) bool { return i == int(refused) }
		err := m.build(rng, m.entries(rng, int(n%4096)))
		if err != nil && !errors.Is(err, tree.ErrNoMemory) {
			t.Fatal(err)
		}
		m.memory.refuse = nil
		for range 100 {
			if err := m.step(rng, int(n%4096)); err != nil {
				t.Fatal(err)
			}
		}
		m.finish(rng)
	})
}
