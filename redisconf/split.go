package redisconf

import (
	"encoding/hex"
	"errors"
	"strings"
)

// space contains the bytes that isspace accepts in the C locale.
const space = " \t\n\v\f\r"

var errQuotes = errors.New("unbalanced quotes")

// splitArgs splits a line into arguments by the rules of Redis's sdssplitargs.
//
//	plain          ends at a space, tab, or newline; a quote in it begins a quoted part
//	"quoted"       \n \r \t \b \a \xHH are escapes; \ before any other byte is that byte
//	'quoted'       \' is the only escape
//
// A closing quote ends the argument, so space or the end of the line must follow it.
func splitArgs(line string) (args []string, err error) {
	for {
		line = strings.TrimLeft(line, space)
		if line == "" {
			return args, nil
		}
		var arg string
		if arg, line, err = cutArg(line); err != nil {
			return nil, err
		}
		args = append(args, arg)
	}
}

// cutArg returns the first argument of a line and the rest of the line.
func cutArg(line string) (arg, rest string, err error) {
	end := strings.IndexAny(line, " \t\n\r\"'")
	if end < 0 {
		return line, "", nil
	}
	plain, rest := line[:end], line[end:]
	var quoted string
	switch rest[0] {
	case '"':
		quoted, rest, err = cutDouble(rest[1:])
	case '\'':
		quoted, rest, err = cutSingle(rest[1:])
	default:
		return plain, rest, nil
	}
	if err == nil && rest != "" && !strings.ContainsRune(space, rune(rest[0])) {
		err = errQuotes
	}
	return plain + quoted, rest, err
}

// cutDouble returns the text before the closing double quote and the rest after it.
func cutDouble(s string) (text, rest string, err error) {
	var b strings.Builder
	for s != "" {
		n := 1
		switch {
		case s[0] == '"':
			return b.String(), s[1:], nil
		case s[0] != '\\' || len(s) == 1:
			b.WriteByte(s[0])
		default:
			var c byte
			c, n = unescape(s)
			b.WriteByte(c)
		}
		s = s[n:]
	}
	return "", "", errQuotes
}

// unescape returns the byte that the escape at the start of s denotes, and the escape's length.
func unescape(s string) (c byte, n int) {
	if s[1] == 'x' && len(s) >= 4 {
		if p, err := hex.DecodeString(s[2:4]); err == nil {
			return p[0], 4
		}
	}
	switch s[1] {
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'b':
		return '\b', 2
	case 'a':
		return '\a', 2
	}
	return s[1], 2
}

// cutSingle returns the text before the closing single quote and the rest after it.
func cutSingle(s string) (text, rest string, err error) {
	var b strings.Builder
	for s != "" {
		switch {
		case strings.HasPrefix(s, `\'`):
			b.WriteByte('\'')
			s = s[2:]
			continue
		case s[0] == '\'':
			return b.String(), s[1:], nil
		}
		b.WriteByte(s[0])
		s = s[1:]
	}
	return "", "", errQuotes
}

// lower returns s with the ASCII letters in lowercase. Other bytes are unchanged.
func lower(s string) string {
	p := []byte(s)
	for i, c := range p {
		if 'A' <= c && c <= 'Z' {
			p[i] = c + 'a' - 'A'
		}
	}
	return string(p)
}
