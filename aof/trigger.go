package aof

import "math/bits"

// Trigger says when an automatic rewrite is due.
type Trigger struct {
	Percentage int   // growth over the size after the last rewrite; 0 is never
	MinSize    int64 // the log must be larger than this
}

// Due tells whether a log of current bytes, which had base bytes after its last rewrite, is to
// be rewritten. It is Redis's rule, rounding included.
func (t Trigger) Due(base, current int64) bool {
	if t.Percentage <= 0 || current <= t.MinSize || current < 0 {
		return false
	}
	base = max(base, 1)
	hi, lo := bits.Mul64(uint64(current), 100)
	if hi >= uint64(base) {
		return true // the growth does not fit 64 bits
	}
	ratio, _ := bits.Div64(hi, lo, uint64(base))
	return ratio >= 100+uint64(t.Percentage)
}
