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
	"github.com/perduredb/perdure/snapshot"
)

// Decode reads one dump from r, which holds size bytes or an unknown number when that is -1, and
// gives what it holds to l in the order of the file. It returns how many bytes the dump took, up to
// and with its checksum; it may have read more from r, which is not looked at.
//
// Versions 1 to 12 of Redis and 80 to 81 of Valkey are read whole, later ones up to the first record
// of an unknown kind: docs/formats.md lists all. Strings are given decoded, values of other types as they stand in the file,
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
	d := newReader(r, size, s)
	if err := d.load(ctx, l); err != nil {
		return 0, err
	}
	return d.Offset(), nil
}

// load gives everything to l. What a Loader has no place for, and a store must not lose, is an error.
func (r *Reader) load(ctx context.Context, l snapshot.Loader) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r.ctx, r.progress = ctx, l.Progress
	for {
		rec, err := r.record()
		if err == io.EOF {
			l.Progress(r.in.offset(), r.in.size)
			return ctx.Err()
		}
		switch rec := rec.(type) {
		case *Entry:
			err = r.loadEntry(l, rec)
		case *Extra:
			err = l.Extra(rec.Extra)
		case *Sizes:
			l.Expect(rec.DB, rec.Keys, rec.Expires)
		}
		if err != nil {
			return err
		}
	}
}

func (r *Reader) loadEntry(l snapshot.Loader, e *Entry) error {
	if e.Meta != nil {
		return &UnsupportedError{e.Offset, "key metadata of a module (opcode 243)"}
	}
	if err := l.Load(e.Entry); err != nil {
		return r.refused(err)
	}
	return nil
}

// record reads the next record. What belongs to no record of its own is read on the way.
func (r *Reader) record() (Record, error) {
	if r.version.number == 0 {
		if err := r.magic(); err != nil {
			return nil, err
		}
	}
	for {
		if r.given { // to the caller, or to nobody: the next one has attributes of its own
			r.given, r.begun = false, false
			if r.attributes {
				r.attributes = false
				r.entry.ExpireAtMs, r.entry.Usage, r.entry.Meta = 0, Usage{}, nil
			}
		}
		r.in.hold()
		r.at = r.in.offset()
		b, err := r.in.byte()
		if err != nil {
			return nil, err
		}
		if b < opTemplate {
			wanted, err := r.key(b)
			if err != nil {
				return nil, err
			}
			if wanted {
				return &r.entry, nil
			}
			continue
		}
		if b == opEOF {
			if err := r.trailer(); err != nil {
				return nil, err
			}
			return nil, io.EOF
		}
		if rec, err := r.other(b); rec != nil || err != nil {
			return rec, err
		}
	}
}

func (r *Reader) magic() error {
	p, err := r.in.bytes(magicSize)
	if err != nil {
		return err
	}
	if r.version, err = parseMagic([magicSize]byte(p)); err != nil {
		return err
	}
	r.header.Version = r.version.String()
	if r.version.number < checksumSince {
		r.in.noSum = true
	}
	return nil
}

// trailer compares the checksum behind the end.
func (r *Reader) trailer() error {
	if r.version.number < checksumSince {
		return nil
	}
	r.in.sum()
	sum := r.in.crc
	r.in.noSum = true
	at := r.in.offset()
	p, err := r.in.bytes(8)
	if err != nil {
		return err
	}
	stored := binary.LittleEndian.Uint64(p)
	r.header.Checksum = stored != 0
	if stored != 0 && r.settings.checksum && stored != sum {
		return corrupt.New(at, "want the checksum %016x of what was read, found %016x", sum, stored)
	}
	return nil
}

// key reads a key and its value behind a type number, or passes over them when it is not wanted.
func (r *Reader) key(number byte) (wanted bool, err error) {
	t := r.version.typeOf(number)
	if number != typeString {
		if _, ok := kinds[t]; !ok {
			return false, r.unknown(number)
		}
	}
	r.attributed()
	r.given, r.sawKey = true, true
	key, err := r.in.str(&r.keyScratch, r.settings.maxValue)
	if err != nil {
		return false, err
	}
	e := &r.entry
	e.Type, e.ValueOffset = t, r.in.offset()
	r.keys++
	if r.settings.filter.on {
		e.Key, e.Value, e.Size = key.bytes(r.in), nil, 0
		if !r.settings.filter.wants(e) {
			return false, r.in.skip(layouts[t])
		}
	}
	if number == typeString {
		value, err := r.in.str(&r.scratch, r.settings.maxValue)
		if err != nil {
			return false, err
		}
		e.Value = value.bytes(r.in)
	} else if e.Value, err = r.value(t); err != nil {
		return false, err
	}
	e.Key = key.bytes(r.in) // the buffer may have moved
	e.Size = r.in.offset() - e.Offset
	return true, nil
}

// value reads a value that is passed on as it stands. Damage in it names the key by its number in
// the file, from 1.
func (r *Reader) value(t snapshot.Type) ([]byte, error) {
	at := r.in.offset()
	value, err := r.payload(t)
	if err == nil {
		if r.odd != nil && r.settings.validate && r.validator.odd != "" {
			r.odd(r.ofKey(t, corrupt.New(at, "%s", r.validator.odd)))
		}
		return value, nil
	}
	var damage *corrupt.Error
	if errors.As(err, &damage) && !damage.Torn {
		r.ofKey(t, damage)
	}
	return nil, err
}

// payload reads a value, to its last element or only to where it ends.
func (r *Reader) payload(t snapshot.Type) ([]byte, error) {
	if !r.settings.validate {
		return r.in.kept(layouts[t], r.settings.maxValue)
	}
	start := r.in.place()
	r.walker.start = start
	if err := r.validator.walk(&r.walker, t); err != nil {
		return nil, err
	}
	return r.in.between(start, r.in.place()), nil
}

// ofKey says in an error which key's value it is about.
func (r *Reader) ofKey(t snapshot.Type, e *corrupt.Error) *corrupt.Error {
	e.What = fmt.Sprintf("key %d, %s of type %d: %s", r.keys, TypeName(t), t.RDB(), e.What)
	return e
}

// refused is the error of the receiver of an entry. One about damage knows what, and not where.
func (r *Reader) refused(err error) error {
	var damage *corrupt.Error
	if errors.As(err, &damage) && damage.Offset == 0 {
		damage.Offset = r.at
	}
	return err
}

// other reads what is behind an opcode other than the end's. Attributes and the choice of a database
// are no record of their own.
func (r *Reader) other(op byte) (Record, error) {
	switch op {
	case opExpireMs, opExpire, opIdle, opFreq:
		return nil, r.attribute(op)
	case opSelectDB:
		n, err := r.in.length()
		if err == nil && n > math.MaxInt32 {
			err = corrupt.New(r.at, "want a database number, found %d", n)
		}
		r.entry.DB = int(n)
		return nil, err
	case opResizeDB:
		var n [2]int64
		if err := r.lengths(n[:]); err != nil {
			return nil, err
		}
		return &Sizes{snapshot.Count{DB: r.entry.DB, Keys: n[0], Expires: n[1]}}, nil
	case opSlotInfo:
		var n [3]int64
		if err := r.lengths(n[:]); err != nil {
			return nil, err
		}
		return &SlotInfo{n[0], n[1], n[2]}, nil
	case opAux:
		return r.aux()
	case opFunction, opModuleAux:
		return r.extra(op)
	case opSlotImport: // opKeyMeta of Redis
		if r.version.valkey {
			return r.slotImport()
		}
		if r.version.number >= keyMetaSince {
			return nil, r.meta()
		}
	}
	return nil, r.unknown(op)
}

// attributed notes where the record of the next key begins.
func (r *Reader) attributed() {
	if !r.begun {
		r.begun, r.entry.Offset = true, r.at
	}
}

// attribute reads what belongs to the next key.
func (r *Reader) attribute(op byte) (err error) {
	r.attributed()
	r.attributes = true
	e := &r.entry
	switch op {
	case opIdle:
		e.HasIdle = true
		e.Idle, err = r.in.length()
	case opFreq:
		e.HasFreq = true
		e.Freq, err = r.in.byte()
	case opExpire:
		p, err := r.in.bytes(4)
		if err != nil {
			return err
		}
		r.expireAt(int64(int32(binary.LittleEndian.Uint32(p))) * 1000)
	case opExpireMs:
		p, err := r.in.bytes(8)
		if err != nil {
			return err
		}
		if ms := int64(binary.LittleEndian.Uint64(p)); ms != -1 {
			r.expireAt(ms)
		} else {
			e.ExpireAtMs = 0
		}
	}
	return err
}

// meta keeps what modules say about the next key: a count, and for each a class of 4 bytes and
// pieces as a module's value has them.
func (r *Reader) meta() error {
	r.attributed()
	r.attributes = true
	meta, err := r.in.kept(layoutKeyMeta, r.settings.maxValue)
	r.entry.Meta = bytes.Clone(meta)
	return err
}

// expireAt notes an expiry. An Entry says 0 for none, so that the instant 0 becomes the next one.
func (r *Reader) expireAt(ms int64) {
	if ms == 0 {
		ms = 1
	}
	r.entry.ExpireAtMs = ms
}

// lengths fills n. One beyond int64 counts as the greatest.
func (r *Reader) lengths(n []int64) error {
	for i := range n {
		v, err := r.in.length()
		if err != nil {
			return err
		}
		n[i] = int64(min(v, math.MaxInt64))
	}
	return nil
}

// aux reads a field that describes the dump.
func (r *Reader) aux() (Record, error) {
	name, err := r.in.str(&r.keyScratch, r.settings.maxValue)
	if err != nil {
		return nil, err
	}
	value, err := r.in.str(&r.scratch, r.settings.maxValue)
	if err != nil {
		return nil, err
	}
	a := &Aux{string(name.bytes(r.in)), string(value.bytes(r.in))}
	r.header.add(a)
	return a, nil
}

// extra reads a function library or a module's data, which is passed on as it stands.
func (r *Reader) extra(op byte) (Record, error) {
	var payload []byte
	var err error
	if op == opModuleAux { // which has the form of a module's value
		payload, err = r.payload(typeModule)
	} else {
		start := r.in.place()
		_, err = r.in.str(&r.scratch, r.settings.maxValue)
		payload = r.in.between(start, r.in.place())
	}
	if err != nil {
		return nil, err
	}
	return &Extra{snapshot.Extra{Opcode: op, Payload: bytes.Clone(payload)}, r.at}, nil
}

// slotImport reads the state of a cluster's slot migration: job, ranges.
func (r *Reader) slotImport() (Record, error) {
	job, err := r.in.str(&r.scratch, r.settings.maxValue)
	if err != nil {
		return nil, err
	}
	s := &SlotImport{Job: bytes.Clone(job.bytes(r.in))}
	n, err := r.in.length()
	if err != nil {
		return nil, err
	}
	for range n {
		r.in.hold()
		var ends [2]int64
		if err := r.lengths(ends[:]); err != nil {
			return nil, err
		}
		s.Ranges = append(doubled(s.Ranges), SlotRange{ends[0], ends[1]})
	}
	return s, nil
}

// unknown is the error for a type or opcode that is not read. It says what it is where that is
// known; otherwise a file of a known version is damaged, and a newer one is newer.
func (r *Reader) unknown(b byte) error {
	what := ""
	switch {
	case b == typeModuleOld && !r.version.valkey && r.version.number <= 8:
		what = "a module value of before Redis 4.0 (type 6), which does not tell where it ends"
	case b == opFunctionOld && !r.version.valkey && r.version.number == 10:
		what = "a function of a Redis 7.0 release candidate (opcode 246)"
	case r.version.valkey && b == opUpdate:
		what = "an update of a forkless Valkey snapshot (opcode 242)"
	case r.version.newer() && !r.version.valkey && (b == opTemplate || b >= 29 && b <= 32):
		what = fmt.Sprintf("a hash template (%d)", b)
	case r.version.newer() && !r.version.valkey && b == 33:
		what = "a rate limiter (type 33)"
	case r.version.newer() || r.version.valkey && b < opTemplate:
		what = fmt.Sprintf("type or opcode %d of %v", b, r.version)
	default:
		return corrupt.New(r.at, "want a type or an opcode, found %d", b)
	}
	return &UnsupportedError{r.at, what}
}
