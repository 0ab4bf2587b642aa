//go:build !perdure_heap && !perdure_check

package crc64

// A remainder of 128 bits represents a polynomial: bit i, from the lowest, is the coefficient of
// x^(127-i). Moving it over n more bits multiplies it by x^n modulo the checksum's polynomial. Its
// two halves are multiplied separately, by factors of 64 bits. The carry-less product of two
// reflected numbers is too small by one x, so each factor has one x less.

// factors contains the factors that move a remainder over 64 bytes and over 16 bytes: of the first
// half, which is 64 bits further from the end, and of the second half.
type factors [2][2]uint64

var foldBy = factors{
	{power(512 + 64 - 1), power(512 - 1)},
	{power(128 + 64 - 1), power(128 - 1)},
}

// power returns x^n modulo the polynomial.
func power(n int) uint64 {
	v := uint64(1) << 63
	for range n {
		v = v>>1 ^ poly&-(v&1)
	}
	return v
}

// foldFrom is the minimum number of bytes that are worth folding.
const foldFrom = 128

var canFold = hasCLMUL()

// folded checksums the start of p with carry-less multiplications and returns the rest of p. They
// take 1/5 of the time of the tables: 24 us for 256 KiB instead of 120, which saves 8% of the
// processor time of an Open of a dump of a million keys.
func folded(crc uint64, p []byte) (uint64, []byte) {
	if !canFold || len(p) < foldFrom {
		return crc, p
	}
	n := len(p) &^ 63
	first, second := fold(crc, &p[0], n, &foldBy)
	return step(step(first) ^ second), p[n:]
}

// hasCLMUL reports whether the processor has the instruction PCLMULQDQ.
func hasCLMUL() bool

// fold returns a message of 16 bytes whose checksum is that of the n bytes at p after data with
// checksum crc. n must be a multiple of 64 and at least 64.
//
//go:noescape
func fold(crc uint64, p *byte, n int, by *factors) (first, second uint64)
