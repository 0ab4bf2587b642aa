package perdure

import (
	"iter"
	"time"

	"github.com/perduredb/perdure/internal/engine"
)

// A Tx is a transaction: the argument of the functions passed to [Store.View], [Store.Update],
// [Store.ViewKeys], and [Store.UpdateKeys]. Its methods correspond to those of [Store]. A Tx sees
// its own writes, and its methods never block.
//
// A Tx must only be used by the goroutine of that function, and only until it returns; later calls
// return [ErrTxDone]. The function must not call the Store's own methods: they would deadlock,
// because they wait for the transaction.
//
// Inside View and ViewKeys, methods that write return [ErrReadOnly]. Inside UpdateKeys and
// ViewKeys, methods that take a key return [ErrNotDeclared] if the key was not declared.
type Tx struct {
	tx *engine.Tx
	db int
}

// DB returns a Tx on database n of the same transaction. If n is out of range, the first operation
// returns [ErrDatabase].
func (t *Tx) DB(n int) *Tx { return &Tx{tx: t.tx, db: n} }

// Get returns a copy of the value of key. It makes the copy while the transaction holds its locks.
func (t *Tx) Get(key string) ([]byte, error) {
	v, err := t.tx.Get([]byte{}, t.db, key)
	if err != nil {
		return nil, err
	}
	return v, nil
}

// AppendGet appends the value of key to dst and returns the extended slice.
func (t *Tx) AppendGet(dst []byte, key string) ([]byte, error) { return t.tx.Get(dst, t.db, key) }

// Set stores value under key. [Durable] has no effect here; pass it to [Store.Update]. Set copies
// value while the transaction holds its locks. If that matters, as for values of megabytes, use
// [Store.Set], which does not.
func (t *Tx) Set(key string, value []byte, opts ...SetOption) error {
	return t.tx.Set(t.db, key, value, setArgs(opts))
}

// SetIfAbsent stores value if key does not exist, and reports whether it did.
func (t *Tx) SetIfAbsent(key string, value []byte, opts ...SetOption) (stored bool, err error) {
	return t.tx.SetIfAbsent(t.db, key, value, setArgs(opts))
}

// Swap stores value and returns the previous value. The result existed reports whether there was
// one.
func (t *Tx) Swap(key string, value []byte, opts ...SetOption) (old []byte, existed bool, err error) {
	return t.tx.Swap(t.db, key, value, setArgs(opts))
}

// CompareAndSwap stores value if key holds exactly old, and reports whether it did. It removes the
// expiry, as [Tx.Set] does, unless [KeepTTL] is given.
func (t *Tx) CompareAndSwap(key string, old, value []byte, opts ...SetOption) (swapped bool, err error) {
	return t.tx.CompareAndSwap(t.db, key, old, value, setArgs(opts))
}

// MGet returns copies of the values of keys. The entry for a key that does not exist or is not a
// string is nil.
func (t *Tx) MGet(keys ...string) ([][]byte, error) { return t.tx.MGet(t.db, keys) }

// MSet stores all pairs and removes their expiries. It checks keys and sizes before it stores
// anything. If memory runs out, the pairs before that are stored; return the error from the
// function to undo them.
func (t *Tx) MSet(pairs ...Pair) error {
	return t.tx.MSet(t.db, len(pairs), func(i int) (string, []byte) { return pairs[i].Key, pairs[i].Value })
}

// Append adds suffix to the value of key and returns the new length in bytes.
func (t *Tx) Append(key string, suffix []byte) (length int, err error) {
	return t.tx.Append(t.db, key, suffix)
}

// Incr adds 1 to the integer at key and returns the new value.
func (t *Tx) Incr(key string) (int64, error) {
	return t.tx.IncrBy(t.db, key, engine.Counter{Command: "INCR"})
}

// IncrBy adds n to the integer at key and returns the new value.
func (t *Tx) IncrBy(key string, n int64) (int64, error) {
	return t.tx.IncrBy(t.db, key, engine.Counter{Command: "INCRBY", N: n})
}

// Decr subtracts 1 from the integer at key and returns the new value.
func (t *Tx) Decr(key string) (int64, error) {
	return t.tx.IncrBy(t.db, key, engine.Counter{Command: "DECR"})
}

// DecrBy subtracts n from the integer at key and returns the new value.
func (t *Tx) DecrBy(key string, n int64) (int64, error) {
	return t.tx.IncrBy(t.db, key, engine.Counter{Command: "DECRBY", N: n})
}

// Delete removes keys and returns the number that existed.
func (t *Tx) Delete(keys ...string) (n int, err error) { return t.tx.Delete(t.db, keys) }

// Exists returns the number of keys that exist.
func (t *Tx) Exists(keys ...string) (n int, err error) { return t.tx.Exists(t.db, keys) }

// Len returns the number of keys in the database.
func (t *Tx) Len() (int64, error) { return t.tx.Len(t.db) }

// Expire sets the expiry of key to d from now, and reports whether the key exists.
func (t *Tx) Expire(key string, d time.Duration) (existed bool, err error) {
	return t.tx.Expire(t.db, key, d)
}

// ExpireAt sets the expiry of key to at, and reports whether the key exists.
func (t *Tx) ExpireAt(key string, at time.Time) (existed bool, err error) {
	return t.tx.ExpireAt(t.db, key, at)
}

// Persist removes the expiry of key, and reports whether it had one.
func (t *Tx) Persist(key string) (had bool, err error) { return t.tx.Persist(t.db, key) }

// TTL returns the remaining time to live of key, or [NoExpiry].
func (t *Tx) TTL(key string) (time.Duration, error) { return t.tx.TTL(t.db, key) }

// Type returns Redis's name for the type of the value of key: "string", "list", "hash", and so on.
func (t *Tx) Type(key string) (string, error) { return t.tx.Type(t.db, key) }

// All iterates over the string keys and copies of their values. The body of the loop must not
// write. If the transaction has declared keys, All yields nothing.
func (t *Tx) All() iter.Seq2[string, []byte] { return t.tx.All(t.db) }

// Keys iterates over the keys that match pattern, under the rules of [Tx.All].
func (t *Tx) Keys(pattern string) iter.Seq[string] { return t.tx.Keys(t.db, pattern) }
