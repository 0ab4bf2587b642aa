package wire

import "strconv"

// TimestampPrefix begins a timestamp annotation: the time of the records after it, in Unix
// seconds.
const TimestampPrefix = "#TS:"

// AppendTimestamp appends a timestamp annotation: a line #TS:<unix seconds> CR LF.
func AppendTimestamp(dst []byte, second int64) []byte {
	dst = append(dst, TimestampPrefix...)
	dst = strconv.AppendInt(dst, second, 10)
	return append(dst, '\r', '\n')
}
