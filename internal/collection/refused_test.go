package collection_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/perduredb/perdure/internal/collection"
	"github.com/perduredb/perdure/internal/tree"
)

// rankedTest is a large sorted set, with the expected scores of its members in their order.
type rankedTest struct {
	t      *testing.T
	memory *memory
	env    collection.Env
	z      collection.SortedSet
	want   []float64
}

func newRankedTest(t *testing.T) *rankedTest {
	x := &rankedTest{t: t, memory: &memory{}}
	x.env = collection.Env{Space: tree.NewSpace(x.memory)}
	var all []collection.Member
	for i := range 1500 {
		x.want = append(x.want, float64(10*i))
		all = append(all, collection.Member{Name: []byte(x.name(i)), Score: x.want[i]})
	}
	x.z = collection.NewSortedSet(x.env, all)
	x.check()
	return x
}

func (x *rankedTest) name(i int) string { return fmt.Sprintf("member:%04d", i) }

// put sets the score of member i with at most n allocations. A refused change ends the use of the
// SortedSet, so put then opens it again.
func (x *rankedTest) put(i int, score float64, n int) (refused bool) {
	x.t.Helper()
	stored := x.z.Stored()
	x.memory.limited, x.memory.left = true, n
	x.z.Put([]byte(x.name(i)), score)
	x.memory.limited = false
	switch err := x.z.Err(); {
	case err == nil:
		x.want[i] = score
	case errors.Is(err, tree.ErrNoMemory):
		x.z = must[collection.SortedSet](x.t)(collection.OpenSortedSet(x.env, stored))
		return true
	default:
		x.t.Fatalf("Put(%s, %v) = %v, want nil or ErrNoMemory", x.name(i), score, err)
	}
	return false
}

// check compares all members, by their names and in their order.
func (x *rankedTest) check() {
	x.t.Helper()
	var all []collection.Member
	for i, score := range x.want {
		m := collection.Member{Name: []byte(x.name(i)), Score: score}
		if got, ok := x.z.Score(m.Name); !ok || got != score {
			x.t.Fatalf("Score(%s) = %v, %v, want %v", m.Name, got, ok, score)
		}
		all = append(all, m)
	}
	collection.Sort(all)
	var want, got []string
	for _, m := range all {
		want = append(want, fmt.Sprintf("%s %v", m.Name, m.Score))
	}
	for _, m := range x.z.From(0) {
		got = append(got, fmt.Sprintf("%s %v", m.Name, m.Score))
	}
	if !slices.Equal(got, want) || x.z.Len() != len(want) {
		x.t.Fatalf("%d members differ, want %d (-want +got):\n%s", x.z.Len(), len(want), cmp.Diff(want, got))
	}
}

// TestMoveWithoutMemoryKeepsMember moves members to other leaves, which need memory: because they
// are full, or because they are frozen by a pin. The leaf of the member itself can be changed
// without memory, so that the member is already removed when the memory is refused.
func TestMoveWithoutMemoryKeepsMember(t *testing.T) {
	t.Run("full leaf", func(t *testing.T) {
		x, refused := newRankedTest(t), 0
		for i := 100; i < 1500; i += 53 {
			if x.put(i, x.want[(i+700)%1500]+1, 0) {
				refused++
			}
			x.check()
		}
		if refused < 20 {
			t.Errorf("%d moves were refused, want at least 20", refused)
		}
	})
	t.Run("frozen leaf", func(t *testing.T) {
		x, refused := newRankedTest(t), 0
		for i := 100; i < 1500; i += 53 {
			pin := x.env.Space.Pin()
			if x.put(i, x.want[i]+1, 100) || x.put(i+1, x.want[i+1]+1, 100) {
				t.Fatal("Put of a score nearby = ErrNoMemory, want nil")
			}
			if x.put(i, x.want[(i+700)%1500]+1, 0) {
				refused++
			}
			x.check()
			x.env.Space.Unpin(pin)
		}
		if refused < 20 {
			t.Errorf("%d moves were refused, want at least 20", refused)
		}
	})
}
