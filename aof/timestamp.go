package aof

import "strconv"

// stampPrefix begins a timestamp annotation: the time at which the records after it were written,
// in Unix seconds.
const stampPrefix = "#TS:"

func appendStamp(dst []byte, second int64) []byte {
	dst = append(dst, stampPrefix...)
	dst = strconv.AppendInt(dst, second, 10)
	return append(dst, '\r', '\n')
}
