package perdure_test

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/perduredb/perdure"
)

// TestSortedSetAgainstMap does random operations on a sorted set and on a map.
func TestSortedSetAgainstMap(t *testing.T) {
	againstModel(t, func() (func(*perdure.Store, *rand.Rand), func(*perdure.Store)) {
		model := map[string]float64{}
		return func(s *perdure.Store, r *rand.Rand) { stepSortedSet(t, s.SortedSetAt("k"), model, r) },
			func(s *perdure.Store) { checkSortedSet(t, s.SortedSetAt("k"), model) }
	})
}

// inOrder returns the members of a map as a sorted set orders them.
func inOrder(model map[string]float64) []perdure.Member {
	var all []perdure.Member
	for name, score := range model {
		all = append(all, perdure.Member{Name: name, Score: score})
	}
	slices.SortFunc(all, func(a, b perdure.Member) int {
		return cmp.Or(cmp.Compare(a.Score, b.Score), cmp.Compare(a.Name, b.Name))
	})
	return all
}

func stepSortedSet(t *testing.T, z perdure.SortedSet, model map[string]float64, r *rand.Rand) {
	m, f := word(r), float64(r.IntN(20))/4
	score, had := model[m]
	switch r.IntN(8) {
	case 0, 1, 2:
		added, err := z.Add(m, f)
		same(t, "Add", added, err, !had)
		model[m] = f
	case 3:
		sum, err := z.IncrBy(m, f)
		same(t, "IncrBy", sum, err, score+f)
		model[m] = score + f
	case 4:
		n, err := z.Remove(m, "missing")
		same(t, "Remove", n == 1, err, had)
		delete(model, m)
	case 5:
		stepPop(t, z, model, r.IntN(2) == 0)
	case 6:
		got, err := z.Score(m)
		if !had {
			is(t, err, perdure.ErrNotFound)
			return
		}
		same(t, "Score", got, err, score)
	case 7:
		rank, err := z.Rank(m)
		if !had {
			is(t, err, perdure.ErrNotFound)
			return
		}
		same(t, "Rank", rank, err, slices.Index(inOrder(model), perdure.Member{Name: m, Score: score}))
		after, err := z.RevRank(m)
		same(t, "RevRank", after, err, len(model)-1-rank)
	}
}

func stepPop(t *testing.T, z perdure.SortedSet, model map[string]float64, least bool) {
	all, pop := inOrder(model), z.PopMin
	if !least {
		pop = z.PopMax
		slices.Reverse(all)
	}
	m, err := pop()
	if len(all) == 0 {
		is(t, err, perdure.ErrNotFound)
		return
	}
	same(t, "PopMin or PopMax", m, err, all[0])
	delete(model, m.Name)
}

func checkSortedSet(t *testing.T, z perdure.SortedSet, model map[string]float64) {
	t.Helper()
	var got []perdure.Member
	for name, score := range z.All() {
		got = append(got, perdure.Member{Name: name, Score: score})
	}
	if want := inOrder(model); !slices.Equal(got, want) {
		t.Errorf("All = %v, want %v", got, want)
	}
	n, err := z.Len()
	same(t, "Len", n, err, len(model))
	n, err = z.Count(1, 2.5)
	part, _ := z.RangeByScore(1, 2.5)
	same(t, "Count", n, err, len(part))
}

func TestSortedSetRanges(t *testing.T) {
	z := memory(t).SortedSetAt("k")
	var all []perdure.Member
	for i := range 300 {
		all = append(all, perdure.Member{Name: strconv.Itoa(1000 + i), Score: float64(i)})
	}
	added, err := z.AddMany(all...)
	same(t, "AddMany", added, err, 300)
	wantMembers := func(what string, got []perdure.Member, err error, want []perdure.Member) {
		t.Helper()
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s = %v, %v, want %v", what, got, err, want)
		}
	}
	got, err := z.Range(10, 19)
	wantMembers("Range", got, err, all[10:20])
	got, err = z.Range(-2, -1)
	wantMembers("Range from the end", got, err, all[298:])
	got, err = z.RevRange(0, 1)
	wantMembers("RevRange", got, err, []perdure.Member{all[299], all[298]})
	got, err = z.RangeByScore(298, math.Inf(1))
	wantMembers("RangeByScore", got, err, all[298:])
	n, err := z.RemoveRangeByScore(math.Inf(-1), 99)
	same(t, "RemoveRangeByScore", n, err, 100)
	n, err = z.RemoveRange(0, 99)
	same(t, "RemoveRange", n, err, 100)
	got, err = z.Range(0, -1)
	wantMembers("Range", got, err, all[200:])
	n, err = z.AddMany()
	same(t, "AddMany of nothing", n, err, 0)
	n, err = z.Remove()
	same(t, "Remove of nothing", n, err, 0)
	for range z.All() {
		break
	}
}

func TestSortedSetScores(t *testing.T) {
	z := memory(t).SortedSetAt("k")
	scores := []float64{0, -1.5, math.Inf(1), math.Inf(-1), math.MaxFloat64, math.SmallestNonzeroFloat64, 1 << 53, 0.1}
	for i, score := range scores {
		_, err := z.Add(strconv.Itoa(i), score)
		ok(t, err)
		got, err := z.Score(strconv.Itoa(i))
		same(t, "Score", got, err, score)
	}
	_, err := z.Add("nan", math.NaN())
	is(t, err, perdure.ErrNotFloat)
	_, err = z.IncrBy("2", math.Inf(-1))
	is(t, err, perdure.ErrNotFloat)
	_, err = z.Count(math.NaN(), 1)
	is(t, err, perdure.ErrNotFloat)
	got, err := z.RangeByScore(math.Inf(1), math.Inf(1))
	ok(t, err)
	if len(got) != 1 || got[0].Name != "2" {
		t.Errorf("RangeByScore of +Inf = %v, want member 2", got)
	}
}
