package perdure_test

import (
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/perduredb/perdure"
)

// TestSetAgainstMap does random operations on a set and on a map.
func TestSetAgainstMap(t *testing.T) {
	againstModel(t, func() (func(*perdure.Store, *rand.Rand), func(*perdure.Store)) {
		model := map[string]bool{}
		return func(s *perdure.Store, r *rand.Rand) { stepSet(t, s.SetAt("k"), model, r) },
			func(s *perdure.Store) { checkSet(t, s.SetAt("k"), model) }
	})
}

func stepSet(t *testing.T, s perdure.Set, model map[string]bool, r *rand.Rand) {
	m, n := word(r), len(model)
	had := model[m]
	switch r.IntN(6) {
	case 0, 1:
		model[m], model["other"] = true, true
		added, err := s.Add(m, "other", m)
		same(t, "Add", added, err, len(model)-n)
	case 2:
		removed, err := s.Remove(m, "missing", m)
		same(t, "Remove", removed == 1, err, had)
		delete(model, m)
	case 3:
		found, err := s.Has(m)
		same(t, "Has", found, err, had)
	case 4:
		popped, err := s.Pop()
		if n == 0 {
			is(t, err, perdure.ErrNotFound)
			return
		}
		same(t, "Pop: is a member", model[popped], err, true)
		delete(model, popped)
	case 5:
		random, err := s.Random()
		if n == 0 {
			is(t, err, perdure.ErrNotFound)
			return
		}
		same(t, "Random: is a member", model[random], err, true)
	}
}

func checkSet(t *testing.T, s perdure.Set, model map[string]bool) {
	t.Helper()
	got := map[string]bool{}
	for m := range s.All() {
		if got[m] {
			t.Errorf("All yields %q twice, want once", m)
		}
		got[m] = true
	}
	if !maps.Equal(got, model) {
		t.Errorf("All = %v, want %v", got, model)
	}
	n, err := s.Len()
	same(t, "Len", n, err, len(model))
}

func TestSetWithoutMembers(t *testing.T) {
	s := memory(t).SetAt("k")
	n, err := s.Add()
	same(t, "Add", n, err, 0)
	n, err = s.Remove()
	same(t, "Remove", n, err, 0)
	n, err = s.Add("", "12", "\x00\xff")
	same(t, "Add", n, err, 3)
	for _, m := range []string{"", "12", "\x00\xff"} {
		found, err := s.Has(m)
		same(t, "Has", found, err, true)
	}
	for range s.All() {
		break
	}
}
