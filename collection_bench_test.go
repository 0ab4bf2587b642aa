package perdure_test

import "testing"

// BenchmarkCollection times one operation on small collections.
func BenchmarkCollection(b *testing.B) {
	h := memory(b).HashAt("hash")
	for _, f := range benchKeys(20) {
		_, err := h.Set(f, make([]byte, 64))
		ok(b, err)
	}
	f, v := benchKeys(20)[7], make([]byte, 64)
	for _, verb := range []struct {
		name string
		do   func() error
	}{
		{"HashGet", func() error { _, err := h.Get(f); return err }},
		{"HashSet", func() error { _, err := h.Set(f, v); return err }},
		{"HashLen", func() error { _, err := h.Len(); return err }},
	} {
		b.Run(verb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ok(b, verb.do())
			}
		})
	}
}
