// Package collection implements hashes, sets, lists, and sorted sets over their stored form: the
// bytes of a record of the table. An operation reads stored bytes, and a change yields new ones.
//
// The stored form is a type and a value of an RDB file, uncompressed, without what follows from the
// rest of it. A collection that was loaded in another form of its type is converted when it is
// opened.
//
// The first error ends a collection: its methods then do nothing, and Err returns the error.
package collection

import (
	"cmp"
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
	value, err := rdb.DecodeValue(Type(stored), Value(nil, stored), rdb.Validate(false))
	if err != nil {
		return v, damage(err)
	}
	v, ok := value.(V)
	if !ok {
		return v, damage(fmt.Errorf("want a %T, found a %T", v, value))
	}
	return v, nil
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
