package resp

import (
	"slices"
	"strconv"
	"strings"
)

// A Reply collects replies to a client in version 2 or 3 of the protocol. Its methods do nothing
// on a nil Reply, so that a replayed command costs nothing for the reply that nobody reads.
type Reply struct {
	Buf   []byte // the encoded replies
	V3    bool   // version 3
	Limit int    // of the length of Buf, or 0; for Fits

	// Reserve reserves memory for size bytes in Buf, instead of an earlier reservation, and
	// reports whether that is possible. It may be nil.
	Reserve func(size int) bool
}

// reserveAbove is the size of a Reply up to which Fits reserves no memory.
const reserveAbove = 64 << 10

// Fits reports whether n more bytes are within the limits. A command asks it before it appends a
// value or a list of any length.
func (r *Reply) Fits(n int) bool {
	if r == nil {
		return true
	}
	size := len(r.Buf) + n
	switch {
	case r.Limit != 0 && size > r.Limit:
		return false
	case size > reserveAbove && r.Reserve != nil:
		return r.Reserve(size)
	}
	return true
}

// Line appends a simple string, such as OK.
func (r *Reply) Line(text string) {
	if r == nil {
		return
	}
	r.Buf = append(r.Buf, '+')
	r.Buf = append(r.Buf, text...)
	r.Buf = append(r.Buf, "\r\n"...)
}

// Error appends an error. The text begins with its code, such as ERR. Because a text can contain
// bytes of a client, each CR and LF becomes a space, and those at the end are omitted.
func (r *Reply) Error(text string) {
	if r == nil {
		return
	}
	text = strings.TrimRight(text, "\r\n")
	r.Buf = append(r.Buf, '-')
	for i := range len(text) {
		b := text[i]
		if b == '\r' || b == '\n' {
			b = ' '
		}
		r.Buf = append(r.Buf, b)
	}
	r.Buf = append(r.Buf, "\r\n"...)
}

// Int appends an integer.
func (r *Reply) Int(n int64) {
	if r == nil {
		return
	}
	r.Buf = append(r.Buf, ':')
	r.Buf = strconv.AppendInt(r.Buf, n, 10)
	r.Buf = append(r.Buf, "\r\n"...)
}

// Truth appends 1 or 0.
func (r *Reply) Truth(b bool) {
	if b {
		r.Int(1)
	} else {
		r.Int(0)
	}
}

// Bulk appends a bulk string.
func (r *Reply) Bulk(b []byte) {
	if r != nil {
		r.Buf = AppendBulk(r.Buf, b)
	}
}

// Text appends a bulk string.
func (r *Reply) Text(s string) {
	if r != nil {
		r.Buf = AppendBulk(r.Buf, s)
	}
}

// Verbatim appends a text for people. In version 2 it is a bulk string.
func (r *Reply) Verbatim(s string) {
	if r == nil {
		return
	}
	if !r.V3 {
		r.Text(s)
		return
	}
	r.Buf = appendHead(r.Buf, '=', len(s)+4)
	r.Buf = append(r.Buf, "txt:"...)
	r.Buf = append(r.Buf, s...)
	r.Buf = append(r.Buf, "\r\n"...)
}

// Double appends a number. In version 2 it is a bulk string.
func (r *Reply) Double(f float64) {
	if r == nil {
		return
	}
	var digits [32]byte
	text := AppendDouble(digits[:0], f)
	if !r.V3 {
		r.Bulk(text)
		return
	}
	r.Buf = append(r.Buf, ',')
	r.Buf = append(r.Buf, text...)
	r.Buf = append(r.Buf, "\r\n"...)
}

// Null appends the null of a missing value.
func (r *Reply) Null() { r.null("$-1\r\n") }

// NullArray appends the null of a missing array.
func (r *Reply) NullArray() { r.null("*-1\r\n") }

func (r *Reply) null(v2 string) {
	switch {
	case r == nil:
	case r.V3:
		r.Buf = append(r.Buf, "_\r\n"...)
	default:
		r.Buf = append(r.Buf, v2...)
	}
}

// Array begins an array of n elements, which are the next n replies.
func (r *Reply) Array(n int) {
	if r != nil {
		r.Buf = appendHead(r.Buf, '*', n)
	}
}

// Set begins a set of n elements. In version 2 it is an array.
func (r *Reply) Set(n int) { r.aggregate('~', n, n) }

// Map begins a map of n pairs, which are the next 2n replies. In version 2 it is an array.
func (r *Reply) Map(n int) { r.aggregate('%', n, 2*n) }

func (r *Reply) aggregate(letter byte, v3, v2 int) {
	switch {
	case r == nil:
	case r.V3:
		r.Buf = appendHead(r.Buf, letter, v3)
	default:
		r.Array(v2)
	}
}

// BulkHead begins a bulk string of n bytes. The caller appends them to Buf, and CR LF.
func (r *Reply) BulkHead(n int) {
	if r != nil {
		r.Buf = AppendBulkHead(r.Buf, n)
	}
}

// Grow appends n bytes of any content to Buf, for the caller to overwrite.
func (r *Reply) Grow(n int) {
	r.Buf = slices.Grow(r.Buf, n)[:len(r.Buf)+n]
}

// Lines appends an array of simple strings.
func (r *Reply) Lines(lines []string) {
	r.Array(len(lines))
	for _, line := range lines {
		r.Line(line)
	}
}
