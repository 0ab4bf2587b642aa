package radix_test

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/perduredb/perdure/internal/radix"
)

func TestUpperIsStableSort(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{0, 1, 2, 2047, 2048, 50_000} {
		for _, mask := range []uint64{1<<64 - 1, 0xff<<40 | 0xffff, 7<<61 | 3} {
			all := make([]uint64, n)
			for i := range all {
				all[i] = rng.Uint64() & mask
			}
			want := slices.Clone(all)
			slices.SortStableFunc(want, func(a, b uint64) int { return cmp.Compare(a>>32, b>>32) })
			spare := make([]uint64, rng.IntN(3000))
			if got, _ := radix.Upper(all, spare); !slices.Equal(got, want) {
				t.Errorf("Upper of %d numbers with mask %x differs from a stable sort", n, mask)
			}
		}
	}
}
