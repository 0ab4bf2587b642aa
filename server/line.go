package server

// splitLine splits a line into words as Redis does: words are separated by white space, and can be
// in double quotes, with escapes such as \n and \x41, or in single quotes. ok is false if quotes
// are not closed, or not followed by white space.
func splitLine(line []byte) (words [][]byte, ok bool) {
	words = [][]byte{}
	for i := 0; ; {
		for i < len(line) && isSpace(line[i]) {
			i++
		}
		if i == len(line) {
			return words, true
		}
		var word []byte
		for i < len(line) && !isSpace(line[i]) {
			switch line[i] {
			case '"', '\'':
				word, i, ok = quoted(word, line, i)
				if !ok || i < len(line) && !isSpace(line[i]) {
					return nil, false
				}
			default:
				word = append(word, line[i])
				i++
			}
		}
		if word == nil {
			word = []byte{}
		}
		words = append(words, word)
	}
}

// quoted appends the text in quotes that begins at line[i], and returns the index after it.
func quoted(word, line []byte, i int) (_ []byte, next int, ok bool) {
	quote := line[i]
	for i++; i < len(line); i++ {
		c := line[i]
		switch {
		case c == quote:
			return word, i + 1, true
		case c == '\\' && quote == '\'' && i+1 < len(line) && line[i+1] == '\'':
			i++
			c = '\''
		case c == '\\' && quote == '"' && i+3 < len(line) && line[i+1] == 'x' && isHex(line[i+2]) && isHex(line[i+3]):
			c = hexValue(line[i+2])<<4 | hexValue(line[i+3])
			i += 3
		case c == '\\' && quote == '"' && i+1 < len(line):
			i++
			c = unescape(line[i])
		}
		word = append(word, c)
	}
	return word, i, false
}

func unescape(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'b':
		return '\b'
	case 'a':
		return '\a'
	}
	return c
}

func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' || c == 0 }

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func hexValue(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}
