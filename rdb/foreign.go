package rdb

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/crc64"
	"github.com/perduredb/perdure/internal/errtext"
	"github.com/perduredb/perdure/snapshot"
)

// producer is a program that writes private record types into dumps.
type producer struct{ name, wayOut string }

var (
	redisEnterprise = producer{"Redis Enterprise", "export the database with all values in memory, or copy the keys to Redis with the server that wrote the file"}
	dragonfly       = producer{"Dragonfly", "save a Redis dump with Dragonfly (SAVE RDB)"}
	keyDB           = producer{"KeyDB", "remove the member expiries with KeyDB (PERSISTMEMBER), and save again"}
	redis           = producer{"Redis", "load the file with the Redis that wrote it, and export the keys with DUMP or a client"}
	valkey          = producer{"Valkey", "load the file with the Valkey that wrote it, and export the keys with DUMP or a client"}
)

// subexpire is the prefix of the aux fields in which KeyDB stores the expiries of members of the
// preceding key.
const subexpire = "keydb-subexpire-"

// foreignAux records an aux field with data that this package cannot represent.
func (r *Reader) foreignAux(name string) {
	if r.foreign == nil && len(name) > len(subexpire) && name[:len(subexpire)] == subexpire {
		r.foreign = keyDB.record(r.at, "the expiry of a set or hash member (aux field "+subexpire+"*)")
	}
}

// ended returns the error of a dump that was read to its end.
func (r *Reader) ended(ctx context.Context) error {
	if err := ctx.Err(); err != nil || r.foreign == nil {
		return err
	}
	return r.foreign
}

// record returns the error for a record of a producer.
func (p producer) record(at int64, what string) *UnsupportedError {
	return &UnsupportedError{Offset: at, What: what + " of " + p.name, Owner: p.name, WayOut: p.wayOut}
}

// unknown returns the error for an unknown type or opcode.
func (r *Reader) unknown(b byte) error {
	if err := r.recognized(b); err != nil {
		return r.judged(err, true)
	}
	what := fmt.Sprintf("type or opcode %d of %v", b, r.version)
	return r.judged(&UnsupportedError{Offset: r.at, What: what}, r.version.newer() || r.version.valkey && b < opTemplate)
}

// recognized returns the error for an unread type or opcode whose producer is known, or nil.
func (r *Reader) recognized(b byte) *UnsupportedError {
	v, at := r.version, r.at
	typeOf := func(what string) string { return fmt.Sprintf("%s (type %d)", what, b) }
	switch {
	case v.valkey && b == opUpdate:
		return valkey.record(at, "an update of a forkless snapshot (opcode 242)")
	case v.valkey:
		return nil
	case b == typeModuleOld && v.number <= 8:
		return redis.record(at, "a module value (type 6, without an end marker) from before version 4.0")
	case b == opFunctionOld && v.number == 10:
		return redis.record(at, "a function of a 7.0 release candidate (opcode 246)")
	case v.newer() && (b == opTemplate || b >= 29 && b <= 32):
		return redis.record(at, fmt.Sprintf("a hash template (%d)", b))
	case v.newer() && b == 33:
		return redis.record(at, typeOf("a rate limiter"))
	case b == 107:
		return redisEnterprise.record(at, "the location of a value, in memory or on flash (opcode 107),")
	case b >= 200 && b <= 224:
		return dragonfly.record(at, fmt.Sprintf("a record (opcode %d) of the DFS format", b))
	case b >= 30 && b <= 37 && !v.newer():
		return dragonfly.record(at, typeOf("a value")+" of the DFS format")
	}
	return nil
}

// checksum is the result of comparing the checksum of a file.
type checksum uint8

const (
	checksumWrong  checksum = iota // a checksum is required or present but does not match
	checksumFits                   // the file is as written
	checksumAbsent                 // the file has no checksum, so damage cannot be excluded
)

// judged decides whether an error is damage. It judges errors about unknown types or opcodes and
// about entries that a Loader refuses; it returns others unchanged. The error is damage if the
// checksum of the file does not match, or if the checksum is absent and known is false. To compare
// the checksum, judged reads the rest of the file without parsing it.
func (r *Reader) judged(err error, known bool) error {
	if err == nil {
		return nil
	}
	return r.judge(err, known)
}

// judge is separate from judged so that an entry without an error allocates nothing.
func (r *Reader) judge(err error, known bool) error {
	at := int64(-1)
	var entry *snapshot.EntryError
	var unknown *UnsupportedError
	switch {
	case errors.As(err, &unknown):
		at = unknown.Offset
	case errors.As(err, &entry):
		at = entry.Offset
	default:
		return err
	}
	sum, readErr := r.checksum()
	switch {
	case readErr != nil:
		return readErr
	case sum == checksumFits, sum == checksumAbsent && known:
		return err
	}
	var what string
	if entry != nil {
		what = errtext.Trim(entry.Err)
	} else {
		what = "want a type or an opcode, found " + unknown.What
	}
	if sum == checksumWrong {
		what += "; no checksum after it matches"
	}
	return corrupt.New(at, "%s", what)
}

// checksum searches for the end of the dump without parsing: a byte 255 followed by the checksum of
// everything before it. Another byte 255 is followed by its checksum with probability 1 in 2^64.
func (r *Reader) checksum() (checksum, error) {
	in := r.in
	if in.noSum || r.version.number > 0 && r.version.number < checksumSince {
		return checksumAbsent, nil
	}
	crc := in.sum()
	for {
		in.hold()
		if err := in.need(1 + 8); err != nil {
			return ending(err)
		}
		p := in.buf[in.pos:in.end]
		p = p[:len(p)-8]
		end := bytes.IndexByte(p, opEOF)
		if end < 0 {
			crc = crc64.Update(crc, p)
			in.pos += len(p)
			continue
		}
		crc = crc64.Update(crc, p[:end+1])
		in.pos += end + 1
		switch stored := binary.LittleEndian.Uint64(in.buf[in.pos:]); stored {
		case crc:
			return checksumFits, nil
		case 0:
			if last, err := r.isLast(); last || err != nil {
				return checksumAbsent, err
			}
		}
	}
}

// isLast reports whether the next eight bytes end the dump: the input ends after them, or the
// commands of a log follow.
func (r *Reader) isLast() (bool, error) {
	if err := r.in.need(8 + 1); err != nil {
		_, err = ending(err)
		return err == nil, err
	}
	next := r.in.buf[r.in.pos+8]
	return next == '*' || next == '#', nil
}

// ending returns the result for an input without the end of a dump. It returns err if the input
// could not be read to its end.
func ending(err error) (checksum, error) {
	var torn *corrupt.Error
	if errors.As(err, &torn) && torn.Torn {
		return checksumWrong, nil
	}
	return checksumWrong, err
}
