package server

import "github.com/perduredb/perdure/internal/engine"

// lookAhead prefetches the keys of the commands that have arrived and are next. This saves 1/8 to
// 1/6 of the processor time of the server for pipelines on 100,000 keys.
func (c *client) lookAhead() {
	if c.ahead > 0 {
		c.ahead--
		return
	}
	var found [engine.MaxPrefetch][]byte
	keys := c.in.keysAhead(found[:0])
	if len(keys) < 2 {
		return
	}
	c.session.Prefetch(c.db, keys)
	c.ahead = len(keys) - 1
}

// keysAhead appends to keys, up to its capacity, the first argument of each complete command that
// next has not returned. Almost every command with arguments has a key there. It stops before a
// command in an unusual form.
func (r *requests) keysAhead(keys [][]byte) [][]byte {
	if r.left > 0 {
		return keys
	}
	rest := r.buf[r.pos:]
	for len(keys) < cap(keys) && len(rest) > 0 && rest[0] == '*' {
		n, size := shortNumber(rest)
		if n < 2 {
			break
		}
		rest = rest[size:]
		var key []byte
		for i := range n {
			length, size := shortNumber(rest)
			end := size + length + 2
			if size == 0 || rest[0] != '$' || end > len(rest) {
				return keys
			}
			if i == 1 {
				key = rest[size : size+length]
			}
			rest = rest[end:]
		}
		keys = append(keys, key)
	}
	return keys
}
