// Package radix sorts many integers in linear time.
package radix

import "slices"

// Upper returns numbers sorted by their upper 32 bits. Numbers for which these are equal keep their
// order. It may change all and return other memory, of the same size.
func Upper(all []uint64) []uint64 {
	const (
		digit  = 11 // bits
		digits = 3
		shift  = 32
		mask   = 1<<digit - 1
	)
	if len(all) < 1<<digit {
		slices.SortStableFunc(all, func(a, b uint64) int { return int(a>>32) - int(b>>32) })
		return all
	}
	var starts [digits][1 << digit]int
	for _, n := range all {
		for d := range digits {
			starts[d][n>>(shift+digit*d)&mask]++
		}
	}
	to := make([]uint64, len(all))
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
	return all
}
