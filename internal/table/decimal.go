package table

// maxDecimal is the length of the longest int64.
const maxDecimal = len("-9223372036854775808")

// parseInt returns the number whose canonical decimal, as strconv.FormatInt returns it, is b. It
// returns false if b is not a canonical decimal of an int64.
func parseInt(b []byte) (n int64, ok bool) {
	if len(b) == 0 || len(b) > maxDecimal {
		return 0, false
	}
	digits, negative := b, b[0] == '-'
	if negative {
		digits = b[1:]
	}
	if len(digits) == 0 || len(digits) > maxDecimal-1 || digits[0] == '0' && len(b) > 1 {
		return 0, false
	}
	var u uint64
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		u = u*10 + uint64(c-'0') // 19 digits fit
	}
	switch {
	case !negative && u < 1<<63:
		return int64(u), true
	case negative && u <= 1<<63:
		return -int64(u), true
	}
	return 0, false
}

// decimalLen returns the length of the decimal of n.
func decimalLen(n int64) int {
	size, u := 1, uint64(n)
	if n < 0 {
		size, u = 2, -u
	}
	for ; u >= 10; u /= 10 {
		size++
	}
	return size
}
