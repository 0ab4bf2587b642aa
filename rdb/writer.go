package rdb

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/perduredb/perdure/snapshot"
)

// Writer writes a dump record by record: the way for tools, and the other side of a Reader. Encode
// writes the data set of a store, by the same means.
//
// What it is given it writes in that order, and keeps nothing of it. It belongs to one goroutine at
// a time.
type Writer struct {
	*output
	version version
	db      int // the database that was named last; -1 at first
	keys    int64
	err     error // what writing failed with; nothing is written any more
}

// errClosed is the error of a Writer behind its Close.
var errClosed = errors.New("rdb: the Writer is closed")

// NewWriter returns a Writer of a dump to w. The version stands at the head of a dump and must be known
// before the first entry: it is that of Version, or else the lowest from 9 on that has the types that
// Holding tells of. The default is 9, which has the types up to 15. Nothing is written yet.
//
// Options: Version, Holding, Compression, Checksum. The error is ErrOption, or an *UnsupportedError
// for types that no version has together.
func NewWriter(w io.Writer, opts ...Option) (*Writer, error) {
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

// Version returns the number of the format version that is written.
func (w *Writer) Version() int { return w.version.number }

// Write writes a record as a Reader gives it. Of an *Entry that is DB, Type, Key, Value, ExpireAtMs,
// Usage and Meta; the database is named when it changes. A *SlotInfo, which is a hint only, is left
// out of versions that do not know it (below 12).
//
// What the version does not have, a function library before 10 for one, is an *UnsupportedError that names it; it writes nothing, and the Writer
// goes on. An error of w ends it: all calls return it then.
//
// Write checks no payload: DecodeValue does.
func (w *Writer) Write(rec Record) error {
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

// WriteValue writes a key with a typed value: e without its Type and Value, and v in their place, in a
// form that the version has. See EncodeValue for the forms, and for what cannot be said in them.
func (w *Writer) WriteValue(e *Entry, v Value) error {
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

// Close writes the end and the checksum, and describes the dump; its Time and Name are not set. It
// does not close what is written to. Behind it nothing can be written.
func (w *Writer) Close() (snapshot.Info, error) {
	if w.err != nil {
		return snapshot.Info{}, w.err
	}
	if err := w.end(); err != nil {
		return snapshot.Info{}, w.failed(err)
	}
	w.err = errClosed
	return snapshot.Info{Size: w.done, Keys: w.keys, Version: w.version.String()}, nil
}

// failed notes an error of writing.
func (w *Writer) failed(err error) error {
	w.err = err
	return err
}

// at gives an error about what is not supported its place.
func (w *Writer) at(err error) error {
	if e, ok := err.(*UnsupportedError); ok {
		e.Offset = w.done + int64(len(w.buf))
	}
	return err
}

// unsupported is the error for what the version does not have.
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
	write := w.raw
	if x.Type == snapshot.String {
		write = w.str
	}
	if err := write(x.Value); err != nil {
		return w.failed(err)
	}
	return nil
}

// attributes writes what stands before the type of a key, and makes room for the type and what
// stands before the bytes of the key.
func (w *Writer) attributes(expireAtMs int64, u Usage, meta []byte) error {
	if err := w.room(1 + 8 + 1 + 9 + 1 + 1 + 1 + 1 + maxHead); err != nil {
		return err
	}
	if ms := expireAtMs; ms != 0 {
		if ms == -1 {
			ms = -2 // -1 would be none; this instant is as far gone
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

// fits checks a type against the version.
func (w *Writer) fits(t snapshot.Type) error {
	if t == snapshot.String || w.version.has(t) {
		return nil
	}
	return w.unsupported(fmt.Sprintf("%s (type %d)", TypeName(t), t.RDB()))
}

// selectDB names the database of what follows, unless it was the last one to be named.
func (w *Writer) selectDB(db int) error {
	if db < 0 {
		return fmt.Errorf("rdb: database number %d", db)
	}
	if db == w.db {
		return nil
	}
	w.db = db
	return w.lengths(opSelectDB, int64(db))
}

// sizes writes how much the present database holds.
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

// extra writes a record that belongs to no key as it stands.
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

// slotImport writes a slot migration, which only Valkey's dumps have.
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

// end writes the end, and the checksum of all before it or zeros.
func (w *Writer) end() error {
	if err := w.room(1); err != nil {
		return err
	}
	w.buf = append(w.buf, opEOF)
	if err := w.flush(); err != nil {
		return err
	}
	w.overlap = false
	if err := w.settle(); err != nil {
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
