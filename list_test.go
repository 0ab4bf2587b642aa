package perdure_test

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/perduredb/perdure"
)

// TestListAgainstSlice does random operations on a list and on a slice.
func TestListAgainstSlice(t *testing.T) {
	againstModel(t, func() (func(*perdure.Store, *rand.Rand), func(*perdure.Store)) {
		model := &[]string{}
		return func(s *perdure.Store, r *rand.Rand) {
				if r.IntN(2) == 0 {
					stepListEnds(t, s.ListAt("k"), model, r)
				} else {
					stepListInside(t, s.ListAt("k"), model, r)
				}
			},
			func(s *perdure.Store) { checkList(t, s.ListAt("k"), *model) }
	})
}

// stepListEnds changes an end of the list.
func stepListEnds(t *testing.T, l perdure.List, model *[]string, r *rand.Rand) {
	v, w, m := word(r), word(r), *model
	switch r.IntN(4) {
	case 0:
		*model = append([]string{w, v}, m...)
		n, err := l.PushFront([]byte(v), []byte(w))
		same(t, "PushFront", n, err, len(m)+2)
	case 1:
		*model = append(m, v, w)
		n, err := l.PushBack([]byte(v), []byte(w))
		same(t, "PushBack", n, err, len(m)+2)
	case 2:
		got, err := l.PopFront()
		if len(m) == 0 {
			is(t, err, perdure.ErrNotFound)
			return
		}
		same(t, "PopFront", string(got), err, m[0])
		*model = m[1:]
	case 3:
		got, err := l.PopBack()
		if len(m) == 0 {
			is(t, err, perdure.ErrNotFound)
			return
		}
		same(t, "PopBack", string(got), err, m[len(m)-1])
		*model = m[:len(m)-1]
	}
}

// stepListInside changes or reads an element of the list.
func stepListInside(t *testing.T, l perdure.List, model *[]string, r *rand.Rand) {
	v, m := word(r), *model
	if len(m) == 0 {
		is(t, l.Set(0, nil), perdure.ErrNotFound)
		_, err := l.InsertBefore([]byte("pivot"), nil)
		is(t, err, perdure.ErrNotFound)
		return
	}
	i := r.IntN(len(m))
	switch r.IntN(6) {
	case 0:
		ok(t, l.Set(i-len(m), []byte(v)))
		m[i] = v
	case 1:
		got, err := l.Get(i)
		same(t, "Get", string(got), err, m[i])
	case 2:
		i = slices.Index(m, m[i])
		n, err := l.InsertBefore([]byte(m[i]), []byte(v))
		same(t, "InsertBefore", n, err, len(m)+1)
		*model = slices.Insert(m, i, v)
	case 3:
		i = slices.Index(m, m[i])
		n, err := l.InsertAfter([]byte(m[i]), []byte(v))
		same(t, "InsertAfter", n, err, len(m)+1)
		*model = slices.Insert(m, i+1, v)
	case 4:
		v = m[i]
		*model = slices.DeleteFunc(m, func(e string) bool { return e == v })
		n, err := l.Remove(0, []byte(v))
		same(t, "Remove", n, err, len(m)-len(*model))
	case 5:
		if len(m) > 100 {
			ok(t, l.Trim(1, -2))
			*model = m[1 : len(m)-1]
		}
	}
}

func checkList(t *testing.T, l perdure.List, model []string) {
	t.Helper()
	var got []string
	for i, e := range l.All() {
		if i != len(got) {
			t.Errorf("All yields index %d, want %d", i, len(got))
		}
		got = append(got, string(e))
	}
	if !slices.Equal(got, model) {
		t.Errorf("All = %q, want %q", got, model)
	}
	n, err := l.Len()
	same(t, "Len", n, err, len(model))
}

func TestListRangesAndCounts(t *testing.T) {
	l := memory(t).ListAt("k")
	for i := range 300 {
		_, err := l.PushBack([]byte(strconv.Itoa(i % 100)))
		ok(t, err)
	}
	n, err := l.PushFront()
	same(t, "PushFront of nothing", n, err, 300)
	n, err = l.Remove(-1, []byte("99"))
	same(t, "Remove from the end", n, err, 1)
	n, err = l.Remove(1, []byte("0"))
	same(t, "Remove from the start", n, err, 1)
	part, err := l.Range(0, 1)
	ok(t, err)
	if len(part) != 2 || string(part[0]) != "1" || string(part[1]) != "2" {
		t.Errorf("Range(0, 1) = %q, want 1, 2", part)
	}
	part, err = l.Range(-1, -1)
	ok(t, err)
	if len(part) != 1 || string(part[0]) != "98" {
		t.Errorf("Range(-1, -1) = %q, want 98", part)
	}
	part, err = l.Range(500, 600)
	if len(part) != 0 || err != nil {
		t.Errorf("Range(500, 600) = %q, %v, want no element", part, err)
	}
	for _, i := range []int{298, -299} {
		_, err := l.Get(i)
		is(t, err, perdure.ErrNotFound)
		is(t, l.Set(i, nil), perdure.ErrNotFound)
	}
	_, err = l.InsertAfter([]byte("missing"), nil)
	is(t, err, perdure.ErrNotFound)
	seen := 0
	for i := range l.All() {
		if seen++; i == 200 {
			break
		}
	}
	same(t, "elements before the break", seen, nil, 201)
}
