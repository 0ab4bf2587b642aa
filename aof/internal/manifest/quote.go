package manifest

import (
	"errors"
	"strings"
)

var errQuotes = errors.New("unbalanced quotes")

// escapes maps a letter after a backslash to the control character that it denotes.
var escapes = map[byte]byte{'n': '\n', 'r': '\r', 't': '\t', 'b': '\b', 'a': '\a'}

// splitQuoted splits a line as Redis does (sdssplitargs). Words are between blanks, in double
// quotes with escapes (\n, \xHH and so on), or in single quotes with \' alone.
func splitQuoted(line string) ([]string, error) {
	var words []string
	for {
		line = strings.TrimLeft(line, " \t\r\n\v\f")
		if line == "" {
			return words, nil
		}
		word, rest, err := nextWord(line)
		if err != nil {
			return nil, err
		}
		words = append(words, word)
		line = rest
	}
}

func nextWord(line string) (word, rest string, err error) {
	var out []byte
	for i := 0; i < len(line); i++ {
		switch c := line[i]; c {
		case ' ', '\t', '\r', '\n', '\v', '\f', 0:
			return string(out), line[i:], endsWord(c)
		case '"', '\'':
			out, i, err = quoted(out, line, i+1, c)
			if err != nil {
				return "", "", err
			}
			if i+1 < len(line) && !strings.ContainsRune(" \t\r\n\v\f", rune(line[i+1])) {
				return "", "", errQuotes
			}
			return string(out), line[i+1:], nil
		default:
			out = append(out, c)
		}
	}
	return string(out), "", nil
}

func endsWord(c byte) error {
	if c == 0 {
		return errors.New("NUL in a line")
	}
	return nil
}

// quoted appends the text up to the closing quote to out, and returns the index of the quote.
func quoted(out []byte, line string, i int, quote byte) ([]byte, int, error) {
	for ; i < len(line); i++ {
		switch {
		case line[i] == quote:
			return out, i, nil
		case line[i] != '\\' || i+1 == len(line):
			out = append(out, line[i])
		case quote == '\'':
			if line[i+1] == '\'' {
				i++
			}
			out = append(out, line[i])
		case line[i+1] == 'x' && i+3 < len(line) && isHex(line[i+2]) && isHex(line[i+3]):
			out = append(out, hexValue(line[i+2])<<4|hexValue(line[i+3]))
			i += 3
		default:
			i++
			c, known := escapes[line[i]]
			if !known {
				c = line[i]
			}
			out = append(out, c)
		}
	}
	return nil, 0, errQuotes
}

// appendQuoted appends a word, in quotes if necessary (sdsneedsrepr, sdscatrepr).
func appendQuoted(out []byte, word string) []byte {
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || r == '"' || r == '\\' || r == '\''
	}) {
		return append(out, word...)
	}
	const digits = "0123456789abcdef"
	out = append(out, '"')
	for i := range len(word) {
		switch c := word[i]; {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c >= ' ' && c < 0x7f:
			out = append(out, c)
		default:
			out = append(out, '\\', 'x', digits[c>>4], digits[c&15])
		}
	}
	return append(out, '"')
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func hexValue(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	default:
		return c - 'a' + 10
	}
}
