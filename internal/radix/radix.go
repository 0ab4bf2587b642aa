// Package radix sorts many integers in linear time.
package radix

import (
	"cmp"
	"slices"
)

// Upper sorts numbers by their upper 32 bits. Numbers for which these are equal keep their order.
// It may use the memory of all and of spare, and returns the sorted numbers and the other memory.
func Upper(all, spare []uint64) (sorted, other []uint64) {
	const (
		digit  = 11 // bits
		digits = 3
		shift  = 32
		mask   = 1<<digit - 1
	)
	if len(all) < 1<<digit {
		slices.SortStableFunc(all, func(a, b uint64) int { return cmp.Compare(a>>32, b>>32) })
		return all, spare
	}
	var starts [digits][1 << digit]int
	for _, n := range all {
		for d := range digits {
			starts[d][n>>(shift+digit*d)&mask]++
		}
	}
	to := slices.Grow(spare[:0], len(all))[:len(all)]
	for d := range digits {
		sum := 0
		for i, n := range starts[d] {
			starts[d][i] = sum
			sum += n
		}
		for _, n := range all {
			at := &starts[d][n>>(shift+digit*d)&mask]
			to[*at] = n
			*at++
		}
		all, to = to, all
	}
	return all, to
}
