package perdure

import (
	"bytes"
	"iter"

	"github.com/perduredb/perdure/internal/resp"
)

// A Hash is the name of a hash: a map from fields to values under one key. [Store.HashAt] and
// [Tx.HashAt] return one. Each method finds the key anew. A missing key is an empty hash, Set
// creates it, and the deletion of its last field deletes it.
//
// The methods return [ErrWrongType] if the key holds a value of another type, and otherwise the
// errors of [Store.Get] and [Store.Set]. Fields and values are arbitrary bytes of up to 512 MiB.
// The key has an expiry like any other, which changes of its fields keep. Methods for several
// fields are atomic, in memory and in the log.
//
// A Hash of a Tx returns [ErrTxDone] when the Tx has ended. Any other may be used concurrently.
type Hash struct{ collection }

// HashAt returns the hash at key. It accesses nothing.
func (db *keyspace) HashAt(key string) Hash { return Hash{db.collection(key)} }

// HashAt returns the hash at key in the transaction. It accesses nothing.
func (t *Tx) HashAt(key string) Hash { return Hash{t.collection(key)} }

// Get returns a copy of the value of field. It returns [ErrNotFound] if there is no such field.
func (h Hash) Get(field string) ([]byte, error) { return h.command("HGET").string(field).bytes() }

// MGet returns copies of the values of fields. The entry for a field that does not exist is nil.
func (h Hash) MGet(fields ...string) ([][]byte, error) {
	if len(fields) == 0 {
		return nil, nil
	}
	return h.command("HMGET").strings(fields).list()
}

// Set stores value under field, and reports whether the field is new.
func (h Hash) Set(field string, value []byte) (added bool, err error) {
	return h.command("HSET").string(field).value(value).truth()
}

// MSet stores the fields and values of pairs, and returns the number of new fields.
func (h Hash) MSet(pairs ...Pair) (added int, err error) {
	if len(pairs) == 0 {
		return 0, nil
	}
	c := h.command("HSET")
	for _, p := range pairs {
		c.string(p.Key).value(p.Value)
	}
	return c.count()
}

// SetIfAbsent stores value if field does not exist, and reports whether it did.
func (h Hash) SetIfAbsent(field string, value []byte) (stored bool, err error) {
	return h.command("HSETNX").string(field).value(value).truth()
}

// Delete removes fields and returns the number that existed.
func (h Hash) Delete(fields ...string) (n int, err error) {
	if len(fields) == 0 {
		return 0, nil
	}
	return h.command("HDEL").strings(fields).count()
}

// Has reports whether field exists.
func (h Hash) Has(field string) (bool, error) { return h.command("HEXISTS").string(field).truth() }

// Len returns the number of fields.
func (h Hash) Len() (int, error) { return h.command("HLEN").count() }

// IncrBy adds n to the integer in field, treating a missing field as 0, and returns the new value.
// It returns [ErrNotInteger] or [ErrOverflow] as [Store.Incr] does.
func (h Hash) IncrBy(field string, n int64) (int64, error) {
	return h.command("HINCRBY").string(field).int(n).integer()
}

// IncrByFloat adds f to the number in field, treating a missing field as 0, and returns the new
// value. It returns [ErrNotFloat] if one of the three is not a finite number.
func (h Hash) IncrByFloat(field string, f float64) (float64, error) {
	return h.command("HINCRBYFLOAT").string(field).float(f).number()
}

// All iterates over the fields and copies of their values in unspecified order. A field present for
// the whole iteration is yielded exactly once, unless the key is deleted or replaced during the
// iteration. A field added or removed during the iteration may or may not be yielded.
//
// No lock is held while the body of the loop runs, so the body can change the hash. All yields
// nothing if the key holds another type, and ends when a read returns an error. [Hash.Len] returns
// that error.
func (h Hash) All() iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		h.scan("HSCAN", 2, func(e []resp.Value) bool { return yield(string(e[0].Text), bytes.Clone(e[1].Text)) })
	}
}
