package resp

// short reads a command of up to 9 arguments of up to 999 bytes that is in the buffer, as most are.
// It leaves any other command, and any error, to the general case: it returns false and has read
// nothing. It saves 4% of the processor time of the replay of a log.
func (r *Reader) short() (args [][]byte, ok bool) {
	p := r.buf[r.pos:]
	argc, head := shortHead(p, '*')
	if argc == 0 || argc > 9 {
		return nil, false
	}
	first := len(r.arena)
	for range argc {
		p = p[head:]
		n, start := shortHead(p, '$')
		if start == 0 || len(p) < start+n+2 || p[start+n] != '\r' || p[start+n+1] != '\n' {
			r.arena = r.arena[:first]
			return nil, false
		}
		r.arena = append(r.arena, p[start:start+n:start+n])
		head = start + n + 2
	}
	r.pos = len(r.buf) - len(p) + head
	return r.arena[first:len(r.arena):len(r.arena)], true
}

// shortHead returns the number of up to three digits in the header line at the start of p, and the
// size of the line. It returns 0 if there is no such line.
func shortHead(p []byte, letter byte) (n, size int) {
	if len(p) < 6 || p[0] != letter {
		return 0, 0
	}
	for size = 1; size < 4 && p[size] != '\r'; size++ {
		digit := p[size] - '0'
		if digit > 9 || size > 1 && n == 0 {
			return 0, 0
		}
		n = n*10 + int(digit)
	}
	if size == 1 || p[size] != '\r' || p[size+1] != '\n' {
		return 0, 0
	}
	return n, size + 2
}
