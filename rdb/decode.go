package rdb

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/planted"
	"github.com/perduredb/perdure/snapshot"
)

// Decode reads one dump from r, which holds size bytes or an unknown number when that is -1, and
// gives what it holds to l in the order of the file. It returns how many bytes the dump took, up to
// and with its checksum; it may have read more from r, which is not looked at.
//
// Versions 1 to 12 of Redis and 80 to 81 of Valkey are read whole, later ones up to the first record
// of an unknown kind. Strings are given decoded, values of other types as they stand in the file,
// checked to their last element as DecodeValue does it, but for empty ones and the like that a
// server takes. Keys that have expired are given like others. Entry slices are valid
// during the call only; nothing is allocated per entry but for the groups of a stream, and never by
// a declared length.
//
// Damage is a *CorruptError with the offset, torn when the input just ends; an unknown version or
// record is an *UnsupportedError; l's errors and ctx's are returned as they are, the latter looked
// at every MiB, when l is told the progress. Options: Checksum, MaxValue, Validate, HeaderTo. Without
// options Decode is a snapshot.Decoder. It may run in any number of goroutines.
func Decode(
	ctx context.Context, r io.Reader, size int64, l snapshot.Loader, opts ...Option,
) (n int64, err error) {
	s := defaults()
	if err := s.set(forDecode, opts...); err != nil {
		return 0, err
	}
	d := newDecoder(ctx, r, size, l, s)
	if err := d.dump(); err != nil {
		return 0, err
	}
	return d.r.offset(), nil
}

// decoder reads one dump.
type decoder struct {
	ctx      context.Context
	r        *reader
	l        snapshot.Loader
	settings settings
	header   *Header
	version  version

	entry      snapshot.Entry // the database and expiry for the next key
	at         int64          // the offset of the present record
	keyScratch []byte
	scratch    []byte
	walker     walker
	validator  *validator             // nil when values are only passed over
	odd        func(e *corrupt.Error) // told of values that a server loads but never writes; may be nil
	keys       int64                  // read so far
}

func newDecoder(ctx context.Context, r io.Reader, size int64, l snapshot.Loader, s settings) *decoder {
	d := &decoder{ctx: ctx, l: l, settings: s, header: s.header}
	if d.header == nil {
		d.header = new(Header)
	}
	*d.header = Header{}
	d.r = newReader(r, size, ticker(ctx, size, l.Progress))
	d.r.noSum = !s.checksum
	d.walker = walker{r: d.r, limit: s.maxValue}
	if s.validate {
		d.validator = newValidator(deaf{})
		d.walker.visitor = d.validator
	}
	return d
}

// dump reads everything from the magic to the checksum.
func (d *decoder) dump() error {
	if err := d.ctx.Err(); err != nil {
		return err
	}
	if err := d.magic(); err != nil {
		return err
	}
	for {
		d.r.hold()
		d.at = d.r.offset()
		b, err := d.r.byte()
		if err != nil {
			return err
		}
		if b < opTemplate {
			err = d.key(b)
		} else if b == opEOF {
			break
		} else {
			err = d.record(b)
		}
		if err != nil {
			return err
		}
	}
	if err := d.trailer(); err != nil {
		return err
	}
	d.l.Progress(d.r.offset(), d.r.size)
	return d.ctx.Err()
}

func (d *decoder) magic() error {
	p, err := d.r.bytes(magicSize)
	if err != nil {
		return err
	}
	if d.version, err = parseMagic([magicSize]byte(p)); err != nil {
		return err
	}
	d.header.Version = d.version.String()
	if d.version.number < checksumSince {
		d.r.noSum = true
	}
	return nil
}

// trailer compares the checksum behind the end.
func (d *decoder) trailer() error {
	if d.version.number < checksumSince {
		return nil
	}
	d.r.sum()
	sum := d.r.crc
	d.r.noSum = true
	at := d.r.offset()
	p, err := d.r.bytes(8)
	if err != nil {
		return err
	}
	stored := binary.LittleEndian.Uint64(p)
	d.header.Checksum = stored != 0
	if stored != 0 && d.settings.checksum && stored != sum && !planted.On(planted.DumpUnchecked) {
		return corrupt.New(at, "want the checksum %016x of what was read, found %016x", sum, stored)
	}
	return nil
}

// key reads key and value behind a type number.
func (d *decoder) key(number byte) error {
	t := d.version.typeOf(number)
	if number != typeString {
		if _, ok := kinds[t]; !ok {
			return d.unknown(number)
		}
	}
	key, err := d.r.str(&d.keyScratch, d.settings.maxValue)
	if err != nil {
		return err
	}
	e := d.entry
	e.Type = t
	if number == typeString {
		value, err := d.r.str(&d.scratch, d.settings.maxValue)
		if err != nil {
			return err
		}
		e.Value = value.bytes(d.r)
	} else {
		if e.Value, err = d.value(t); err != nil {
			return err
		}
	}
	d.keys++
	e.Key = key.bytes(d.r)
	d.entry.ExpireAtMs = 0
	if err := d.l.Load(e); err != nil {
		return d.refused(err)
	}
	return nil
}

// value reads a value that is passed on as it stands. Damage in it names the key by its number in
// the file, from 1.
func (d *decoder) value(t snapshot.Type) ([]byte, error) {
	start := d.r.place()
	d.walker.start = start
	at := d.r.offset()
	var err error
	if d.validator != nil {
		err = d.validator.walk(&d.walker, t)
	} else {
		err = d.walker.value(t)
	}
	if err == nil {
		if d.odd != nil && d.validator != nil && d.validator.odd != "" {
			d.odd(d.ofKey(t, corrupt.New(at, "%s", d.validator.odd)))
		}
		return d.r.between(start, d.r.place()), nil
	}
	var damage *corrupt.Error
	if errors.As(err, &damage) && !damage.Torn {
		d.ofKey(t, damage)
	}
	return nil, err
}

// ofKey says in an error which key's value it is about.
func (d *decoder) ofKey(t snapshot.Type, e *corrupt.Error) *corrupt.Error {
	e.What = fmt.Sprintf("key %d, %s of type %d: %s", d.keys+1, TypeName(t), t.RDB(), e.What)
	return e
}

// refused is the error of the receiver of an entry. One about damage knows what, and not where.
func (d *decoder) refused(err error) error {
	var damage *corrupt.Error
	if errors.As(err, &damage) && damage.Offset == 0 {
		damage.Offset = d.at
	}
	return err
}

// record reads what is behind an opcode other than the end's.
func (d *decoder) record(op byte) error {
	switch op {
	case opExpireMs, opExpire, opIdle, opFreq:
		return d.attribute(op)
	case opSelectDB:
		n, err := d.r.length()
		if err != nil {
			return err
		}
		if n > math.MaxInt32 {
			return corrupt.New(d.at, "want a database number, found %d", n)
		}
		d.entry.DB = int(n)
		return nil
	case opResizeDB:
		var n [2]int64
		if err := d.lengths(n[:]); err != nil {
			return err
		}
		d.l.Expect(d.entry.DB, n[0], n[1])
		return nil
	case opSlotInfo:
		return d.lengths(make([]int64, 3))
	case opAux:
		return d.aux()
	case opFunction, opModuleAux:
		return d.extra(op)
	case opSlotImport:
		if d.version.valkey {
			return d.slotImport()
		}
	}
	return d.unknown(op)
}

// attribute reads what belongs to the next key.
func (d *decoder) attribute(op byte) error {
	switch op {
	case opIdle:
		_, err := d.r.length()
		return err
	case opFreq:
		_, err := d.r.byte()
		return err
	case opExpire:
		p, err := d.r.bytes(4)
		if err != nil {
			return err
		}
		d.expireAt(int64(int32(binary.LittleEndian.Uint32(p))) * 1000)
	case opExpireMs:
		p, err := d.r.bytes(8)
		if err != nil {
			return err
		}
		if ms := int64(binary.LittleEndian.Uint64(p)); ms != -1 {
			d.expireAt(ms)
		} else {
			d.entry.ExpireAtMs = 0
		}
	}
	return nil
}

// expireAt notes an expiry. An Entry says 0 for none, so that the instant 0 becomes the next one.
func (d *decoder) expireAt(ms int64) {
	if ms == 0 {
		ms = 1
	}
	d.entry.ExpireAtMs = ms
}

// lengths fills n. One beyond int64 counts as the greatest.
func (d *decoder) lengths(n []int64) error {
	for i := range n {
		v, err := d.r.length()
		if err != nil {
			return err
		}
		n[i] = int64(min(v, math.MaxInt64))
	}
	return nil
}

// aux reads a field that describes the dump.
func (d *decoder) aux() error {
	name, err := d.r.str(&d.keyScratch, d.settings.maxValue)
	if err != nil {
		return err
	}
	value, err := d.r.str(&d.scratch, d.settings.maxValue)
	if err != nil {
		return err
	}
	d.header.add(name.bytes(d.r), value.bytes(d.r))
	return nil
}

// extra reads a function library or a module's data, and passes it on as it stands.
func (d *decoder) extra(op byte) error {
	start := d.r.place()
	w := walker{r: d.r, start: start, limit: d.settings.maxValue}
	pass := w.str
	if op == opModuleAux {
		pass = w.module
	}
	if err := pass(); err != nil {
		return err
	}
	payload := bytes.Clone(d.r.between(start, d.r.place()))
	return d.l.Extra(snapshot.Extra{Opcode: op, Payload: payload})
}

// slotImport passes over the state of a cluster's slot migration: job, ranges.
func (d *decoder) slotImport() error {
	if _, err := d.r.str(&d.scratch, d.settings.maxValue); err != nil {
		return err
	}
	n, err := d.r.length()
	if err != nil {
		return err
	}
	for range n {
		d.r.hold()
		if err := d.lengths(make([]int64, 2)); err != nil {
			return err
		}
	}
	return nil
}

// unknown is the error for a type or opcode that is not read. It says what it is where that is
// known; otherwise a file of a known version is damaged, and a newer one is newer.
func (d *decoder) unknown(b byte) error {
	what := ""
	switch {
	case b == typeModuleOld && !d.version.valkey && d.version.number <= 8:
		what = "a module value of before Redis 4.0 (type 6), which does not tell where it ends"
	case b == opFunctionOld && !d.version.valkey && d.version.number == 10:
		what = "a function of a Redis 7.0 release candidate (opcode 246)"
	case d.version.valkey && b == opUpdate:
		what = "an update of a forkless Valkey snapshot (opcode 242)"
	case d.version.newer() && !d.version.valkey && b == opKeyMeta:
		what = "key metadata of a module (opcode 243)"
	case d.version.newer() && !d.version.valkey && (b == opTemplate || b >= 29 && b <= 32):
		what = fmt.Sprintf("a hash template (%d)", b)
	case d.version.newer() || d.version.valkey && b < opTemplate:
		what = fmt.Sprintf("type or opcode %d of %v", b, d.version)
	default:
		return corrupt.New(d.at, "want a type or an opcode, found %d", b)
	}
	return &UnsupportedError{d.at, what}
}
