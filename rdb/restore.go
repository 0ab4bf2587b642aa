package rdb

import (
	"encoding/binary"
	"fmt"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/crc64"
	"github.com/perduredb/perdure/snapshot"
)

// The payload of DUMP and RESTORE is a value on its own:
//
//	type value version crc       type: 1 byte; value as in a dump; version: 2 bytes, crc: 8 bytes,
//	                             little-endian; the sum covers everything before it
//
// That of "10" is 00 c0 0a 09 00 be 6d 06 89 5a 28 00 0a.
const restoreTail = 2 + 8

// AppendDump appends the payload with which RESTORE makes a value of type t, and returns the longer
// slice. value is what Entry.Value holds: the bytes of a string, the payload of another type. The
// version in it is the lowest that has the type, at least 9. It allocates only when dst lacks
// room, and keeps nothing.
func AppendDump(dst []byte, t snapshot.Type, value []byte) []byte {
	start := len(dst)
	dst = append(dst, t.RDB())
	if t == snapshot.String {
		dst = appendString(dst, value)
	} else {
		dst = append(dst, value...)
	}
	number := max(kinds[t].version, lowestWritten)
	if t.IsValkey() {
		number = max(number, oldestValkey)
	}
	dst = binary.LittleEndian.AppendUint16(dst, uint16(number))
	return binary.LittleEndian.AppendUint64(dst, crc64.Checksum(dst[start:]))
}

// ParseDump returns type and value of a payload for RESTORE, as an Entry holds them. The version in
// it decides the dialect: from 80 on it is Valkey's. The checksum is always compared, the value
// checked to its last element. The value is a part of p, or newly made where a string has another encoding.
// Errors are those of Decode, with offsets in p.
func ParseDump(p []byte) (t snapshot.Type, value []byte, err error) {
	if len(p) < 1+1+restoreTail {
		return 0, nil, corrupt.Torn(int64(len(p)), "want a payload of at least %d bytes", 1+1+restoreTail)
	}
	body, tail := p[:len(p)-restoreTail], p[len(p)-restoreTail:]
	v := version{number: int(binary.LittleEndian.Uint16(tail))}
	v.valkey = v.number >= oldestValkey
	if v.number == 0 {
		return 0, nil, &UnsupportedError{Offset: int64(len(body)), What: "payload of version 0"}
	}
	stored := binary.LittleEndian.Uint64(tail[2:])
	if sum := crc64.Checksum(p[:len(p)-8]); sum != stored {
		return 0, nil, corrupt.New(int64(len(p)-8),
			"want the checksum %016x of what was read, found %016x", sum, stored)
	}
	t = v.typeOf(body[0])
	if _, ok := kinds[t]; !ok {
		what := fmt.Sprintf("payload of type %d and version %d", body[0], v.number)
		return 0, nil, &UnsupportedError{What: what}
	}
	if value, err = parseValue(t, body); err != nil {
		return 0, nil, err
	}
	return t, value, nil
}

// parseValue reads the value behind the type in body, to its end.
func parseValue(t snapshot.Type, body []byte) (value []byte, err error) {
	r := memoryReader(body)
	r.pos = 1
	var scratch []byte
	if t == snapshot.String {
		s, err := r.str(&scratch, DefaultMaxValue)
		if err != nil {
			return nil, err
		}
		value = s.bytes(r)
	} else {
		v := newValidator(deaf{})
		w := walker{r: r, start: r.place(), limit: DefaultMaxValue, visitor: v}
		if err := v.walk(&w, t); err != nil {
			return nil, err
		}
		value = r.between(1, r.place())
	}
	if r.pos != len(body) {
		return nil, corrupt.New(r.offset(), "want the end of the value, found %d more bytes", len(body)-r.pos)
	}
	return value, nil
}

// memoryReader reads p, which it neither copies nor changes.
func memoryReader(p []byte) *input {
	return &input{size: int64(len(p)), buf: p, end: len(p), noSum: true, eof: true}
}
