package wire

import (
	"bytes"

	"github.com/perduredb/perdure/appendlog"
)

// A process that is killed during a write leaves the bytes before some page boundary of the file. A
// redis-server truncates an incremental file that ends there. But over padding, it would read the
// padding as the rest of the command, and load a value that was never set. So over padding no
// command and no transaction crosses a page boundary. A kill then leaves whole records and lines.

// Paginate lays out a group that is to be written at an offset. It inserts padding lines before a
// record that would cross a page boundary, or be readable from the middle. It appends the result to
// dst. ok is false if that is impossible: a record may be longer than a page.
func Paginate(dst, group []byte, offset int64) (out []byte, ok bool) {
	at := int(offset % PageSize)
	for len(group) > 0 {
		n := recordLen(group)
		if n < 0 {
			return dst, false
		}
		pad := paddingBefore(group[:n], at)
		if pad < 0 {
			return dst, false
		}
		dst = AppendPadding(dst, pad)
		dst = append(dst, group[:n]...)
		group, at = group[n:], (at+pad+n)%PageSize
	}
	return dst, true
}

// paddingBefore returns the number of bytes that must be inserted before a record at an offset of a
// page. It returns a negative number if no number of bytes helps.
func paddingBefore(unit []byte, at int) int {
	if len(unit) > PageSize {
		return -1
	}
	pad := 0
	for pad < 2*PageSize {
		if from := (at + pad) % PageSize; from+len(unit) > PageSize {
			pad = max(pad+PageSize-from, MinLine)
			continue
		} else if !Readable(unit, from) {
			return pad
		}
		pad = max(pad+1, MinLine)
	}
	return -1
}

// Readable reports whether a sector that begins inside text, which is at an offset, begins like a
// command or a line. If the bytes before the sector are lost, and padding is in their place,
// reading continues at the sector. That may be the middle of a transaction, or of a value that
// contains commands.
func Readable(text []byte, offset int) bool {
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

// recordLen returns the length of the first record of a group: a line, a command, or a transaction.
// It returns a negative number if the record is incomplete.
func recordLen(group []byte) (n int) {
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

// commandLen returns the length of the command at the start of text, or a negative number if
// text does not start with a whole command.
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

// number parses a line of a letter and a number. It returns the number and the length of the line,
// which is negative for any other text.
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
