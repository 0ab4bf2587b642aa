// Package resp encodes and decodes commands for the append-only file and for RESTORE payloads,
// which are RESP arrays of bulk strings. A [Reply] encodes the replies of a server.
//
// Encoding appends to the caller's slice and allocates only if the slice is full. The package
// retains none of its arguments. Functions are safe for concurrent use; a [Reader] is not.
package resp

import (
	"math"
	"strconv"
)

// AppendHeader appends the header of a command of argc arguments: *<argc> CRLF.
func AppendHeader(dst []byte, argc int) []byte {
	return appendHead(dst, '*', argc)
}

// appendHead appends a letter, a number and CRLF.
func appendHead(dst []byte, letter byte, n int) []byte {
	switch {
	case n < 10:
		return append(dst, letter, '0'+byte(n), '\r', '\n')
	case n < 100:
		return append(dst, letter, '0'+byte(n/10), '0'+byte(n%10), '\r', '\n')
	}
	dst = append(dst, letter)
	dst = strconv.AppendInt(dst, int64(n), 10)
	return append(dst, '\r', '\n')
}

// AppendBulk appends one argument: $<len> CRLF <bytes> CRLF.
func AppendBulk[T string | []byte](dst []byte, arg T) []byte {
	dst = AppendBulkHead(dst, len(arg))
	dst = append(dst, arg...)
	return append(dst, '\r', '\n')
}

// AppendBulkHead appends the header of an argument of n bytes: $<n> CRLF.
func AppendBulkHead(dst []byte, n int) []byte {
	return appendHead(dst, '$', n)
}

// AppendInt appends n as one argument in decimal.
func AppendInt(dst []byte, n int64) []byte {
	var digits [20]byte
	return AppendBulk(dst, strconv.AppendInt(digits[:0], n, 10))
}

// AppendCommand appends a whole command.
func AppendCommand(dst []byte, args ...string) []byte {
	dst = AppendHeader(dst, len(args))
	for _, a := range args {
		dst = AppendBulk(dst, a)
	}
	return dst
}

// AppendDouble appends a number as Redis formats it: 17 significant digits without trailing zeros,
// inf, or -inf.
func AppendDouble(dst []byte, f float64) []byte {
	switch {
	case math.IsInf(f, 1):
		return append(dst, "inf"...)
	case math.IsInf(f, -1):
		return append(dst, "-inf"...)
	}
	if n, ok := Whole(f); ok { // with the same result
		return strconv.AppendInt(dst, n, 10)
	}
	return strconv.AppendFloat(dst, f, 'g', 17, 64)
}

// Whole returns f as an integer if it is one from -2^53 to 2^53-1, except for zero, which can be
// negative.
func Whole(f float64) (n int64, ok bool) {
	n = int64(f)
	return n, float64(n) == f && n != 0 && n>>53 == n>>63
}
