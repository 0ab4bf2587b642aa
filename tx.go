package perdure

import (
	"iter"
	"time"

	"github.com/perduredb/perdure/internal/engine"
)

// Tx is a transaction: the argument of the functions given to View, Update and their like. Its
// methods are those of a Store, seen from inside: they wait for nothing, and see what the
// transaction has done so far. It is for that function's goroutine and ends with it; a method
// called later returns ErrTxDone. The Store's own methods must not be called inside: they would
// wait for the transaction for ever.
//
// Methods that write return ErrReadOnly inside View and ViewKeys, and those that name a key
// ErrNotDeclared inside UpdateKeys and ViewKeys when it was not declared.
type Tx struct {
	tx *engine.Tx
	db int
}

// DB returns the same transaction working on database n. A number that is out of range shows as
// ErrDatabase at the first use.
func (t *Tx) DB(n int) *Tx { return &Tx{tx: t.tx, db: n} }

// Get returns a copy of the value of key, made while the transaction holds its locks.
func (t *Tx) Get(key string) ([]byte, error) {
	v, err := t.tx.Get([]byte{}, t.db, key)
	if err != nil {
		return nil, err
	}
	return v, nil
}

// AppendGet appends the value of key to dst.
func (t *Tx) AppendGet(dst []byte, key string) ([]byte, error) { return t.tx.Get(dst, t.db, key) }

// Set stores value under key. Durable is for Update itself and has no effect here. It copies value while
// the transaction holds its locks; where that matters, for values of megabytes, Store.Set does not.
func (t *Tx) Set(key string, value []byte, opts ...SetOption) error {
	return t.tx.Set(t.db, key, value, setArgs(opts))
}

// SetIfAbsent stores value only when key does not exist, and says whether it did.
func (t *Tx) SetIfAbsent(key string, value []byte, opts ...SetOption) (stored bool, err error) {
	return t.tx.SetIfAbsent(t.db, key, value, setArgs(opts))
}

// Swap stores value and returns the one before.
func (t *Tx) Swap(key string, value []byte, opts ...SetOption) (old []byte, existed bool, err error) {
	return t.tx.Swap(t.db, key, value, setArgs(opts))
}

// CompareAndSwap stores value if key holds exactly old, and reports whether it did. The expiry is
// removed as by Set; KeepTTL keeps it.
func (t *Tx) CompareAndSwap(key string, old, value []byte, opts ...SetOption) (swapped bool, err error) {
	return t.tx.CompareAndSwap(t.db, key, old, value, setArgs(opts))
}

// MGet returns copies of the values of keys; nil for a key that does not exist or holds no string.
func (t *Tx) MGet(keys ...string) ([][]byte, error) { return t.tx.MGet(t.db, keys) }

// MSet stores all pairs and removes their expiries. It checks keys and sizes before it stores
// anything. If memory runs out, the pairs before that are stored: return the error to undo them.
func (t *Tx) MSet(pairs ...Pair) error {
	return t.tx.MSet(t.db, len(pairs), func(i int) (string, []byte) { return pairs[i].Key, pairs[i].Value })
}

// Append adds suffix to the value of key and returns the new length in bytes.
func (t *Tx) Append(key string, suffix []byte) (length int, err error) {
	return t.tx.Append(t.db, key, suffix)
}

// Incr adds 1 to the integer that key holds and returns the sum.
func (t *Tx) Incr(key string) (int64, error) {
	return t.tx.IncrBy(t.db, key, engine.Counter{Command: "INCR"})
}

// IncrBy adds n to the integer that key holds and returns the sum.
func (t *Tx) IncrBy(key string, n int64) (int64, error) {
	return t.tx.IncrBy(t.db, key, engine.Counter{Command: "INCRBY", N: n})
}

// Decr subtracts 1 from the integer that key holds and returns the difference.
func (t *Tx) Decr(key string) (int64, error) {
	return t.tx.IncrBy(t.db, key, engine.Counter{Command: "DECR"})
}

// DecrBy subtracts n from the integer that key holds and returns the difference.
func (t *Tx) DecrBy(key string, n int64) (int64, error) {
	return t.tx.IncrBy(t.db, key, engine.Counter{Command: "DECRBY", N: n})
}

// Delete removes keys and returns how many existed.
func (t *Tx) Delete(keys ...string) (n int, err error) { return t.tx.Delete(t.db, keys) }

// Exists counts how many of the keys exist.
func (t *Tx) Exists(keys ...string) (n int, err error) { return t.tx.Exists(t.db, keys) }

// Len is how many keys the database holds.
func (t *Tx) Len() (int64, error) { return t.tx.Len(t.db) }

// Expire lets key live for d from now, and says whether it exists.
func (t *Tx) Expire(key string, d time.Duration) (existed bool, err error) {
	return t.tx.Expire(t.db, key, d)
}

// ExpireAt lets key live until at, and says whether it exists.
func (t *Tx) ExpireAt(key string, at time.Time) (existed bool, err error) {
	return t.tx.ExpireAt(t.db, key, at)
}

// Persist removes the expiry of key, and says whether it had one.
func (t *Tx) Persist(key string) (had bool, err error) { return t.tx.Persist(t.db, key) }

// TTL is how long key will live, or NoExpiry.
func (t *Tx) TTL(key string) (time.Duration, error) { return t.tx.TTL(t.db, key) }

// Type returns Redis's name for the type of what key holds: "string", "list", "hash", and so on.
func (t *Tx) Type(key string) (string, error) { return t.tx.Type(t.db, key) }

// All yields every string with a copy of its value. The loop's body must not write. With declared
// keys it yields nothing.
func (t *Tx) All() iter.Seq2[string, []byte] { return t.tx.All(t.db) }

// Keys yields every key that matches pattern. The terms are those of All.
func (t *Tx) Keys(pattern string) iter.Seq[string] { return t.tx.Keys(t.db, pattern) }
