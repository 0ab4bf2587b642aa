package perdure

import (
	"iter"
	"time"

	"github.com/perduredb/perdure/internal/engine"
)

// A DB is one of the numbered databases of a [Store]. It has the same methods on keys as the Store,
// which operate on database 0 there. It is safe for concurrent use and does not need to be closed.
type DB struct {
	keyspace
}

// keyspace implements the methods shared by [Store] and [DB]. See [Store] for the rules that apply
// to all of them.
type keyspace struct {
	e  *engine.Engine
	db int
}

// NoExpiry is returned by [Store.TTL] for a key without an expiry.
const NoExpiry = engine.NoExpiry

// A Pair is a key and its value, for [Store.MSet].
type Pair struct {
	Key   string
	Value []byte
}

// Get returns a copy of the value of key. It returns [ErrNotFound] if the key does not exist or has
// expired, and [ErrWrongType] if it does not hold a string. To avoid the allocation, use
// [Store.AppendGet].
func (k keyspace) Get(key string) ([]byte, error) {
	v, err := k.e.Get([]byte{}, k.db, key)
	if err != nil {
		return nil, err
	}
	return v, nil
}

// AppendGet appends the value of key to dst and returns the extended slice. On error it returns dst
// unchanged. It allocates only if dst lacks capacity. It returns the same errors as [Store.Get].
func (k keyspace) AppendGet(dst []byte, key string) ([]byte, error) {
	return k.e.Get(dst, k.db, key)
}

// Set stores value under key, replacing any previous value, even one of another type. It removes
// the key's expiry unless [KeepTTL] or a new expiry is given.
//
// It returns [ErrTTL] if the expiry is not positive, [ErrTooLarge] if the key or value exceeds 512
// MiB, or a disk error. Once the store has grown, Set does not allocate. It copies a value above
// 256 KiB before it takes any lock.
func (k keyspace) Set(key string, value []byte, opts ...SetOption) error {
	if len(opts) == 0 {
		return k.e.SetPlain(k.db, key, value)
	}
	return k.e.Set(k.db, key, value, setArgs(opts))
}

// SetIfAbsent stores value if key does not exist, and reports whether it did.
func (k keyspace) SetIfAbsent(key string, value []byte, opts ...SetOption) (stored bool, err error) {
	return k.e.SetIfAbsent(k.db, key, value, setArgs(opts))
}

// Swap stores value and returns the previous value. The result existed reports whether there was
// one. It returns [ErrWrongType] if key does not hold a string.
func (k keyspace) Swap(key string, value []byte, opts ...SetOption) (old []byte, existed bool, err error) {
	return k.e.Swap(k.db, key, value, setArgs(opts))
}

// CompareAndSwap stores value if key holds exactly old, and reports whether it did. It never
// matches a missing key; use [Store.SetIfAbsent] for that. It removes the expiry, as [Store.Set]
// does, unless [KeepTTL] is given.
func (k keyspace) CompareAndSwap(key string, old, value []byte, opts ...SetOption) (swapped bool, err error) {
	return k.e.CompareAndSwap(k.db, key, old, value, setArgs(opts))
}

// Append adds suffix to the value of key and returns the new length in bytes. It creates the key if
// it is missing, and keeps the expiry.
func (k keyspace) Append(key string, suffix []byte) (length int, err error) {
	return k.e.Append(k.db, key, suffix)
}

// MGet returns the values of keys, read atomically. The entry for a key that does not exist or is
// not a string is nil.
func (k keyspace) MGet(keys ...string) ([][]byte, error) { return k.e.MGet(k.db, keys) }

// MSet stores all pairs atomically, in memory and in the log. No reader sees only part of them, and
// no crash leaves only part. It removes the expiries of the keys.
func (k keyspace) MSet(pairs ...Pair) error {
	return k.e.MSet(k.db, len(pairs), func(i int) (string, []byte) { return pairs[i].Key, pairs[i].Value })
}

// Incr adds 1 to the integer at key, treating a missing key as 0, and returns the new value. It
// keeps the expiry. It returns [ErrNotInteger] if the value is not a canonical decimal int64, and
// [ErrOverflow] if the result would overflow; the value is then unchanged. It works in place and
// does not allocate.
func (k keyspace) Incr(key string) (int64, error) {
	return k.e.IncrBy(k.db, key, engine.Counter{Command: "INCR"})
}

// IncrBy is like [Store.Incr] but adds n.
func (k keyspace) IncrBy(key string, n int64) (int64, error) {
	return k.e.IncrBy(k.db, key, engine.Counter{Command: "INCRBY", N: n})
}

// Decr is like [Store.Incr] but subtracts 1.
func (k keyspace) Decr(key string) (int64, error) {
	return k.e.IncrBy(k.db, key, engine.Counter{Command: "DECR"})
}

// DecrBy is like [Store.Incr] but subtracts n.
func (k keyspace) DecrBy(key string, n int64) (int64, error) {
	return k.e.IncrBy(k.db, key, engine.Counter{Command: "DECRBY", N: n})
}

// Delete atomically removes keys of any type and returns the number that existed.
func (k keyspace) Delete(keys ...string) (n int, err error) { return k.e.Delete(k.db, keys) }

// Exists returns the number of keys that exist, read atomically. A key given twice counts twice.
func (k keyspace) Exists(keys ...string) (n int, err error) { return k.e.Exists(k.db, keys) }

// Len returns the number of keys, including expired keys that have not been removed yet. It takes
// no lock and returns 0 after Close.
func (k keyspace) Len() int64 { return k.e.Len(k.db) }

// Expire sets the expiry of key to d from now, in whole milliseconds rounded up, and reports
// whether the key exists. If d is not positive, Expire deletes the key at once.
func (k keyspace) Expire(key string, d time.Duration) (existed bool, err error) {
	return k.e.Expire(k.db, key, d)
}

// ExpireAt sets the expiry of key to t, in whole milliseconds, and reports whether the key exists.
// If t is not in the future, ExpireAt deletes the key at once.
func (k keyspace) ExpireAt(key string, t time.Time) (existed bool, err error) {
	return k.e.ExpireAt(k.db, key, t)
}

// Persist removes the expiry of key, and reports whether it had one.
func (k keyspace) Persist(key string) (had bool, err error) { return k.e.Persist(k.db, key) }

// TTL returns the remaining time to live of key in whole milliseconds, or [NoExpiry]. It returns
// [ErrNotFound] if the key does not exist.
func (k keyspace) TTL(key string) (time.Duration, error) { return k.e.TTL(k.db, key) }

// Type returns Redis's name for the type of the value of key: "string", "list", "hash", and so on.
// It returns [ErrNotFound] if the key does not exist.
func (k keyspace) Type(key string) (string, error) { return k.e.Type(k.db, key) }

// All iterates over the string keys and copies of their values in unspecified order. A key present
// for the whole iteration is yielded exactly once. A key added or removed during the iteration may
// or may not be yielded, and no key is yielded twice.
//
// No lock is held while the body of the loop runs, so the body can change the store. The iteration
// ends after Close. For a point-in-time view use [Store.View] or [Store.Snapshot].
func (k keyspace) All() iter.Seq2[string, []byte] { return k.e.All(k.db) }

// Keys iterates over the keys of any type that match pattern, as Redis's KEYS does. The pattern can
// contain * ? [a-c] [^a-c], and \ escapes the next byte. Keys gives the same guarantees as
// [Store.All].
func (k keyspace) Keys(pattern string) iter.Seq[string] { return k.e.Keys(k.db, pattern) }

// FlushDB removes every key of this database.
func (k keyspace) FlushDB() error { return k.e.FlushDB(k.db) }
