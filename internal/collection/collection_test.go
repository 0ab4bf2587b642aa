package collection_test

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/perduredb/perdure/internal/collection"
	"github.com/perduredb/perdure/internal/listpack"
	"github.com/perduredb/perdure/internal/tree"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// memory is a tree.Memory on the Go heap.
type memory struct {
	slots   [][]byte
	limited bool
	left    int // allocations before it refuses one, if it is limited
}

func (m *memory) Alloc(size int) (ref uint32, b []byte, ok bool) {
	if m.left--; m.limited && m.left < 0 {
		return 0, nil, false
	}
	m.slots = append(m.slots, make([]byte, (size+7)&^7))
	ref = uint32(len(m.slots) - 1)
	return ref, m.slots[ref], true
}

func (m *memory) Free(ref uint32, _ int) { clear(m.slots[ref]) }

func (m *memory) At(ref uint32) []byte { return m.slots[ref] }

// bothForms runs a test with collections that stay small, and with those that become large.
func bothForms(t *testing.T, test func(t *testing.T, env collection.Env)) {
	t.Run("small", func(t *testing.T) { test(t, collection.Env{}) })
	t.Run("large", func(t *testing.T) { test(t, collection.Env{Space: tree.NewSpace(&memory{})}) })
}

// word returns a random word. Some are integers, and some are long.
func word(rng *rand.Rand) string {
	switch rng.IntN(6) {
	case 0:
		return strings.Repeat("w", rng.IntN(300))
	case 1, 2:
		return strconv.Itoa(rng.IntN(1000) - 500)
	}
	return "k" + strconv.Itoa(rng.IntN(60))
}

// checked fails the test if a stored form is not a valid value.
func checked(t *testing.T, env collection.Env, stored []byte) rdb.Value {
	t.Helper()
	typ, value := collection.Payload(env, stored)
	v, err := rdb.DecodeValue(typ, value, rdb.Validate(false))
	if err != nil {
		t.Fatalf("stored form of type %d: %v, want a valid value", collection.Type(stored), err)
	}
	return v
}

// plain returns the stored form of a value in the plainest encoding of RDB files.
func plain(t *testing.T, v rdb.Value) []byte {
	t.Helper()
	typ, value, err := rdb.EncodeValue(v, 9)
	if err != nil {
		t.Fatalf("EncodeValue = %v, want nil", err)
	}
	return collection.AppendStored(nil, typ, value)
}

// reopens reports whether a test opens the stored form again: unchanged, or plain.
func reopens(t *testing.T, env collection.Env, rng *rand.Rand, stored []byte) ([]byte, bool) {
	v := checked(t, env, stored)
	switch rng.IntN(20) {
	case 0:
		return stored, true
	case 1:
		return plain(t, v), true
	}
	return nil, false
}

func must[C any](t *testing.T) func(c C, err error) C {
	return func(c C, err error) C {
		t.Helper()
		if err != nil {
			t.Fatalf("Open = %v, want nil", err)
		}
		return c
	}
}

// TestHashIsMap compares random changes of a Hash with those of a map.
func TestHashIsMap(t *testing.T) { bothForms(t, hashIsMap) }

func hashIsMap(t *testing.T, env collection.Env) {
	rng := rand.New(rand.NewPCG(1, 1))
	h, want := must[collection.Hash](t)(collection.OpenHash(env, nil)), map[string]string{}
	for range 800 {
		field, value := word(rng), word(rng)
		_, had := want[field]
		if rng.IntN(3) == 0 {
			if got := h.Delete([]byte(field)); got != had {
				t.Fatalf("Delete(%q) = %v, want %v", field, got, had)
			}
			delete(want, field)
		} else {
			if got := h.Set([]byte(field), []byte(value)); got == had {
				t.Fatalf("Set(%q) = %v, want %v", field, got, !had)
			}
			want[field] = value
		}
		got, i := map[string]string{}, 0
		for f, v := range h.All() {
			got[string(f)] = string(v)
			if f, v := h.At(i); got[string(f)] != string(v) {
				t.Fatalf("At(%d) = %q %q, want the field %q", i, f, v, f)
			}
			i++
		}
		if diff := cmp.Diff(want, got); diff != "" || h.Len() != len(want) || h.Err() != nil {
			t.Fatalf("%d fields, %v, want %d (-want +got):\n%s", h.Len(), h.Err(), len(want), diff)
		}
		if v, ok := h.Get([]byte(field)); string(v) != want[field] || ok != (want[field] != "" || slices.Contains(slices.Collect(maps.Keys(want)), field)) {
			t.Fatalf("Get(%q) = %q, %v, want %q", field, v, ok, want[field])
		}
		if stored, ok := reopens(t, env, rng, h.Stored()); ok {
			h = must[collection.Hash](t)(collection.OpenHash(env, stored))
		}
	}
}

// TestSetIsMap compares random changes of a Set with those of a map. Every second set has only
// integers.
func TestSetIsMap(t *testing.T) { bothForms(t, setIsMap) }

func setIsMap(t *testing.T, env collection.Env) {
	for seed := range uint64(6) {
		rng := rand.New(rand.NewPCG(seed, 2))
		s, want := must[collection.Set](t)(collection.OpenSet(env, nil)), map[string]bool{}
		for range 400 {
			m := word(rng)
			if seed%2 == 0 {
				m = strconv.FormatInt(rng.Int64()>>(rng.IntN(8)*8), 10)
				if rng.IntN(3) > 0 {
					m = strconv.Itoa(rng.IntN(100) - 50)
				}
			}
			if rng.IntN(3) == 0 {
				if got := s.Remove([]byte(m)); got != want[m] {
					t.Fatalf("Remove(%q) = %v, want %v", m, got, want[m])
				}
				delete(want, m)
			} else {
				if got := s.Add([]byte(m)); got == want[m] {
					t.Fatalf("Add(%q) = %v, want %v", m, got, !want[m])
				}
				want[m] = true
			}
			got, i := map[string]bool{}, 0
			for m := range s.All() {
				got[string(m)] = true
				if !got[string(s.At(i))] {
					t.Fatalf("At(%d) = %q, want %q", i, s.At(i), m)
				}
				i++
			}
			if diff := cmp.Diff(want, got); diff != "" || s.Len() != len(want) || s.Err() != nil {
				t.Fatalf("%d members, %v, want %d (-want +got):\n%s", s.Len(), s.Err(), len(want), diff)
			}
			stored := s.Stored()
			typ, value := collection.Portable(collection.Payload(env, stored))
			checked(t, env, collection.AppendStored(nil, typ, value))
			if stored, ok := reopens(t, env, rng, stored); ok {
				s = must[collection.Set](t)(collection.OpenSet(env, stored))
			}
		}
	}
}

// TestListIsSlice compares random changes of a List with those of a slice.
func TestListIsSlice(t *testing.T) { bothForms(t, listIsSlice) }

func listIsSlice(t *testing.T, env collection.Env) {
	rng := rand.New(rand.NewPCG(1, 3))
	l, want := must[collection.List](t)(collection.OpenList(env, nil)), []string(nil)
	for range 800 {
		e := word(rng)
		i := rng.IntN(len(want) + 1)
		switch {
		case rng.IntN(3) == 0:
			end := min(len(want), i+rng.IntN(4))
			l.Delete(i, end)
			want = slices.Delete(want, i, end)
		case rng.IntN(3) == 0 && i < len(want):
			l.Set(i, []byte(e))
			want[i] = e
		case rng.IntN(2) == 0:
			l.PushBack([]byte(e))
			want = append(want, e)
		default:
			l.Insert(i, []byte(e))
			want = slices.Insert(want, i, e)
		}
		var got []string
		for _, e := range l.From(0) {
			got = append(got, string(e))
		}
		if !slices.Equal(got, want) || l.Len() != len(want) || l.Err() != nil {
			t.Fatalf("%d elements %q, %v, want %q", l.Len(), got, l.Err(), want)
		}
		i = rng.IntN(len(want) + 1)
		n := i
		for at, e := range l.From(i) {
			if at != n || string(e) != want[at] || string(l.At(at)) != want[at] {
				t.Fatalf("From(%d): element %d = %q, want element %d = %q", i, at, e, n, want[n])
			}
			n++
		}
		n = i
		for at, e := range l.Backward(i - 1) {
			n--
			if at != n || string(e) != want[at] {
				t.Fatalf("Backward(%d): element %d = %q, want element %d = %q", i-1, at, e, n, want[n])
			}
		}
		if n != 0 {
			t.Fatalf("Backward(%d) ended before element %d, want 0", i-1, n)
		}
		if stored, ok := reopens(t, env, rng, l.Stored()); ok {
			l = must[collection.List](t)(collection.OpenList(env, stored))
		}
	}
}

// ranked returns the members of a map in order.
func ranked(m map[string]float64) []string {
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		switch {
		case m[a] < m[b], m[a] == m[b] && a < b:
			return -1
		}
		return 1
	})
}

// TestSortedSetIsMap compares random changes of a SortedSet with those of a map.
func TestSortedSetIsMap(t *testing.T) { bothForms(t, sortedSetIsMap) }

func sortedSetIsMap(t *testing.T, env collection.Env) {
	rng := rand.New(rand.NewPCG(1, 4))
	scores := []float64{0, 1, -1, 0.1, math.Inf(1), math.Inf(-1), 1 << 62, 1e300, 5e-324, -70000}
	z, want := must[collection.SortedSet](t)(collection.OpenSortedSet(env, nil)), map[string]float64{}
	for range 800 {
		m := word(rng)
		_, had := want[m]
		switch rng.IntN(6) {
		case 0, 1:
			if got := z.Remove([]byte(m)); got != had {
				t.Fatalf("Remove(%q) = %v, want %v", m, got, had)
			}
			delete(want, m)
		case 2:
			first := rng.IntN(len(want) + 1)
			end := min(len(want), first+rng.IntN(3))
			for _, m := range ranked(want)[first:end] {
				delete(want, m)
			}
			z.Delete(first, end)
		default:
			want[m] = scores[rng.IntN(len(scores))]
			z.Put([]byte(m), want[m])
		}
		order := ranked(want)
		if z.Len() != len(order) || z.Err() != nil {
			t.Fatalf("%d members, %v, want %d", z.Len(), z.Err(), len(order))
		}
		for i, m := range z.From(0) {
			rank, score, ok := z.Rank(m.Name)
			if string(m.Name) != order[i] || m.Score != want[order[i]] || rank != i || score != m.Score || !ok {
				t.Fatalf("member %d = %q %v with rank %d, want %q %v", i, m.Name, m.Score, rank, order[i], want[order[i]])
			}
		}
		i := rng.IntN(len(order) + 1)
		for rank, m := range z.Backward(i - 1) {
			i--
			if rank != i || string(m.Name) != order[i] || string(z.At(i).Name) != order[i] {
				t.Fatalf("member %d = %q, want member %d = %q", rank, m.Name, i, order[i])
			}
		}
		score := scores[rng.IntN(len(scores))]
		below := 0
		for _, s := range want {
			if s < score {
				below++
			}
		}
		if got := z.Below(score, false); got != below {
			t.Fatalf("Below(%v) = %d, want %d", score, got, below)
		}
		if stored, ok := reopens(t, env, rng, z.Stored()); ok {
			z = must[collection.SortedSet](t)(collection.OpenSortedSet(env, stored))
		}
	}
}

// FuzzDamaged reads and changes damaged stored forms. No method may panic.
func FuzzDamaged(f *testing.F) {
	env := collection.Env{}
	h, _ := collection.OpenHash(env, nil)
	h.Set([]byte("f"), []byte("5"))
	s, _ := collection.OpenSet(env, nil)
	s.Add([]byte("7"))
	ints := s.Stored()
	s.Add([]byte("x"))
	l, _ := collection.OpenList(env, nil)
	l.PushBack([]byte("e"))
	z, _ := collection.OpenSortedSet(env, nil)
	z.Put([]byte("m"), 1.5)
	for _, stored := range [][]byte{h.Stored(), ints, s.Stored(), l.Stored(), z.Stored()} {
		f.Add(uint16(collection.Type(stored)), collection.Value(nil, stored))
	}
	f.Fuzz(func(_ *testing.T, typ uint16, value []byte) {
		useDamaged(collection.AppendStored(nil, snapshot.Type(typ&(1<<14-1)), value))
		if p := listpack.AppendFrame(nil, value, 2); 1<<6 <= len(p) && len(p) < 1<<14 {
			useDamaged(collection.AppendStored(nil, snapshot.Type(typ&(1<<14-1)), []byte(long(p))))
		}
	})
}

// useDamaged reads and changes a damaged stored form as a collection of each kind.
func useDamaged(stored []byte) {
	env := collection.Env{}
	if h, err := collection.OpenHash(env, stored); err == nil {
		h.Get([]byte("f"))
		h.At(h.Len() - 1)
		h.Set([]byte("g"), []byte("1"))
		h.Delete([]byte("f"))
		staysSmall(h.Stored(), h.Err())
	}
	if s, err := collection.OpenSet(env, stored); err == nil {
		s.At(s.Len() - 1)
		s.Remove([]byte("x"))
		s.Add([]byte("y"))
		s.Remove([]byte("7"))
		staysSmall(s.Stored(), s.Err())
	}
	if l, err := collection.OpenList(env, stored); err == nil {
		for range l.Backward(l.Len() - 1) {
			l.At(l.Len() / 2)
		}
		l.Insert(l.Len()/2, []byte("x"))
		l.Delete(0, l.Len())
		staysSmall(l.Stored(), l.Err())
	}
	if z, err := collection.OpenSortedSet(env, stored); err == nil {
		for range z.Backward(z.Len() - 1) {
			z.At(0)
		}
		z.Put([]byte("m"), 2)
		z.Rank([]byte("m"))
		z.Delete(0, z.Len())
		staysSmall(z.Stored(), z.Err())
	}
}

// staysSmall panics if a small collection is stored as a large one.
func staysSmall(stored []byte, err error) {
	if err == nil && collection.IsLarge(stored) {
		panic("a small collection has roots")
	}
}

// TestLowCountIsDamage deletes more entries of a listpack than its header counts.
func TestLowCountIsDamage(t *testing.T) {
	p := listpack.Append(nil, listpack.Of([]byte("a")), listpack.Of([]byte("b")), listpack.Of([]byte("c")), listpack.Of([]byte("d")))
	for count := range 4 {
		frame := listpack.AppendFrame(nil, p, count)
		for kind, typ := range map[string]snapshot.Type{"hash": 16, "set": 20} {
			var err error
			switch stored := collection.AppendStored(nil, typ, []byte(short(frame))); kind {
			case "hash":
				h := must[collection.Hash](t)(collection.OpenHash(collection.Env{}, stored))
				h.Delete([]byte("a"))
				h.Delete([]byte("c"))
				err = h.Err()
			case "set":
				s := must[collection.Set](t)(collection.OpenSet(collection.Env{}, stored))
				for _, m := range []string{"a", "b", "c", "d"} {
					s.Remove([]byte(m))
				}
				err = s.Err()
			}
			if err == nil {
				t.Errorf("%s of 4 entries with count %d: error nil, want damage", kind, count)
			}
		}
	}
}
