package perdure

import (
	"iter"
	"time"

	"github.com/perduredb/perdure/internal/engine"
)

// DB is one of the numbered databases of a Store. It has the same methods as the Store, whose own
// work on database 0. It is safe for concurrent use and needs no Close.
type DB struct {
	keyspace
}

// keyspace carries the methods that a Store and a DB share. Their terms stand at Store.
type keyspace struct {
	e  *engine.Engine
	db int
}

// NoExpiry is what TTL returns for a key that lives for ever.
const NoExpiry = engine.NoExpiry

// Pair is a key and its value, for MSet.
type Pair struct {
	Key   string
	Value []byte
}

// Get returns a copy of the value of key. It is ErrNotFound when the key does not exist or has
// expired, ErrWrongType when it holds no string. It allocates the copy; AppendGet need not.
func (k keyspace) Get(key string) ([]byte, error) {
	v, err := k.e.Get([]byte{}, k.db, key)
	if err != nil {
		return nil, err
	}
	return v, nil
}

// AppendGet appends the value of key to dst and returns the longer slice; on an error dst as it was.
// It allocates only when dst has no room. Errors are those of Get.
func (k keyspace) AppendGet(dst []byte, key string) ([]byte, error) {
	return k.e.Get(dst, k.db, key)
}

// Set stores value under key, whatever the key held before, a list of Redis's included. The
// expiry is removed unless an option says otherwise. It is ErrTTL for an expiry that is not
// positive, ErrTooLarge, or an error of the disk. It allocates nothing once the store has grown. A value
// above 256 KiB is copied before anything is locked.
func (k keyspace) Set(key string, value []byte, opts ...SetOption) error {
	if len(opts) == 0 {
		return k.e.SetPlain(k.db, key, value)
	}
	return k.e.Set(k.db, key, value, setArgs(opts))
}

// SetIfAbsent stores value only when key does not exist, and says whether it did.
func (k keyspace) SetIfAbsent(key string, value []byte, opts ...SetOption) (stored bool, err error) {
	return k.e.SetIfAbsent(k.db, key, value, setArgs(opts))
}

// Swap stores value and returns the one before; existed is false when there was none. It is
// ErrWrongType when the key holds no string.
func (k keyspace) Swap(key string, value []byte, opts ...SetOption) (old []byte, existed bool, err error) {
	return k.e.Swap(k.db, key, value, setArgs(opts))
}

// CompareAndSwap stores value when the key holds exactly old, and says whether it did. An absent
// key holds nothing: that is SetIfAbsent's case. The expiry is removed as by Set; KeepTTL keeps it.
func (k keyspace) CompareAndSwap(key string, old, value []byte, opts ...SetOption) (swapped bool, err error) {
	return k.e.CompareAndSwap(k.db, key, old, value, setArgs(opts))
}

// Append adds suffix to the value of key, which it creates when absent, and returns the new length
// in bytes. The expiry stays.
func (k keyspace) Append(key string, suffix []byte) (length int, err error) {
	return k.e.Append(k.db, key, suffix)
}

// MGet returns the values of keys as of one instant; nil for a key that does not exist or holds no
// string.
func (k keyspace) MGet(keys ...string) ([][]byte, error) { return k.e.MGet(k.db, keys) }

// MSet stores all pairs at once, in memory and in the log; no reader and no crash sees a part.
// Expiries are removed.
func (k keyspace) MSet(pairs ...Pair) error {
	return k.e.MSet(k.db, len(pairs), func(i int) (string, []byte) { return pairs[i].Key, pairs[i].Value })
}

// Incr adds 1 to the integer that key holds, 0 when absent, and returns the sum. The expiry stays.
// It is ErrNotInteger when the value is no int64 in its shortest decimal form, ErrOverflow when the
// sum would be none, and changes nothing then. It works in place and allocates nothing.
func (k keyspace) Incr(key string) (int64, error) {
	return k.e.IncrBy(k.db, key, engine.Counter{Command: "INCR"})
}

// IncrBy adds n; otherwise it is Incr.
func (k keyspace) IncrBy(key string, n int64) (int64, error) {
	return k.e.IncrBy(k.db, key, engine.Counter{Command: "INCRBY", N: n})
}

// Decr subtracts 1; otherwise it is Incr.
func (k keyspace) Decr(key string) (int64, error) {
	return k.e.IncrBy(k.db, key, engine.Counter{Command: "DECR"})
}

// DecrBy subtracts n; otherwise it is Incr.
func (k keyspace) DecrBy(key string, n int64) (int64, error) {
	return k.e.IncrBy(k.db, key, engine.Counter{Command: "DECRBY", N: n})
}

// Delete removes keys, of whatever type, all at once, and returns how many existed.
func (k keyspace) Delete(keys ...string) (n int, err error) { return k.e.Delete(k.db, keys) }

// Exists counts how many of the keys exist, as of one instant; a key given twice counts twice.
func (k keyspace) Exists(keys ...string) (n int, err error) { return k.e.Exists(k.db, keys) }

// Len is how many keys there are. Keys that have expired count until they are touched or swept. It
// takes no lock; after Close it is 0.
func (k keyspace) Len() int64 { return k.e.Len(k.db) }

// Expire lets key live for d from now, in whole milliseconds rounded up, and says whether it
// exists. A d that is not positive deletes the key at once.
func (k keyspace) Expire(key string, d time.Duration) (existed bool, err error) {
	return k.e.Expire(k.db, key, d)
}

// ExpireAt lets key live until t, in whole milliseconds, and says whether it exists. A t that is
// not in the future deletes the key at once.
func (k keyspace) ExpireAt(key string, t time.Time) (existed bool, err error) {
	return k.e.ExpireAt(k.db, key, t)
}

// Persist removes the expiry of key, and says whether it had one.
func (k keyspace) Persist(key string) (had bool, err error) { return k.e.Persist(k.db, key) }

// TTL is how long key will live, in whole milliseconds, or NoExpiry. It is ErrNotFound when the key
// does not exist.
func (k keyspace) TTL(key string) (time.Duration, error) { return k.e.TTL(k.db, key) }

// Type is Redis's name for what key holds: "string", "list", "hash", ... It is ErrNotFound when the
// key does not exist.
func (k keyspace) Type(key string) (string, error) { return k.e.Type(k.db, key) }

// All yields every string with a copy of its value, in no order. It is stable under change: a key
// that is there throughout is yielded once and none twice; one that comes or goes meanwhile
// may or may not be. No lock is held while the loop's body runs, which may change the store.
// After Close it ends. View and Snapshot give all keys of one instant.
func (k keyspace) All() iter.Seq2[string, []byte] { return k.e.All(k.db) }

// Keys yields every key, of whatever type, that matches pattern as Redis's KEYS does: * ? [a-c]
// [^a-c] and \ before a byte meant itself. The terms are those of All.
func (k keyspace) Keys(pattern string) iter.Seq[string] { return k.e.Keys(k.db, pattern) }

// FlushDB removes every key of this database.
func (k keyspace) FlushDB() error { return k.e.FlushDB(k.db) }
