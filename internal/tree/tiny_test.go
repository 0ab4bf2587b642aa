package tree_test

import (
	"math/rand/v2"
	"testing"

	"github.com/perduredb/perdure/internal/tree"
)

// TestTinyEntries builds and changes lists of entries of one to three bytes, of which a page of 2
// KiB could have a thousand. The check of a tree limits the entries of a leaf, and the test limits
// the memory that the rest of their pages costs.
func TestTinyEntries(t *testing.T) {
	const n = 10_000
	rng := rand.New(rand.NewPCG(1, 5))
	tiny := func() pair { return pair{member: "xyz"[:1+rng.IntN(3)]} }
	places := map[string]func(m *sequence) int{
		"back":   func(m *sequence) int { return len(m.want) },
		"front":  func(*sequence) int { return 0 },
		"random": func(m *sequence) int { return rng.IntN(len(m.want) + 1) },
	}
	fills := map[string]func(m *sequence) error{
		"build": func(m *sequence) error {
			want := make([]pair, n)
			for i := range want {
				want[i] = tiny()
			}
			return m.build(rng, want)
		},
	}
	for name, place := range places {
		fills[name] = func(m *sequence) error {
			for range n {
				if err := m.insert(place(m), tiny()); err != nil {
					return err
				}
			}
			return nil
		}
	}
	for name, fill := range fills {
		t.Run(name, func(t *testing.T) {
			m := newSequence(t, 0)
			if err := fill(m); err != nil {
				t.Fatal(err)
			}
			m.same(m.root, m.want)
			checkMemory(t, m.space, m.memory, m.root)
			if each := float64(m.memory.used) / n; each > 5.5 {
				t.Errorf("an entry of 3 bytes on average with its length takes %.2f bytes, want at most 5.5", each)
			}
			for len(m.want) > 0 {
				at := []int{0, len(m.want) - 1, rng.IntN(len(m.want))}[rng.IntN(3)]
				if err := m.deleteRange(at, at+1); err != nil {
					t.Fatal(err)
				}
				if len(m.want)%500 == 0 {
					m.same(m.root, m.want)
					checkMemory(t, m.space, m.memory, m.root)
				}
			}
			m.finish(rng)
		})
	}
}

// BenchmarkTinyPop pops entries of 3 bytes at an end of a list, and pushes them at the other.
func BenchmarkTinyPop(b *testing.B) {
	for name, back := range map[string]bool{"Front": false, "Back": true} {
		b.Run(name, func(b *testing.B) {
			s := newBench(b)
			l := tree.List{Space: s.space}
			for range benchEntries {
				if err := l.Insert(&s.root, s.root.Count, []byte("xxx")); err != nil {
					b.Fatal(err)
				}
			}
			s.loop(func(uint64) {
				from, to := uint64(0), s.root.Count-1
				if back {
					from, to = to, from
				}
				l.Get(s.root, from)
				l.Delete(&s.root, from)
				l.Insert(&s.root, to, []byte("xxx"))
			})
			s.report()
		})
	}
}
