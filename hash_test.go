package perdure_test

import (
	"maps"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/perduredb/perdure"
)

// TestHashAgainstMap does random operations on a hash and on a map.
func TestHashAgainstMap(t *testing.T) {
	againstModel(t, func() (func(*perdure.Store, *rand.Rand), func(*perdure.Store)) {
		model := map[string]string{}
		return func(s *perdure.Store, r *rand.Rand) { stepHash(t, s.HashAt("k"), model, r) },
			func(s *perdure.Store) { checkHash(t, s.HashAt("k"), model) }
	})
}

func stepHash(t *testing.T, h perdure.Hash, model map[string]string, r *rand.Rand) {
	f := word(r)
	old, had := model[f]
	switch r.IntN(8) {
	case 0, 1:
		v := strconv.Itoa(r.IntN(1000))
		added, err := h.Set(f, []byte(v))
		same(t, "Set", added, err, !had)
		model[f] = v
	case 2:
		stored, err := h.SetIfAbsent(f, []byte("7"))
		same(t, "SetIfAbsent", stored, err, !had)
		if !had {
			model[f] = "7"
		}
	case 3:
		n, err := h.Delete(f, f, "missing")
		same(t, "Delete", n == 1, err, had)
		delete(model, f)
	case 4:
		n, _ := strconv.ParseInt(old, 10, 64)
		sum, err := h.IncrBy(f, 5)
		same(t, "IncrBy", sum, err, n+5)
		model[f] = strconv.FormatInt(n+5, 10)
	case 5:
		found, err := h.Has(f)
		same(t, "Has", found, err, had)
	case 6:
		v, err := h.Get(f)
		if had {
			same(t, "Get", string(v), err, old)
		} else {
			is(t, err, perdure.ErrNotFound)
		}
	case 7:
		n := len(model)
		model[f], model["pair"] = "1", "2"
		added, err := h.MSet(perdure.Pair{Key: f, Value: []byte("1")}, perdure.Pair{Key: "pair", Value: []byte("2")})
		same(t, "MSet", added, err, len(model)-n)
	}
}

func checkHash(t *testing.T, h perdure.Hash, model map[string]string) {
	t.Helper()
	got := map[string]string{}
	for f, v := range h.All() {
		if _, twice := got[f]; twice {
			t.Errorf("All yields %q twice, want once", f)
		}
		got[f] = string(v)
	}
	if !maps.Equal(got, model) {
		t.Errorf("All = %v, want %v", got, model)
	}
	n, err := h.Len()
	same(t, "Len", n, err, len(model))
}

func TestHashNumbersAndSeveralFields(t *testing.T) {
	h := memory(t).HashAt("k")
	sum, err := h.IncrByFloat("f", 1.5)
	same(t, "IncrByFloat", sum, err, 1.5)
	_, err = h.Set("text", []byte("x"))
	ok(t, err)
	_, err = h.IncrByFloat("text", 1)
	is(t, err, perdure.ErrNotFloat)
	_, err = h.IncrByFloat("f", math.NaN())
	is(t, err, perdure.ErrNotFloat)
	_, err = h.IncrBy("text", 1)
	is(t, err, perdure.ErrNotInteger)
	_, err = h.IncrBy("n", math.MaxInt64)
	ok(t, err)
	_, err = h.IncrBy("n", 1)
	is(t, err, perdure.ErrOverflow)

	_, err = h.Set("", nil)
	ok(t, err)
	values, err := h.MGet("text", "missing", "", "f")
	ok(t, err)
	if len(values) != 4 || string(values[0]) != "x" || values[1] != nil || values[2] == nil || string(values[3]) != "1.5" {
		t.Errorf("MGet = %q, want x, nil, an empty value, 1.5", values)
	}
	large := make([]byte, 1<<20)
	_, err = h.Set("large", large)
	ok(t, err)
	v, err := h.Get("large")
	same(t, "Get", string(v), err, string(large))
	n, err := h.Delete()
	same(t, "Delete of nothing", n, err, 0)
	n, err = h.MSet()
	same(t, "MSet of nothing", n, err, 0)
}

// TestHashAllWhileBodyWrites changes a hash during an iteration, and ends one early.
func TestHashAllWhileBodyWrites(t *testing.T) {
	h := memory(t).HashAt("k")
	for i := range 1000 {
		_, err := h.Set(strconv.Itoa(i), []byte("v"))
		ok(t, err)
	}
	seen := 0
	for f := range h.All() {
		seen++
		_, err := h.Delete(f)
		ok(t, err)
	}
	same(t, "number of fields", seen, nil, 1000)
	n, err := h.Len()
	same(t, "Len", n, err, 0)
	_, err = h.MSet(perdure.Pair{Key: "a"}, perdure.Pair{Key: "b"})
	ok(t, err)
	for range h.All() {
		break
	}
}
