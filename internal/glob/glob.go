// Package glob matches keys against the patterns of KEYS and SCAN.
package glob

// Match reports whether a key matches a pattern, with the rules of Redis's KEYS: * matches any
// sequence of bytes, ? matches one byte, [a-c] and [^a-c] match one byte inside or outside a set,
// and \ escapes the next byte. For each *, it takes at most time proportional to the pattern and
// the key.
func Match[K string | []byte](pattern string, key K) bool {
	p, k := 0, 0
	star, mark := -1, 0 // position of the last *, and how much of the key it has matched
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

// matchOne matches the first item of a pattern, which must not be *, against one byte. width is the
// length of the item.
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
