package rdb

import (
	"errors"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/errtext"
	"github.com/perduredb/perdure/snapshot"
)

// A Value is a decoded value: a [String], [*List], [*Set], [*Hash], [*SortedSet], [*Stream],
// [*Module], or [*Array].
//
// A Value references the payload that it was decoded from, which therefore must not change.
// Compressed parts are decompressed on access. Any number of goroutines may read a Value.
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

// DecodeValue decodes a value of type t. payload is as in Entry.Value: the bytes of a string, or
// the bytes after the key in a dump. DecodeValue reads and checks the whole payload, so the loops
// of the Value that it returns meet no error.
//
// Damage is reported as a [*CorruptError] with the offset within payload. In addition to unreadable
// data, damage is: a count, size, or length that differs from the data; an integer set out of
// order; a member, field, group, or consumer that occurs twice; a score that is not a number; a
// stream whose pending entries do not match its consumers. With Validate(true), the default, a
// value that a server loads but never writes is also damage: an empty list, set, hash, or sorted
// set, and a stream whose ids do not ascend or whose last id is before its last entry.
//
// DecodeValue returns an [*UnsupportedError] for a type without a Value; see docs/formats.md.
// Options: [MaxValue], [Validate]. The Value retains payload. Apart from payload, DecodeValue
// allocates at most 1 MiB plus 128 bytes per byte of payload, no matter how much is compressed in
// it. Any number of goroutines may call it.
func DecodeValue(t snapshot.Type, payload []byte, opts ...Option) (value Value, err error) {
	defer errtext.Name(&err)
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

// newValue returns an empty Value for a type.
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

// view is a checked payload with the number of its elements.
type view struct {
	t       snapshot.Type
	payload []byte
	limit   int64
	n       int
}

// errStop ends a walk after its loop has ended.
var errStop = errors.New("stop")

// stopUnless returns nil if on is true. Otherwise it returns the error that a visitor returns to
// end the walk.
func stopUnless(on bool) error {
	if on {
		return nil
	}
	return errStop
}

// walk passes the contents of the payload to x. The only possible error is errStop, because the
// payload was read completely before.
func (v *view) walk(x visitor) {
	w := walker{r: memoryReader(v.payload), limit: v.limit, visitor: x}
	_ = w.value(v.t)
}

// deaf is a visitor that ignores everything.
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

// decoded is the visitor that records the parts of a value other than its elements.
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

// finish sets the fields that describe the stream.
func (d *decoded) finish(s *Stream, v *validator) {
	s.n, s.nodesEnd = v.n, d.head.nodesEnd
	s.Length = d.head.length
	s.LastID, s.FirstID, s.MaxDeletedID = d.head.lastID, d.head.firstID, d.head.maxDeletedID
	s.EntriesAdded = d.head.added
	if s.t < typeStream2 {
		s.FirstID = v.firstID
	}
}
