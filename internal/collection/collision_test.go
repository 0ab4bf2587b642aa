package collection_test

import (
	"fmt"
	"testing"

	"github.com/perduredb/perdure/internal/collection"
	"github.com/perduredb/perdure/internal/tree"
)

// collision returns two names with equal hashes. A scan of a large set yields them together.
func collision(t *testing.T) (a, b string) {
	s, err := collection.OpenSet(collection.Env{Space: tree.NewSpace(&memory{}), Small: 1}, nil)
	if err != nil {
		t.Fatalf("OpenSet = %v, want nil", err)
	}
	for i := range 400_000 { // about 18 pairs
		s.Add(fmt.Append(nil, i))
	}
	for next, more := uint64(0), true; more; more = next != 0 {
		var names []string
		next = s.Scan(next, 1, func(m []byte) { names = append(names, string(m)) })
		if len(names) > 1 {
			return names[0], names[1]
		}
	}
	t.Fatal("no two of 400,000 names have equal hashes, want some")
	return "", ""
}

// TestEqualHashesWithEqualScores gives a member the score of another one with an equal hash, while
// a pin keeps pages from being changed in place, and then another score.
func TestEqualHashesWithEqualScores(t *testing.T) {
	a, b := collision(t)
	for _, pinned := range []bool{false, true} {
		t.Run(fmt.Sprintf("pinned=%t", pinned), func(t *testing.T) {
			env := collection.Env{Space: tree.NewSpace(&memory{}), Small: 1}
			z, err := collection.OpenSortedSet(env, nil)
			if err != nil {
				t.Fatalf("OpenSortedSet = %v, want nil", err)
			}
			want := map[string]float64{}
			put := func(name string, score float64) {
				z.Put([]byte(name), score)
				want[name] = score
			}
			put("first", 0)
			put(a, 1)
			put(b, 2)
			put("last", 9)
			for _, step := range []struct {
				name  string
				score float64
			}{{b, 1}, {b, 3}, {a, 3}, {a, 2}, {b, 2}, {a, 1}} {
				if pinned {
					defer env.Space.Unpin(env.Space.Pin())
				}
				put(step.name, step.score)
				for name, score := range want {
					if got, ok := z.Score([]byte(name)); !ok || got != score {
						t.Fatalf("Score(%q) after Put(%q, %v) = %v, %t, want %v", name, step.name, step.score, got, ok, score)
					}
				}
			}
			if z.Len() != len(want) || z.Err() != nil {
				t.Errorf("%d members, %v, want %d", z.Len(), z.Err(), len(want))
			}
		})
	}
}
