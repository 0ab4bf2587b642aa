package tree_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/perduredb/perdure/internal/tree"
)

func TestRootStoredForm(t *testing.T) {
	want := tree.Root{Count: 1<<40 + 7, Ref: 1<<31 + 5, Height: 3}
	b := want.AppendTo([]byte("x"))
	if len(b) != 1+tree.RootSize {
		t.Fatalf("stored Root has %d bytes, want %d", len(b)-1, tree.RootSize)
	}
	if got, ok := tree.ParseRoot(append(b[1:], "more"...)); !ok || got != want {
		t.Fatalf("ParseRoot = %+v, %v, want %+v", got, ok, want)
	}
	if _, ok := tree.ParseRoot(b[2:]); ok {
		t.Fatal("ParseRoot of 12 bytes = true, want false")
	}
}

func TestScoreKeepsOrder(t *testing.T) {
	numbers := []float64{math.Inf(-1), -math.MaxFloat64, -1, -math.SmallestNonzeroFloat64, 0,
		math.SmallestNonzeroFloat64, 1, 1.5, math.MaxFloat64, math.Inf(1)}
	for i, f := range numbers {
		if got := tree.Float(tree.Score(f)); got != f {
			t.Errorf("Float(Score(%v)) = %v, want %v", f, got, f)
		}
		if i > 0 && tree.Score(f) <= tree.Score(numbers[i-1]) {
			t.Errorf("Score(%v) = %d, want more than Score(%v)", f, tree.Score(f), numbers[i-1])
		}
	}
	if tree.Score(math.Copysign(0, -1)) != tree.Score(0) {
		t.Error("Score(-0) differs from Score(0)")
	}
}

// TestHighTree uses long entries: 4 to a leaf, so that the tree has 4 levels.
func TestHighTree(t *testing.T) {
	if !every() {
		t.Skip("a tree of four levels takes long: set PERDURE_EVERY")
	}
	for _, scores := range []uint64{0, 1 << 50} {
		rng := rand.New(rand.NewPCG(scores, 4))
		m := newSequence(t, scores)
		for i := range 80_000 {
			p := pair{member: string(binary.BigEndian.AppendUint64(make([]byte, 450, 500), uint64(i)))}
			if m.sorted {
				p.score = uint64(i) * 2
			}
			if i%8 == 0 && m.sorted {
				p.score = rng.Uint64N(uint64(2*i) + 1)
			}
			if err := m.insert(len(m.want), p); err != nil {
				t.Fatal(err)
			}
		}
		if m.root.Height < 4 {
			t.Fatalf("height is %d, want at least 4", m.root.Height)
		}
		m.same(m.root, m.want)
		for range 30 {
			if rng.IntN(6) == 0 {
				m.states = append(m.states, sequenceState{m.space.Pin(), m.root, slices.Clone(m.want)})
			}
			n := len(m.want)
			from := rng.IntN(n)
			if err := m.deleteRange(from, min(from+1+rng.IntN(n/4+1), n)); err != nil {
				t.Fatal(err)
			}
			for range 50 {
				if err := m.insert(rng.IntN(len(m.want)+1), pair{scores & rng.Uint64(), text(rng)}); err != nil {
					t.Fatal(err)
				}
			}
			m.same(m.root, m.want)
			checkMemory(t, m.space, m.memory, m.root)
		}
		m.finish(rng)
	}
}

// TestShortPinFreesDuringLongPin checks that a long pin retains only the pages of the state that it
// pinned.
func TestShortPinFreesDuringLongPin(t *testing.T) {
	m := newSequence(t, 0)
	for i := range 2000 {
		if err := m.insert(i, pair{member: "element"}); err != nil {
			t.Fatal(err)
		}
	}
	long := m.space.Pin()
	for i := range 500 {
		short := m.space.Pin()
		if err := m.set(i*4, "changed"); err != nil {
			t.Fatal(err)
		}
		m.space.Unpin(short)
		for m.space.Reclaim(10) {
		}
	}
	stats := m.space.Stats()
	if limit := stats.Used/2 + 4096; stats.Held > limit {
		t.Fatalf("%d bytes are held, want at most %d", stats.Held, limit)
	}
	m.space.Unpin(long)
	m.finish(rand.New(rand.NewPCG(1, 1)))
}

// TestReadersBesideWriters reads pinned states without a lock while two writers change two trees.
func TestReadersBesideWriters(t *testing.T) {
	m := newMemory()
	m.live = nil
	space := tree.NewSpace(m)
	var group sync.WaitGroup
	for writer := range uint64(2) {
		var mu sync.Mutex
		var root tree.Root
		done := make(chan struct{})
		group.Go(func() {
			defer close(done)
			rng := rand.New(rand.NewPCG(writer, 1))
			for i := range uint64(20_000) {
				mu.Lock()
				e := binary.BigEndian.AppendUint64(make([]byte, rng.IntN(30)), i)
				if err := (tree.List{Space: space}).Insert(&root, rng.Uint64N(root.Count+1), e); err != nil {
					t.Error(err)
				}
				if root.Count > 3000 {
					if err := (tree.List{Space: space}).Delete(&root, rng.Uint64N(root.Count)); err != nil {
						t.Error(err)
					}
				}
				mu.Unlock()
				space.Reclaim(3)
			}
		})
		for range 2 {
			group.Go(func() {
				for {
					mu.Lock()
					pin, pinned := space.Pin(), root
					mu.Unlock()
					first := digest(space, pinned)
					if second := digest(space, pinned); first != second {
						t.Errorf("a pinned state is %v and then %v, want no change", first, second)
					}
					space.Unpin(pin)
					select {
					case <-done:
						return
					default:
					}
				}
			})
		}
	}
	group.Wait()
	for space.Reclaim(100) {
	}
	if stats := space.Stats(); stats.Held != 0 {
		t.Errorf("%d bytes are held, want 0", stats.Held)
	}
}

// digest reads a whole list.
func digest(s *tree.Space, root tree.Root) string {
	n, sum := uint64(0), uint64(0)
	for c := (tree.List{Space: s}).From(root, 0); c.Next(); n++ {
		for _, b := range c.Entry() {
			sum = sum*31 + uint64(b)
		}
	}
	if n != root.Count {
		return fmt.Sprintf("%d entries instead of %d", n, root.Count)
	}
	return fmt.Sprint(sum)
}
