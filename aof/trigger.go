package aof

import "math/bits"

// Trigger is the rule for automatic rewrites.
type Trigger struct {
	Percentage int   // growth over the size after the last rewrite, in percent; 0 disables rewrites
	MinSize    int64 // minimum size of the log in bytes, exclusive
}

// Due reports whether a log of current bytes, which had base bytes after its last rewrite, is due
// for a rewrite. It applies Redis's rule, including its rounding.
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
