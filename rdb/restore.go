package rdb

import (
	"encoding/binary"
	"fmt"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/crc64"
	"github.com/perduredb/perdure/internal/errtext"
	"github.com/perduredb/perdure/snapshot"
)

// restoreTail is the size of version and checksum in a payload of DUMP and RESTORE:
//
//	type value version crc       type: 1 byte; value as in a dump; version: 2 bytes, crc: 8 bytes,
//	                             little-endian; the checksum covers everything before it
//
// The payload of "10" is 00 c0 0a 09 00 be 6d 06 89 5a 28 00 0a.
const restoreTail = 2 + 8

// AppendDump appends the payload that makes RESTORE create a value of type t, and returns the
// extended slice. value is as in Entry.Value: the bytes of a string, or the payload of another
// type. The version in the payload is the lowest that has the type, and at least 9. AppendDump
// allocates only if dst lacks room, and retains nothing.
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

// ParseDump returns the type and value of a payload for RESTORE, in the form of an Entry. The
// version in the payload determines the dialect: from 80 on it is Valkey's. ParseDump always
// compares the checksum and checks the value to its last element. The value is a part of p, or is
// newly allocated if a string has another encoding. ParseDump returns the errors of [Decode], with
// offsets in p.
func ParseDump(p []byte) (t snapshot.Type, value []byte, err error) {
	defer errtext.Name(&err)
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
			"want checksum %016x, found %016x", sum, stored)
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

// parseValue reads the value after the type in body, which must end with it.
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

// memoryReader returns an input that reads p and neither copies nor modifies it.
func memoryReader(p []byte) *input {
	return &input{size: int64(len(p)), buf: p, end: len(p), noSum: true, eof: true}
}
