package rdb

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"

	"github.com/perduredb/perdure/snapshot"
)

// Encode writes v as one dump to w and returns its size, version and number of keys. It makes
// the one pass over v, and keeps nothing of it.
//
// The version is the lowest from 9 on that has v's types, or VALKEY 80 when Valkey's own are among
// them; an *UnsupportedError means that there is none. Every entry is written, expired or not, in
// the order of v; a database is named again whenever it changes. Strings are written as
// Redis would: integers of 32 bits in binary, longer than 20 bytes as LZF where that saves 4 bytes.
//
// Options: Compression, Checksum, Version, AOFBase, UsedMemory. An error of v, of w or of ctx, which is
// looked at every MiB, ends the dump where it is. It may run in any number of goroutines.
func Encode(ctx context.Context, w io.Writer, v snapshot.View, opts ...Option) (snapshot.Info, error) {
	s := defaults()
	if err := s.set(forEncode, opts...); err != nil {
		return snapshot.Info{}, err
	}
	return encode(ctx, w, v, s)
}

func encode(ctx context.Context, w io.Writer, v snapshot.View, s settings) (snapshot.Info, error) {
	ver, err := chooseVersion(s.version, v.Types())
	if err != nil {
		return snapshot.Info{}, err
	}
	if err := ctx.Err(); err != nil {
		return snapshot.Info{}, err
	}
	e := &encoder{output: newOutput(ctx, w, s), version: ver, db: -1}
	if err := e.dump(v, s); err != nil {
		return snapshot.Info{}, err
	}
	return snapshot.Info{Size: e.done, Keys: e.keys, Time: v.Time(), Version: ver.String()}, nil
}

// encoder writes one dump.
type encoder struct {
	*output
	version version
	db      int // the database that was named last; -1 at first
	counts  []snapshot.Count
	keys    int64
}

func (e *encoder) dump(v snapshot.View, s settings) error {
	e.buf = e.version.append(e.buf)
	if err := e.head(v, s); err != nil {
		return err
	}
	e.counts = append(e.counts, v.Counts()...)
	for x, err := range v.All(e.ctx) {
		if err == nil {
			err = e.entry(x)
		}
		if err != nil {
			return err
		}
	}
	if err := e.extras(v, true); err != nil {
		return err
	}
	return e.trailer()
}

// head writes the fields that describe the dump, and the records that belong to no key.
func (e *encoder) head(v snapshot.View, s settings) error {
	server, number := e.version.server()
	fields := []Aux{
		{server, number},
		{"redis-bits", strconv.Itoa(strconv.IntSize)},
		{"ctime", strconv.FormatInt(v.Time().Unix(), 10)},
	}
	if s.usedMemory > 0 {
		fields = append(fields, Aux{"used-mem", strconv.FormatInt(s.usedMemory, 10)})
	}
	base := "0"
	if s.aofBase {
		base = "1"
	}
	for _, f := range append(fields, Aux{"aof-base", base}) {
		e.buf = append(e.buf, opAux)
		e.buf = appendString(e.buf, []byte(f.Name))
		e.buf = appendString(e.buf, []byte(f.Value))
	}
	return e.extras(v, false)
}

// extras writes the records that belong to no key: those that stand before the keys, or after.
func (e *encoder) extras(v snapshot.View, after bool) error {
	for _, x := range v.Extras() {
		if x.Opcode != opFunction && x.Opcode != opModuleAux {
			return &UnsupportedError{0, fmt.Sprintf("writing a record of opcode %d", x.Opcode)}
		}
		if standsAfter(x) != after {
			continue
		}
		if err := e.room(1); err != nil {
			return err
		}
		e.buf = append(e.buf, x.Opcode)
		if err := e.raw(x.Payload); err != nil {
			return err
		}
	}
	return nil
}

// standsAfter reports whether a module wrote its data behind the keys: the field "when" that
// follows the module's id is 2.
func standsAfter(x snapshot.Extra) bool {
	const after = 2
	if x.Opcode != opModuleAux {
		return false
	}
	r := memoryReader(x.Payload)
	var v [3]uint64 // module id, the opcode of an unsigned integer, when
	for i := range v {
		n, err := r.length()
		if err != nil {
			return false
		}
		v[i] = n
	}
	return v[1] == 2 && v[2] == after
}

// entry writes one key.
func (e *encoder) entry(x snapshot.Entry) error {
	if x.DB != e.db {
		if err := e.selectDB(x.DB); err != nil {
			return err
		}
	}
	if err := e.room(1 + 8 + 1 + maxHead); err != nil {
		return err
	}
	if x.ExpireAtMs != 0 {
		ms := x.ExpireAtMs
		if ms == -1 {
			ms = -2 // -1 would be none; this instant is as far gone
		}
		e.buf = append(e.buf, opExpireMs)
		e.buf = binary.LittleEndian.AppendUint64(e.buf, uint64(ms))
	}
	e.buf = append(e.buf, x.Type.RDB())
	if err := e.str(x.Key); err != nil {
		return err
	}
	e.keys++
	if x.Type == snapshot.String {
		return e.str(x.Value)
	}
	if err := e.fits(x.Type); err != nil {
		return err
	}
	return e.raw(x.Value)
}

// fits checks a type against the version, for a view whose Types left it out.
func (e *encoder) fits(t snapshot.Type) error {
	k, ok := kinds[t]
	wrongDialect := e.version.valkey && redisOnly(t) || !e.version.valkey && t.IsValkey()
	if !ok || wrongDialect || k.version > e.version.number {
		what := fmt.Sprintf("writing %s (type %d) in %v", TypeName(t), t.RDB(), e.version)
		return &UnsupportedError{e.done, what}
	}
	return nil
}

// selectDB names the database of the entries that follow and, the first time, how much it holds.
func (e *encoder) selectDB(db int) error {
	if db < 0 {
		return fmt.Errorf("rdb: database number %d", db)
	}
	if err := e.room(1 + 9 + 1 + 2*9); err != nil {
		return err
	}
	e.db = db
	e.buf = append(e.buf, opSelectDB)
	e.buf = appendLength(e.buf, uint64(db))
	for i, c := range e.counts {
		if c.DB == db {
			e.buf = append(e.buf, opResizeDB)
			e.buf = appendLength(e.buf, uint64(max(c.Keys, 0)))
			e.buf = appendLength(e.buf, uint64(max(c.Expires, 0)))
			e.counts[i].DB = -1
			break
		}
	}
	return nil
}

// trailer writes the end, and the checksum of all before it or zeros.
func (e *encoder) trailer() error {
	if err := e.room(1); err != nil {
		return err
	}
	e.buf = append(e.buf, opEOF)
	if err := e.flush(); err != nil {
		return err
	}
	sum := e.crc
	e.noSum = true
	e.buf = binary.LittleEndian.AppendUint64(e.buf, sum)
	if err := e.flush(); err != nil {
		return err
	}
	return e.ctx.Err()
}
