package rdb

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/crc64"
	"github.com/perduredb/perdure/snapshot"
)

// producer is a program that puts records of its own into dumps.
type producer struct{ name, wayOut string }

var (
	redisEnterprise = producer{"Redis Enterprise", "export the database with the values in memory, or copy the keys to a Redis with the server that wrote the file"}
	dragonfly       = producer{"Dragonfly", "save it with Dragonfly as a Redis dump: SAVE RDB"}
	keyDB           = producer{"KeyDB", "remove the expiries of members with KeyDB (PERSISTMEMBER), and save again"}
	redis           = producer{"Redis", "load it with the Redis that wrote it, and take the keys out with DUMP or a client"}
	valkey          = producer{"Valkey", "load it with the Valkey that wrote it, and take the keys out with DUMP or a client"}
)

// subexpire begins the names of the aux fields in which KeyDB keeps when members of the key before
// them expire.
const subexpire = "keydb-subexpire-"

// foreignAux notes an aux field that holds data which nothing here has a place for.
func (r *Reader) foreignAux(name string) {
	if r.foreign == nil && len(name) > len(subexpire) && name[:len(subexpire)] == subexpire {
		r.foreign = keyDB.record(r.at, "when a member of a set or hash expires (aux field "+subexpire+"*)")
	}
}

// ended is the error of a dump whose end was reached.
func (r *Reader) ended(ctx context.Context) error {
	if err := ctx.Err(); err != nil || r.foreign == nil {
		return err
	}
	return r.foreign
}

// record is the error for a record of a producer.
func (p producer) record(at int64, what string) *UnsupportedError {
	return &UnsupportedError{Offset: at, What: what + " of " + p.name, Owner: p.name, WayOut: p.wayOut}
}

// unknown is the error for a type or opcode that is not read.
func (r *Reader) unknown(b byte) error {
	if err := r.recognized(b); err != nil {
		return r.judged(err, true)
	}
	what := fmt.Sprintf("type or opcode %d of %v", b, r.version)
	return r.judged(&UnsupportedError{Offset: r.at, What: what}, r.version.newer() || r.version.valkey && b < opTemplate)
}

// recognized says whose record a type or opcode is that is not read, or returns nil.
func (r *Reader) recognized(b byte) *UnsupportedError {
	v, at := r.version, r.at
	typeOf := func(what string) string { return fmt.Sprintf("%s (type %d)", what, b) }
	switch {
	case v.valkey && b == opUpdate:
		return valkey.record(at, "an update of a forkless snapshot (opcode 242)")
	case v.valkey:
		return nil
	case b == typeModuleOld && v.number <= 8:
		return redis.record(at, "a module value of before Redis 4.0 (type 6), which does not tell where it ends,")
	case b == opFunctionOld && v.number == 10:
		return redis.record(at, "a function of a 7.0 release candidate (opcode 246)")
	case v.newer() && (b == opTemplate || b >= 29 && b <= 32):
		return redis.record(at, fmt.Sprintf("a hash template (%d)", b))
	case v.newer() && b == 33:
		return redis.record(at, typeOf("a rate limiter"))
	case b == 107:
		return redisEnterprise.record(at, "where a value is kept, in memory or on flash (opcode 107),")
	case b >= 200 && b <= 224:
		return dragonfly.record(at, fmt.Sprintf("a record (opcode %d) of the DFS format", b))
	case b >= 30 && b <= 37 && !v.newer():
		return dragonfly.record(at, typeOf("a value")+" of the DFS format")
	}
	return nil
}

// checksum is what the checksum of a file says about it.
type checksum uint8

const (
	checksumWrong  checksum = iota // there is one, or should be, and it does not fit
	checksumFits                   // so that the file is as it was written
	checksumAbsent                 // so that nobody knows
)

// judged decides whether an error about what is unknown, or about an entry that a Loader cannot take,
// is damage: it is if the checksum of the file says so, or if there is none and known is false. Other
// errors it returns as they are. The rest of the file is read for that, and not parsed.
func (r *Reader) judged(err error, known bool) error {
	if err == nil {
		return nil
	}
	return r.judge(err, known)
}

// judge is apart from judged so that an entry without error costs no memory.
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
		what = strings.TrimPrefix(entry.Err.Error(), "perdure: ")
	} else {
		what = "want a type or an opcode, found " + unknown.What
	}
	if sum == checksumWrong {
		what += "; no checksum behind it fits"
	}
	return corrupt.New(at, "%s", what)
}

// checksum looks for the end of the dump without understanding what is before it: a byte 255 behind
// which stands the checksum of all before. That another 255 has it behind it happens once in 2^64
// times.
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

// isLast reports whether eight bytes end the dump: the input ends behind them, or goes on with the
// commands of a log.
func (r *Reader) isLast() (bool, error) {
	if err := r.in.need(8 + 1); err != nil {
		_, err = ending(err)
		return err == nil, err
	}
	next := r.in.buf[r.in.pos+8]
	return next == '*' || next == '#', nil
}

// ending is the answer for an input that has no end of a dump, unless it was not read to its own end.
func ending(err error) (checksum, error) {
	var torn *corrupt.Error
	if errors.As(err, &torn) && torn.Torn {
		return checksumWrong, nil
	}
	return checksumWrong, err
}
