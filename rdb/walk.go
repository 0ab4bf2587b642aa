package rdb

import (
	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/snapshot"
)

// Values after the key, by type number; n is a length, s a string, z a string that contains a
// packed form (packed.go), f8 eight bytes:
//
//	1 list, 2 set      n s*n
//	3 zset             n (s textdouble)*n    textdouble: size (253 nan, 254 inf, 255 -inf), text
//	4 hash             n (s s)*n
//	5 zset             n (s f8)*n
//	7 module           id (opcode value)* 0  opcodes: 1, 2 n; 3 four bytes; 4 f8; 5 s
//	9-13, 16, 17, 20   z
//	14 list            n z*n
//	18 list            n (container s)*n     container: 1 s is an element, 2 s is a listpack
//	15, 19, 21, 26, 27 stream (walkstream.go)
//	22 hash, Redis     n (ttl s s)*n
//	23 hash, Redis     z
//	24 hash            f8 n (ttl s s)*n
//	25 hash            f8 z
//	28 array           n flag [index] (index tag v)*n   tag: 0, 3 s; 1, 2 f8; flag 1: index follows
//	22 hash, Valkey    n (s s f8)*n
//
// A walker never gets types 0 and 6. A string is decoded directly, and type 6 has no end marker.

// walker reads one value to its last element and passes its contents to a visitor. The bytes of the
// value stay held from start.
type walker struct {
	r       *input
	start   int   // place of the start of the value
	limit   int64 // maximum bytes of the value and of each string in it
	visitor visitor

	// The fields below are not on the stack, so a value costs no allocation.

	first, second   []byte // for strings in other encodings than plain bytes
	digits, digits2 digits // for integers
	pack            pack   // the listpack or ziplist being read
	ttlBase         int64  // base of the lifetimes of a hash's fields

	nodes  int      // number of listpacks of a stream
	master StreamID // first id of the current listpack
	entry  StreamEntry

	group  StreamGroup    // the present one
	owners []bool         // by pending entry of group: it has a consumer
	one    StreamConsumer // the present consumer

	idem     Idempotence
	producer StreamProducer // the present one
}

// visitor receives the contents of a value in order. Slices are valid only during the call. A *flaw
// that a visitor returns becomes damage at the offset of the item it was passed; other errors are
// returned unchanged.
type visitor interface {
	element(p []byte) error               // of a list, or of an intset
	member(p []byte, score float64) error // of a sorted set, or of a set, with score 0
	field(name, value []byte, expireAtMs int64) error
	entry(e *StreamEntry) error
	streamHead(h *streamHead) error
	group(g *StreamGroup) error
	idempotence(x *Idempotence) error
	module(id uint64) error
	piece(p modulePiece) error
	arrayHead(insert uint64, hasInsert bool) error
	slot(index uint64, p modulePiece) error
}

// value walks a value of type t, which must be in kinds.
func (w *walker) value(t snapshot.Type) error {
	switch t {
	case typeList:
		return w.each((*walker).listElement)
	case typeSet:
		return w.each((*walker).setMember)
	case typeHash:
		return w.each((*walker).hashField)
	case typeZSet:
		return w.each((*walker).scored)
	case typeZSetText:
		return w.each((*walker).textScored)
	case typeModule:
		return w.module()
	case typeQuicklist:
		return w.each(func(w *walker) error { return w.packed((*walker).ziplistElements) })
	case typeQuicklist2:
		return w.each((*walker).quicklistNode)
	case typeStream, typeStream2, typeStream3, typeStream4, typeStream5:
		return w.stream(t)
	case typeHashTTLOld:
		w.ttlBase = 0
		return w.each((*walker).ttlField)
	case typeHashTTL:
		return w.hashTTL()
	case typeHashTTLLP:
		if _, err := w.r.bytes(8); err != nil { // the first expiry, which the field repeats
			return err
		}
		return w.packed((*walker).listpackTTLFields)
	case typeArray:
		return w.array()
	case typeValkeyHashTTL:
		return w.each((*walker).valkeyField)
	}
	return w.packed(packedForms[t])
}

// packedForms contains the types that are one packed form, with the function that reads it.
var packedForms = [...]func(w *walker, p []byte) error{
	typeHashZipmap:   (*walker).zipmapFields,
	typeListZiplist:  (*walker).ziplistElements,
	typeSetIntset:    (*walker).intsetMembers,
	typeZSetZiplist:  func(w *walker, p []byte) error { return w.scores(w.ziplist(p)) },
	typeHashZiplist:  func(w *walker, p []byte) error { return w.fields(w.ziplist(p)) },
	typeHashListpack: func(w *walker, p []byte) error { return w.fields(w.listpack(p)) },
	typeZSetListpack: func(w *walker, p []byte) error { return w.scores(w.listpack(p)) },
	typeSetListpack:  func(w *walker, p []byte) error { return w.members(w.listpack(p)) },
	typeHashTTLLPOld: (*walker).listpackTTLFields,
}

// withOffset sets the offset of an error that the visitor returned for the item at that offset.
func (w *walker) withOffset(at int64, err error) error {
	if f, ok := err.(*flaw); ok {
		return corrupt.New(at, "%s", f.what)
	}
	return err
}

// each reads a count and walks that many elements. Every element takes at least one byte, so a
// wrong count ends at the end of the input.
func (w *walker) each(element func(*walker) error) error {
	n, err := w.r.length()
	if err != nil {
		return err
	}
	for range n {
		if err := element(w); err != nil {
			return err
		}
		if err := w.within(); err != nil {
			return err
		}
	}
	return nil
}

// within returns an error if the value so far is longer than the limit.
func (w *walker) within() error {
	if n := int64(w.r.place() - w.start); n > w.limit {
		return w.r.overLimit(w.r.offset(), uint64(n), w.limit)
	}
	return nil
}
