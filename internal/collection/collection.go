// Package collection implements hashes, sets, lists, and sorted sets over their stored form: the
// bytes of a record of the table. An operation reads stored bytes, and a change yields new ones.
//
// The stored form is a type and a value of an RDB file, uncompressed, so that saving it is a copy.
// A collection that was loaded in another form of its type is converted when it is opened.
//
// The first error ends a collection: its methods then do nothing, and Err returns the error.
package collection

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/perduredb/perdure/internal/listpack"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// The types of the stored forms, whose numbers are those of RDB files.
const (
	typeIntset    = 11 // a set of integers: a string that holds an intset
	typeHash      = 16 // a string that holds a listpack of fields and values
	typeSortedSet = 17 // a string that holds a listpack of members and scores, by score and member
	typeList      = 18 // nodes; here one, which holds a listpack
	typeSet       = 20 // a string that holds a listpack

	typePlainSet = 2 // a count, and strings
)

// listHead is the start of the value of a list with one node: the count, and the form of the node.
const listHead = "\x01\x02"

// typeSize is the size of the type at the start of a stored form, in little-endian order.
const typeSize = 2

// Type returns the type of a stored value in an RDB file.
func Type(stored []byte) snapshot.Type {
	return snapshot.Type(binary.LittleEndian.Uint16(stored) &^ largeMark)
}

// Valid reports whether a type can be that of a value in an RDB file.
func Valid(t snapshot.Type) bool { return t&largeMark == 0 }

// Value returns a stored value without its type.
func Value(stored []byte) []byte { return stored[typeSize:] }

// AppendStored appends the stored form of a value of an RDB file.
func AppendStored(dst []byte, t snapshot.Type, value []byte) []byte {
	dst = binary.LittleEndian.AppendUint16(dst, uint16(t))
	return append(dst, value...)
}

// ErrFieldExpiry is the error for a hash with fields that expire.
var ErrFieldExpiry = errors.New("fields of the hash expire, which is not supported")

// text is room for the decimal form of an integer.
type text [20]byte

func (t *text) of(e listpack.Element) []byte {
	if e.IsInt {
		return e.Append(t[:0])
	}
	return e.Bytes
}

// damage returns the error for a stored value that is damaged.
func damage(err error) error { return fmt.Errorf("the stored value is damaged: %w", err) }

// decode decodes a value that is not in the stored form.
func decode[V rdb.Value](stored []byte) (v V, err error) {
	value, err := rdb.DecodeValue(Type(stored), Value(stored), rdb.Validate(false))
	if err != nil {
		return v, damage(err)
	}
	v, ok := value.(V)
	if !ok {
		return v, damage(fmt.Errorf("want a %T, found a %T", v, value))
	}
	return v, nil
}

// unwrap returns the contents of a string in the stored form.
func unwrap(p []byte) (s []byte, ok bool) {
	head, n := 0, uint64(0)
	switch {
	case len(p) > 1 && p[0] < 0x40:
		head, n = 1, uint64(p[0])
	case len(p) > 2 && p[0] < 0x80:
		head, n = 2, uint64(p[0]&0x3f)<<8|uint64(p[1])
	case len(p) > 5 && p[0] == 0x80:
		head, n = 5, uint64(binary.BigEndian.Uint32(p[1:]))
	default:
		return nil, false
	}
	if n != uint64(len(p)-head) {
		return nil, false
	}
	return p[head:], true
}

// appendWrapped appends s as a string of an RDB file.
func appendWrapped(dst, s []byte) []byte { return append(appendLength(dst, len(s)), s...) }

// appendLength appends a length of an RDB file.
func appendLength(dst []byte, n int) []byte {
	switch {
	case n < 1<<6:
		return append(dst, byte(n))
	case n < 1<<14:
		return append(dst, 0x40|byte(n>>8), byte(n))
	}
	return binary.BigEndian.AppendUint32(append(dst, 0x80), uint32(n))
}

// IsStored reports whether a value is in the stored form of a collection.
func IsStored(value []byte) bool {
	if IsLarge(value) {
		return true
	}
	p := Value(value)
	switch Type(value) {
	case typeList:
		if len(p) < len(listHead) || string(p[:len(listHead)]) != listHead {
			return false
		}
		p = p[len(listHead):]
	case typeIntset, typeHash, typeSortedSet, typeSet:
	default:
		return false
	}
	_, ok := unwrap(p)
	return ok
}

// Convert returns the stored form of a collection in any encoding.
func Convert(env Env, value []byte) ([]byte, error) {
	switch rdb.TypeName(Type(value)) {
	case "hash":
		h, err := OpenHash(env, value)
		return converted(&h, err)
	case "set":
		s, err := OpenSet(env, value)
		return converted(&s, err)
	case "list":
		l, err := OpenList(env, value)
		return converted(&l, err)
	case "zset":
		z, err := OpenSortedSet(env, value)
		return converted(&z, err)
	}
	return nil, errors.New("not a collection")
}

// converted returns the stored form of an opened collection, or drops it after an error.
func converted(c interface {
	Stored() []byte
	Err() error
	Discard()
}, err error) ([]byte, error) {
	if err = cmp.Or(err, c.Err()); err != nil {
		c.Discard()
		return nil, err
	}
	return c.Stored(), nil
}

// Since returns the type of a collection in an RDB file of any version since 9 or, for the types of
// a hash, a sorted set, and a list, since 10. See Portable.
func Since(t snapshot.Type) snapshot.Type {
	if t == typeSet {
		return typePlainSet
	}
	return t
}

// Portable returns a value of type t as a value of type Since(t). It may allocate.
func Portable(t snapshot.Type, value []byte) (snapshot.Type, []byte) {
	if t != typeSet {
		return t, value
	}
	s, err := OpenSet(Env{}, AppendStored(nil, t, value))
	p := appendLength(make([]byte, 0, len(value)), s.Len())
	for m := range s.All() {
		p = appendWrapped(p, m)
	}
	if err != nil || s.Err() != nil {
		return t, value // the caller reports damage
	}
	return typePlainSet, p
}
