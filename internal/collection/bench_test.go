package collection_test

import (
	"fmt"
	"testing"

	"github.com/perduredb/perdure/internal/collection"
)

// BenchmarkHash measures a read and a change of a hash of 50 fields.
func BenchmarkHash(b *testing.B) {
	h, _ := collection.OpenHash(collection.Env{}, nil)
	for i := range 50 {
		h.Set(fmt.Appendf(nil, "field-%02d", i), []byte("0123456789abcdef"))
	}
	stored := h.Stored()
	b.Run("Get", func(b *testing.B) {
		for b.Loop() {
			h, _ := collection.OpenHash(collection.Env{}, stored)
			if _, ok := h.Get([]byte("field-25")); !ok {
				b.Fatal("no field")
			}
		}
	})
	b.Run("Set", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			h, _ := collection.OpenHash(collection.Env{}, stored)
			h.Set([]byte("field-25"), []byte("abcdef0123456789"))
			_ = h.Stored()
		}
	})
}
