package rdb

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/perduredb/perdure/internal/errtext"
	"github.com/perduredb/perdure/snapshot"
)

// A Writer writes a dump record by record; it is the counterpart of a [Reader] and is meant for
// tools. [Encode] writes the data set of a store by the same means.
//
// A Writer writes records in call order and retains none of its arguments. It is not safe for
// concurrent use.
type Writer struct {
	*output
	version version
	db      int // the database selected last; initially -1
	keys    int64
	err     error // sticky error; nothing more is written
}

// errClosed is the error of a Writer after Close.
var errClosed = fmt.Errorf("perdure: rdb.Writer: %w", fs.ErrClosed)

// NewWriter returns a Writer of a dump to w. It writes nothing yet. The version is in the header of
// a dump and must be known before the first entry. It is that of [Version], or else the lowest from
// 9 on that has the types of [Holding]. The default is 9, which has the types up to 15.
//
// Options: [Version], [Holding], [Compression], [Checksum]. NewWriter returns an error matching
// [ErrOption] if an option is not allowed, or an [*UnsupportedError] if no version has all the
// types.
func NewWriter(w io.Writer, opts ...Option) (out *Writer, err error) {
	defer errtext.Name(&err)
	s := defaults()
	if err := s.set(forWriter, opts...); err != nil {
		return nil, err
	}
	v, err := chooseVersion(s.version, s.holding)
	if err != nil {
		return nil, err
	}
	return newWriter(context.Background(), w, s, v), nil
}

func newWriter(ctx context.Context, w io.Writer, s settings, v version) *Writer {
	out := &Writer{output: newOutput(ctx, w, s), version: v, db: -1}
	out.buf = v.append(out.buf)
	return out
}

// Version returns the number of the format version being written.
func (w *Writer) Version() int { return w.version.number }

// Write writes a record as a [Reader] yields it. From an [*Entry] it writes DB, Type, Key, Value,
// ExpireAtMs, Usage, and Meta; it selects the database when the database changes. It omits a
// [*SlotInfo], which is only a hint, from versions that do not have it (below 12).
//
// Write returns an [*UnsupportedError] for data that the version does not have, such as a function
// library before 10. It then writes nothing, and the Writer remains usable. After an error of w,
// all calls return that error.
//
// Write does not check payloads; [DecodeValue] does.
func (w *Writer) Write(rec Record) (err error) {
	defer errtext.Name(&err)
	if w.err != nil {
		return w.err
	}
	switch rec := rec.(type) {
	case *Entry:
		return w.entry(&rec.Entry, rec.Usage, rec.Meta)
	case *Aux:
		return w.aux(rec)
	case *Sizes:
		if err := w.selectDB(rec.DB); err != nil {
			return err
		}
		return w.sizes(rec.Count)
	case *Extra:
		return w.extra(rec.Extra)
	case *SlotInfo:
		if w.version.number < slotInfoSince {
			return nil
		}
		return w.lengths(opSlotInfo, rec.Slot, rec.Keys, rec.Expires)
	case *SlotImport:
		return w.slotImport(rec)
	}
	return w.unsupported(fmt.Sprintf("a %T", rec))
}

// WriteValue writes a key with a typed value: e with v instead of its Type and Value, in a form
// that the version has. See [EncodeValue] for the forms and for the data that they cannot
// represent.
func (w *Writer) WriteValue(e *Entry, v Value) (err error) {
	defer errtext.Name(&err)
	if w.err != nil {
		return w.err
	}
	t, payload, err := EncodeValue(v, w.version.number)
	if err != nil {
		return w.at(err)
	}
	x := e.Entry
	x.Type, x.Value = t, payload
	return w.entry(&x, e.Usage, e.Meta)
}

// Close writes the end record and checksum and returns a description of the dump, without Time and
// Name. It does not close the underlying writer. After Close, the Writer writes nothing more.
func (w *Writer) Close() (info snapshot.Info, err error) {
	defer errtext.Name(&err)
	if w.err != nil {
		return snapshot.Info{}, w.err
	}
	if err := w.end(); err != nil {
		return snapshot.Info{}, w.failed(err)
	}
	w.err = errClosed
	return snapshot.Info{Size: w.done, Keys: w.keys, Version: w.version.String()}, nil
}

// failed records a write error as sticky and returns it.
func (w *Writer) failed(err error) error {
	w.err = errtext.Named(err)
	return w.err
}

// at sets the offset of an error about unsupported data.
func (w *Writer) at(err error) error {
	var e *UnsupportedError
	if errors.As(err, &e) {
		e.Offset = w.done + int64(len(w.buf))
	}
	return err
}

// unsupported returns the error for data that the version does not have.
func (w *Writer) unsupported(what string) error {
	return w.at(&UnsupportedError{What: fmt.Sprintf("writing %s in %v", what, w.version)})
}

// entry writes one key.
func (w *Writer) entry(x *snapshot.Entry, u Usage, meta []byte) error {
	if err := w.fits(x.Type); err != nil {
		return err
	}
	if meta != nil && (w.version.valkey || w.version.number < keyMetaSince) {
		return w.unsupported("key metadata of a module (opcode 243)")
	}
	if err := w.selectDB(x.DB); err != nil {
		return err
	}
	if err := w.attributes(x.ExpireAtMs, u, meta); err != nil {
		return w.failed(err)
	}
	w.buf = append(w.buf, x.Type.RDB())
	if err := w.str(x.Key); err != nil {
		return w.failed(err)
	}
	w.keys++
	if err := w.value(x); err != nil {
		return w.failed(err)
	}
	return nil
}

// value writes the value of an entry.
func (w *Writer) value(x *snapshot.Entry) error {
	switch {
	case x.Type == snapshot.String:
		return w.str(x.Value)
	case x.Pieces == nil:
		return w.raw(x.Value)
	}
	for p := range x.Pieces {
		if err := w.raw(p); err != nil {
			return err
		}
	}
	return nil
}

// attributes writes the attributes that precede the type of a key. It also makes room for the type
// and for the header of the key's string.
func (w *Writer) attributes(expireAtMs int64, u Usage, meta []byte) error {
	if err := w.room(1 + 8 + 1 + 9 + 1 + 1 + 1 + 1 + maxHead); err != nil {
		return err
	}
	if ms := expireAtMs; ms != 0 {
		if ms == -1 {
			ms = -2 // -1 would mean no expiry; -2 is equally in the past
		}
		w.buf = append(w.buf, opExpireMs)
		w.buf = binary.LittleEndian.AppendUint64(w.buf, uint64(ms))
	}
	if u.HasIdle {
		w.buf = append(w.buf, opIdle)
		w.buf = appendLength(w.buf, u.Idle)
	}
	if u.HasFreq {
		w.buf = append(w.buf, opFreq, u.Freq)
	}
	if meta == nil {
		return nil
	}
	w.buf = append(w.buf, opKeyMeta)
	if err := w.raw(meta); err != nil {
		return err
	}
	return w.room(1 + maxHead)
}

// fits returns an error if the version does not have type t.
func (w *Writer) fits(t snapshot.Type) error {
	if t == snapshot.String || w.version.has(t) {
		return nil
	}
	return w.unsupported(fmt.Sprintf("%s (type %d)", TypeName(t), t.RDB()))
}

// selectDB writes the database of the following records, unless it was the last one written.
func (w *Writer) selectDB(db int) error {
	if db < 0 {
		return fmt.Errorf("want a database number of at least 0, got %d", db)
	}
	if db == w.db {
		return nil
	}
	w.db = db
	return w.lengths(opSelectDB, int64(db))
}

// sizes writes the numbers of keys in the current database.
func (w *Writer) sizes(c snapshot.Count) error { return w.lengths(opResizeDB, c.Keys, c.Expires) }

// lengths writes an opcode and lengths.
func (w *Writer) lengths(op byte, n ...int64) error {
	if err := w.room(1 + 9*len(n)); err != nil {
		return w.failed(err)
	}
	w.buf = append(w.buf, op)
	for _, v := range n {
		w.buf = appendLength(w.buf, uint64(max(v, 0)))
	}
	return nil
}

// aux writes a field that describes the dump.
func (w *Writer) aux(a *Aux) error {
	if err := w.room(1); err != nil {
		return w.failed(err)
	}
	w.buf = append(w.buf, opAux)
	for _, s := range [...]string{a.Name, a.Value} {
		if err := w.str([]byte(s)); err != nil {
			return w.failed(err)
		}
	}
	return nil
}

// extra writes a record that belongs to no key, byte for byte.
func (w *Writer) extra(x snapshot.Extra) error {
	if x.Opcode != opFunction && x.Opcode != opModuleAux {
		return w.unsupported(fmt.Sprintf("a record of opcode %d", x.Opcode))
	}
	if x.Opcode == opFunction && w.version.number < functionSince {
		return w.unsupported("a function library (opcode 245)")
	}
	if err := w.room(1); err != nil {
		return w.failed(err)
	}
	w.buf = append(w.buf, x.Opcode)
	if err := w.raw(x.Payload); err != nil {
		return w.failed(err)
	}
	return nil
}

// slotImport writes a slot migration, which exists only in Valkey's dumps.
func (w *Writer) slotImport(s *SlotImport) error {
	if !w.version.valkey {
		return w.unsupported("a slot import (opcode 243)")
	}
	if err := w.room(1); err != nil {
		return w.failed(err)
	}
	w.buf = append(w.buf, opSlotImport)
	if err := w.str(s.Job); err != nil {
		return w.failed(err)
	}
	if err := w.room(9); err != nil {
		return w.failed(err)
	}
	w.buf = appendLength(w.buf, uint64(len(s.Ranges)))
	for _, r := range s.Ranges {
		if err := w.room(2 * 9); err != nil {
			return w.failed(err)
		}
		w.buf = appendLength(appendLength(w.buf, uint64(r.First)), uint64(r.Last))
	}
	return nil
}

// end writes the end record and the checksum of everything before it, or zeros.
func (w *Writer) end() error {
	if err := w.room(1); err != nil {
		return err
	}
	w.buf = append(w.buf, opEOF)
	if err := w.flush(); err != nil {
		return err
	}
	w.overlap = false
	if err := w.flushAll(); err != nil {
		return err
	}
	sum := w.crc
	w.noSum = true
	w.buf = binary.LittleEndian.AppendUint64(w.buf, sum)
	if err := w.flush(); err != nil {
		return err
	}
	return w.ctx.Err()
}
