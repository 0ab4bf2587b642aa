package perdure

import (
	"iter"
	"time"

	"github.com/perduredb/perdure/internal/engine"
	"github.com/perduredb/perdure/internal/op"
)

// A DB is one of the numbered databases of a [Store]. It has the same methods on keys as the Store,
// which operate on database 0 there. It is safe for concurrent use and does not need to be closed.
type DB struct {
	keyspace
}

// keyspace implements the methods shared by [Store] and [DB]. See [Store] for the rules that apply
// to all of them.
type keyspace struct {
	e       *engine.Engine
	n       int  // number of the database
	durable bool // writes return when they are on disk
}

// Durable returns a view of this database, or of database 0 for a [Store]. Its writes,
// transactions, and batches return when they are on disk, whatever the fsync policy. Reads are as
// usual. It does not need to be closed, and making one costs nothing.
//
// Without a log, or before the first base of a new log is complete, a write through it returns
// [ErrNoAppendLog] and changes nothing.
func (db *keyspace) Durable() *DB { return &DB{keyspace{e: db.e, n: db.n, durable: true}} }

// call executes a call other than a Get.
func (db *keyspace) call(c *op.Call) error { return db.e.Call(db.n, db.durable, c) }

// NoExpiry is returned by [Store.TTL] for a key without an expiry.
const NoExpiry = op.NoExpiry

// A Pair is a key and its value, for [Store.MSet].
type Pair struct {
	Key   string
	Value []byte
}

// Get returns a copy of the value of key. It returns [ErrNotFound] if the key does not exist or has
// expired, and [ErrWrongType] if it does not hold a string. To avoid the allocation, use
// [Store.AppendGet].
func (db *keyspace) Get(key string) ([]byte, error) {
	v, err := db.e.Get([]byte{}, db.n, key)
	if err != nil {
		return nil, err
	}
	return v, nil
}

// AppendGet appends the value of key to dst and returns the extended slice. On error it returns dst
// unchanged. It allocates only if dst lacks capacity. It returns the errors of [Store.Get].
func (db *keyspace) AppendGet(dst []byte, key string) ([]byte, error) {
	return db.e.Get(dst, db.n, key)
}

// Set stores value under key, replacing any previous value, even one of another type. It removes
// the key's expiry unless [KeepTTL] or a new expiry is given.
//
// It returns [ErrTTL] if the expiry is not positive, [ErrTooLarge] if the key or value exceeds 512
// MiB, [ErrNoMemory], or the reason why the store refuses writes, such as [ErrReadOnly] or
// [ErrLogFailed]. Once the store has grown, Set does not allocate. It copies a value above
// 256 KiB before it takes any lock.
func (db *keyspace) Set(key string, value []byte, opts ...SetOption) error {
	if len(opts) == 0 {
		return db.e.SetPlain(db.n, db.durable, key, value)
	}
	return db.call(&op.Call{Code: op.Set, Key: key, Value: value, Expiry: expiryOf(opts)})
}

// SetIfAbsent stores value if key does not exist, and reports whether it did.
func (db *keyspace) SetIfAbsent(key string, value []byte, opts ...SetOption) (stored bool, err error) {
	c := op.Call{Code: op.SetIfAbsent, Key: key, Value: value, Expiry: expiryOf(opts)}
	err = db.call(&c)
	return c.Did, err
}

// Swap stores value and returns the previous value. The result existed reports whether there was
// one. It returns [ErrWrongType] if key does not hold a string.
func (db *keyspace) Swap(key string, value []byte, opts ...SetOption) (old []byte, existed bool, err error) {
	c := op.Call{Code: op.Swap, Key: key, Value: value, Expiry: expiryOf(opts)}
	err = db.call(&c)
	return c.Out, c.Did, err
}

// CompareAndSwap stores value if key holds exactly old, and reports whether it did. It never
// matches a missing key; use [Store.SetIfAbsent] for that. It removes the expiry, as [Store.Set]
// does, unless [KeepTTL] is given.
func (db *keyspace) CompareAndSwap(key string, old, value []byte, opts ...SetOption) (swapped bool, err error) {
	c := op.Call{Code: op.CompareAndSwap, Key: key, Old: old, Value: value, Expiry: expiryOf(opts)}
	err = db.call(&c)
	return c.Did, err
}

// Append adds suffix to the value of key and returns the new length in bytes. It creates the key if
// it is missing, and keeps the expiry.
func (db *keyspace) Append(key string, suffix []byte) (length int, err error) {
	c := op.Call{Code: op.Append, Key: key, Value: suffix}
	err = db.call(&c)
	return int(c.Result), err
}

// MGet returns the values of keys, read atomically. The entry for a key that does not exist or is
// not a string is nil.
func (db *keyspace) MGet(keys ...string) ([][]byte, error) { return db.e.MGet(db.n, keys) }

// MSet stores all pairs atomically, in memory and in the log. No reader sees only part of them, and
// no crash leaves only part. It removes the expiries of the keys.
func (db *keyspace) MSet(pairs ...Pair) error {
	return db.e.MSet(db.n, db.durable, len(pairs), func(i int) (string, []byte) { return pairs[i].Key, pairs[i].Value })
}

// Incr adds 1 to the integer at key, treating a missing key as 0, and returns the new value. It
// keeps the expiry. It returns [ErrNotInteger] if the value is not a canonical decimal int64, and
// [ErrOverflow] if the result would overflow; the value is then unchanged. It works in place and
// does not allocate.
func (db *keyspace) Incr(key string) (int64, error) {
	c := op.Call{Code: op.Incr, Key: key}
	err := db.call(&c)
	return c.Result, err
}

// IncrBy is like [Store.Incr] but adds n.
func (db *keyspace) IncrBy(key string, n int64) (int64, error) {
	c := op.Call{Code: op.IncrBy, Key: key, N: n}
	err := db.call(&c)
	return c.Result, err
}

// Decr is like [Store.Incr] but subtracts 1.
func (db *keyspace) Decr(key string) (int64, error) {
	c := op.Call{Code: op.Decr, Key: key}
	err := db.call(&c)
	return c.Result, err
}

// DecrBy is like [Store.Incr] but subtracts n.
func (db *keyspace) DecrBy(key string, n int64) (int64, error) {
	c := op.Call{Code: op.DecrBy, Key: key, N: n}
	err := db.call(&c)
	return c.Result, err
}

// Delete atomically removes keys of any type and returns the number that existed.
func (db *keyspace) Delete(keys ...string) (n int, err error) {
	return db.e.Delete(db.n, db.durable, keys)
}

// Exists returns the number of keys that exist, read atomically. A key given twice counts twice.
func (db *keyspace) Exists(keys ...string) (n int, err error) { return db.e.Exists(db.n, keys) }

// Len returns the number of keys, including expired keys that have not been removed yet. It takes
// no lock and returns 0 after Close.
func (db *keyspace) Len() int64 { return db.e.Len(db.n) }

// Expire sets the expiry of key to d from now, in whole milliseconds rounded up, and reports
// whether the key exists. If d is not positive, Expire deletes the key at once.
func (db *keyspace) Expire(key string, d time.Duration) (existed bool, err error) {
	c := op.Call{Code: op.Expire, Key: key, Expiry: op.Expiry{TTL: d}}
	err = db.call(&c)
	return c.Did, err
}

// ExpireAt sets the expiry of key to t, in whole milliseconds, and reports whether the key exists.
// If t is not in the future, ExpireAt deletes the key at once.
func (db *keyspace) ExpireAt(key string, t time.Time) (existed bool, err error) {
	c := op.Call{Code: op.ExpireAt, Key: key, Expiry: op.Expiry{At: t}}
	err = db.call(&c)
	return c.Did, err
}

// Persist removes the expiry of key, and reports whether it had one.
func (db *keyspace) Persist(key string) (had bool, err error) {
	c := op.Call{Code: op.Persist, Key: key}
	err = db.call(&c)
	return c.Did, err
}

// TTL returns the remaining time to live of key in whole milliseconds, or [NoExpiry]. It returns
// [ErrNotFound] if the key does not exist.
func (db *keyspace) TTL(key string) (time.Duration, error) {
	c := op.Call{Code: op.TTL, Key: key}
	return c.TimeToLive(db.e.Inspect(db.n, &c))
}

// Type returns Redis's name for the type of the value of key: "string", "list", "hash", and so on.
// It returns [ErrNotFound] if the key does not exist.
func (db *keyspace) Type(key string) (string, error) {
	c := op.Call{Code: op.Type, Key: key}
	err := db.e.Inspect(db.n, &c)
	return c.Name, err
}

// All iterates over the string keys and copies of their values in unspecified order. It skips keys
// of other types, which Keys yields. A key present
// for the whole iteration is yielded exactly once. A key added or removed during the iteration may
// or may not be yielded, and no key is yielded twice.
//
// No lock is held while the body of the loop runs, so the body can change the store. The iteration
// ends after Close. For a point-in-time view use [Store.View] or [Store.Snapshot].
func (db *keyspace) All() iter.Seq2[string, []byte] { return db.e.All(db.n) }

// Keys iterates over the keys of any type that match pattern, as Redis's KEYS does. The pattern can
// contain * ? [a-c] [^a-c], and \ escapes the next byte. See [Store.All] for the guarantees.
func (db *keyspace) Keys(pattern string) iter.Seq[string] { return db.e.Keys(db.n, pattern) }

// FlushDB removes every key of this database.
func (db *keyspace) FlushDB() error { return db.e.FlushDB(db.n, db.durable) }

// View runs fn with every key of every database locked, so that fn reads a single point in time.
// Readers and writers wait until fn returns, so fn should be short. [Store.ViewKeys] locks only
// some keys, and a [Snapshot] none. View returns the error of fn.
//
// The Tx operates on this database; [Tx.DB] selects another.
func (db *keyspace) View(fn func(*Tx) error) error {
	t := newTx(db.n)
	return db.e.View(t.tx, func() error { return fn(t) })
}

// ViewKeys is like [Store.View] but locks only the given keys, in all databases. fn must not access
// any other key.
func (db *keyspace) ViewKeys(keys []string, fn func(*Tx) error) error {
	t := newTx(db.n)
	return db.e.ViewKeys(t.tx, keys, func() error { return fn(t) })
}

// Update runs fn with every key of every database locked. It applies the changes of fn atomically,
// in memory and in the log (MULTI, EXEC). If fn returns an error or panics, nothing is changed.
// Update returns the error of fn.
//
// Update waits for the disk as a single write does, after it has released the locks. The Tx
// operates on this database; [Tx.DB] selects another.
func (db *keyspace) Update(fn func(*Tx) error) error {
	t := newTx(db.n)
	return db.e.Update(t.tx, db.n, db.durable, func() error { return fn(t) })
}

// UpdateKeys is like [Store.Update] but locks only the given keys, in all databases. Transactions
// on other keys can run concurrently. fn must not access any other key.
func (db *keyspace) UpdateKeys(keys []string, fn func(*Tx) error) error {
	t := newTx(db.n)
	return db.e.UpdateKeys(t.tx, db.n, keys, db.durable, func() error { return fn(t) })
}

// Run executes the operations of b in order, as one atomic unit: no reader and no crash sees only
// part of it. A second Run without [Batch.Reset] executes them again. A failed operation doesn't
// undo the others, unlike in [Store.Update]; its error is recorded in the batch. Run also costs
// less than Update.
//
// Run returns an error that concerns the whole batch, and records it for each operation that would
// have returned it alone. If the store refused the batch, nothing was done. After a disk error the
// outcome of the writes is unknown.
//
// If memory runs out for a large value that a Get found, the handle of the Get returns
// [ErrNoMemory], and Run does too; the other operations are done.
//
// A batch that only reads can run while writes are refused. Run waits for the disk as a single
// write does. Once the batch has reached its size, Run does not allocate.
func (db *keyspace) Run(b *Batch) (err error) {
	b.values, err = db.e.Run(b.values[:0], db.n, db.durable, b.calls)
	b.ran = len(b.calls)
	return err
}
