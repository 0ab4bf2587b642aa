package aof

import (
	"bytes"

	"github.com/perduredb/perdure/appendlog"
)

// A process that is killed in a write leaves what stands before the end of some page of the file. Behind that a
// redis-server would go on with the filler, as a part of the command: an increment that ends there it cuts, this one
// it would take, with a value that nobody has set. So over filler no command and no transaction goes over the end
// of a page. What a kill leaves is whole units, and lines.

// paginate lays out a group that is to be written to an offset: in front of a unit that would go over the end of a page,
// or be readable from the middle, stand lines of filler. It appends to dst, and fails where that does not
// help: a unit may be longer than a page.
func paginate(dst, group []byte, offset int64) (out []byte, ok bool) {
	at := int(offset % pageSize)
	for len(group) > 0 {
		n := unitLen(group)
		if n < 0 {
			return dst, false
		}
		pad := padOf(group[:n], at)
		if pad < 0 {
			return dst, false
		}
		dst = appendLines(dst, pad)
		dst = append(dst, group[:n]...)
		group, at = group[n:], (at+pad+n)%pageSize
	}
	return dst, true
}

// padOf is how many bytes have to stand in front of a unit at an offset of a page; negative is that no number helps.
func padOf(unit []byte, at int) int {
	if len(unit) > pageSize {
		return -1
	}
	pad := 0
	for pad < 2*pageSize {
		if from := (at + pad) % pageSize; from+len(unit) > pageSize {
			pad = max(pad+pageSize-from, minLine)
			continue
		} else if !readable(unit, from) {
			return pad
		}
		pad = max(pad+1, minLine)
	}
	return -1
}

// readable tells whether a sector that begins inside of text, at an offset, begins as a command or a line does. When what stands in
// front of it is lost, and filler in its place, reading goes on there: in the middle of a transaction, or of a value, in which
// somebody may have put commands.
func readable(text []byte, offset int) bool {
	first := -offset & (sector - 1)
	if first == 0 {
		first = sector
	}
	for at := first; at < len(text); at += sector {
		if text[at] == '*' || text[at] == '#' {
			return true
		}
	}
	return false
}

// appendLines appends n bytes of lines of filler, which are none or at least 2.
func appendLines(dst []byte, n int) []byte {
	for n > 0 {
		line := min(n, fillerLine)
		if n-line == 1 {
			line--
		}
		dst = append(dst, fillerLines()[fillerLine-line:fillerLine]...)
		n -= line
	}
	return dst
}

// unitLen is how long the first unit of a group is: a line, or a command, or a transaction. It is negative where there is none.
func unitLen(group []byte) (n int) {
	for multi := false; n < len(group); {
		rest := group[n:]
		if rest[0] == '#' {
			line := bytes.IndexByte(rest, '\n') + 1
			if n += line; line == 0 {
				return -1
			}
			if !multi {
				return n
			}
			continue
		}
		length := commandLen(rest)
		if length < 0 {
			return -1
		}
		n += length
		switch string(rest[:length]) {
		case appendlog.Multi:
			multi = true
		case appendlog.Exec:
			multi = false
		}
		if !multi {
			return n
		}
	}
	return -1
}

// commandLen is how long the command is that text begins with.
func commandLen(text []byte) int {
	args, n := number(text, '*')
	for ; args > 0 && n > 0; args-- {
		length, head := number(text[n:], '$')
		if head < 0 || length > len(text)-n-head-2 {
			return -1
		}
		n += head + length + 2
	}
	return n
}

// number reads a line of a letter and a number, and tells how long it is; it is negative where there is none.
func number(text []byte, letter byte) (value, n int) {
	if len(text) == 0 || text[0] != letter {
		return 0, -1
	}
	for i, c := range text[1:] {
		switch {
		case c == '\r' && i > 0 && len(text) > i+2 && text[i+2] == '\n':
			return value, i + 3
		case c < '0' || c > '9' || i > 9:
			return 0, -1
		}
		value = 10*value + int(c-'0')
	}
	return 0, -1
}
