package rdb

import (
	"errors"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/snapshot"
)

// Value is a decoded value: one of String, *List, *Set, *Hash, *SortedSet, *Stream, *Module, *Array.
//
// It reads the payload that it was decoded from, which must therefore stay as it is; what is
// compressed in there is decompressed as it is asked for. Any number of goroutines may read it.
type Value interface {
	isValue()
}

// String is the value of a string.
type String []byte

func (String) isValue()     {}
func (*List) isValue()      {}
func (*Set) isValue()       {}
func (*Hash) isValue()      {}
func (*SortedSet) isValue() {}
func (*Stream) isValue()    {}
func (*Module) isValue()    {}
func (*Array) isValue()     {}

// DecodeValue decodes a value of type t, whose payload is what Entry.Value holds: the bytes of a
// string, or what stands in a dump behind the key. It reads the whole payload and checks all of
// it, so that the loops of the Value that it returns meet no error.
//
// Damage is a *CorruptError with the offset within payload. Damage is, besides what cannot be
// read: a count, size or length that is not that of what is there; an integer set out of order;
// a member, field, group or consumer that occurs twice; a score that is not a number; a stream
// whose pending entries do not fit its consumers; and with Validate(true), which is the default,
// what a server loads but never writes: an empty list, set, hash or sorted set, and a stream whose
// ids do not ascend or whose last id is before its last entry.
//
// A type that has no Value here is an *UnsupportedError: see docs/formats.md. Options: MaxValue,
// Validate. The Value keeps payload; besides it no more is allocated than 128 bytes for each of
// its bytes, however much is compressed in there, and 1 MiB. It may run in any number of
// goroutines.
func DecodeValue(t snapshot.Type, payload []byte, opts ...Option) (Value, error) {
	s := defaults()
	if err := s.set(forValue, opts...); err != nil {
		return nil, err
	}
	if t == typeString {
		return String(payload), nil
	}
	if _, ok := kinds[t]; !ok {
		return nil, &UnsupportedError{What: "decoding " + TypeName(t)}
	}
	d := &decoded{value: newValue(t, view{t: t, payload: payload, limit: s.maxValue})}
	v := newValidator(d)
	v.strict = s.validate
	w := walker{r: memoryReader(payload), limit: s.maxValue, visitor: v}
	if err := v.walk(&w, t); err != nil {
		return nil, err
	}
	if rest := len(payload) - w.r.pos; rest > 0 {
		return nil, corrupt.New(w.r.offset(), "want the end of the value, found %d more bytes", rest)
	}
	switch x := d.value.(type) {
	case *Stream:
		d.finish(x, v)
	case *List:
		x.n = v.n
	case *Set:
		x.n = v.n
	case *Hash:
		x.n = v.n
	case *SortedSet:
		x.n = v.n
	case *Module:
		x.n = v.n
	case *Array:
		x.n = v.n
	}
	return d.value, nil
}

// newValue returns the Value for a type, still empty.
func newValue(t snapshot.Type, v view) Value {
	switch kinds[t].name {
	case "list":
		return &List{v}
	case "set":
		return &Set{v}
	case "hash":
		return &Hash{v}
	case "zset":
		return &SortedSet{v}
	case "stream":
		return &Stream{view: v}
	case "array":
		return &Array{view: v}
	}
	return &Module{view: v}
}

// view is a payload, checked, with how many elements are in it.
type view struct {
	t       snapshot.Type
	payload []byte
	limit   int64
	n       int
}

// errStop ends a walk whose loop has ended.
var errStop = errors.New("rdb: stop")

// goOn is the error that a visitor returns when the loop it serves has ended.
func goOn(on bool) error {
	if on {
		return nil
	}
	return errStop
}

// walk tells x what is in the payload. There is no error but errStop: all was read before.
func (v *view) walk(x visitor) {
	w := walker{r: memoryReader(v.payload), limit: v.limit, visitor: x}
	_ = w.value(v.t)
}

// deaf is a visitor that wants to know nothing.
type deaf struct{}

func (deaf) element([]byte) error             { return nil }
func (deaf) member([]byte, float64) error     { return nil }
func (deaf) field(_, _ []byte, _ int64) error { return nil }
func (deaf) entry(*StreamEntry) error         { return nil }
func (deaf) streamHead(*streamHead) error     { return nil }
func (deaf) group(*StreamGroup) error         { return nil }
func (deaf) module(uint64) error              { return nil }
func (deaf) piece(modulePiece) error          { return nil }
func (deaf) idempotence(*Idempotence) error   { return nil }
func (deaf) arrayHead(uint64, bool) error     { return nil }
func (deaf) slot(uint64, modulePiece) error   { return nil }

// decoded keeps what is told of a value besides its elements.
type decoded struct {
	deaf
	value Value
	head  streamHead
}

func (d *decoded) streamHead(h *streamHead) error {
	d.head = *h
	return nil
}

func (d *decoded) group(g *StreamGroup) error {
	s := d.value.(*Stream)
	s.Groups = append(doubled(s.Groups), *g)
	return nil
}

func (d *decoded) module(id uint64) error {
	m := d.value.(*Module)
	m.Name, m.Version = moduleName(id)
	return nil
}

func (d *decoded) idempotence(x *Idempotence) error {
	own := *x
	d.value.(*Stream).Idempotence = &own
	return nil
}

func (d *decoded) arrayHead(insert uint64, hasInsert bool) error {
	a := d.value.(*Array)
	a.Insert, a.HasInsert = insert, hasInsert
	return nil
}

// finish sets what a stream says about itself.
func (d *decoded) finish(s *Stream, v *validator) {
	s.n, s.nodesEnd = v.n, d.head.nodesEnd
	s.Length = d.head.length
	s.LastID, s.FirstID, s.MaxDeletedID = d.head.lastID, d.head.firstID, d.head.maxDeletedID
	s.EntriesAdded = d.head.added
	if s.t < typeStream2 {
		s.FirstID = v.firstID
	}
}
