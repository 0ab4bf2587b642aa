package perdure_test

import "testing"

// BenchmarkCollection times single operations on collections of 20 elements with names of 16 bytes
// and values of 64 bytes, and two of them also by Do.
func BenchmarkCollection(b *testing.B) {
	s := memory(b)
	h, l, m, z := s.HashAt("hash"), s.ListAt("list"), s.SetAt("set"), s.SortedSetAt("zset")
	names, v := benchKeys(20), make([]byte, 64)
	for i, name := range names {
		ok(b, second(h.Set(name, v)))
		ok(b, second(l.PushBack(v)))
		ok(b, second(m.Add(name)))
		ok(b, second(z.Add(name, float64(i))))
	}
	name := names[7]
	for _, verb := range []struct {
		name string
		do   func() error
	}{
		{"HashGet", func() error { return second(h.Get(name)) }},
		{"HashGetByDo", func() error { return second(s.Do(b.Context(), "HGET", "hash", name)) }},
		{"HashSet", func() error { return second(h.Set(name, v)) }},
		{"HashSetByDo", func() error { return second(s.Do(b.Context(), "HSET", "hash", name, v)) }},
		{"HashLen", func() error { return second(h.Len()) }},
		{"ListPushPop", func() error {
			if _, err := l.PushBack(v); err != nil {
				return err
			}
			return second(l.PopFront())
		}},
		{"SetHas", func() error { return second(m.Has(name)) }},
		{"SortedSetIncrBy", func() error { return second(z.IncrBy(name, 1)) }},
		{"SortedSetRank", func() error { return second(z.Rank(name)) }},
	} {
		b.Run(verb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := verb.do(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
