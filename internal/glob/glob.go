// Package glob matches keys against the patterns of KEYS and SCAN.
package glob

// Match reports whether a key fits a pattern as Redis's KEYS judges it: * for any run of bytes, ?
// for one, [a-c] for one of a set, [^a-c] for one outside it, \ before a byte that is meant
// itself. It takes time proportional to pattern and key for each * at most.
func Match[K string | []byte](pattern string, key K) bool {
	p, k := 0, 0
	star, mark := -1, 0 // where the last * stands, and how much of the key it has taken
	for k < len(key) {
		if p < len(pattern) && pattern[p] == '*' {
			star, mark = p, k
			p++
			continue
		}
		if p < len(pattern) {
			if ok, width := matchOne(pattern[p:], key[k]); ok {
				p, k = p+width, k+1
				continue
			}
		}
		if star < 0 {
			return false
		}
		mark++
		p, k = star+1, mark
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// matchOne matches the first item of a pattern, which is no *, against one byte, and tells how
// long the item is.
func matchOne(pattern string, c byte) (ok bool, width int) {
	switch pattern[0] {
	case '?':
		return true, 1
	case '[':
		return matchSet(pattern, c)
	case '\\':
		if len(pattern) > 1 {
			return pattern[1] == c, 2
		}
	}
	return pattern[0] == c, 1
}

// matchSet matches [...]; a set that is not closed ends with the pattern.
func matchSet(pattern string, c byte) (ok bool, width int) {
	i := 1
	negate := i < len(pattern) && pattern[i] == '^'
	if negate {
		i++
	}
	for ; i < len(pattern) && pattern[i] != ']'; i++ {
		switch {
		case pattern[i] == '\\' && i+1 < len(pattern):
			i++
			ok = ok || pattern[i] == c
		case i+2 < len(pattern) && pattern[i+1] == '-':
			lo, hi := pattern[i], pattern[i+2]
			if lo > hi {
				lo, hi = hi, lo
			}
			ok = ok || lo <= c && c <= hi
			i += 2
		default:
			ok = ok || pattern[i] == c
		}
	}
	return ok != negate, min(i+1, len(pattern))
}
