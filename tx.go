package perdure

import (
	"iter"
	"sync"
	"time"

	"github.com/perduredb/perdure/internal/engine"
	"github.com/perduredb/perdure/internal/op"
)

// A Tx is a transaction: the argument of the functions passed to [Store.View], [Store.Update],
// [Store.ViewKeys], and [Store.UpdateKeys]. Its methods correspond to those of [Store]. A Tx sees
// its own writes, and its methods never block.
//
// A Tx must only be used by the goroutine of that function, and only until it returns; later calls
// return [ErrTxDone]. The function must not call the Store's own methods: they may deadlock,
// because they wait for the transaction.
//
// Inside View and ViewKeys, methods that write return [ErrReadOnly]. Inside UpdateKeys and
// ViewKeys, methods that take a key return [ErrNotDeclared] if the key was not declared.
type Tx struct {
	tx *engine.Tx
	n  int // number of the database
}

// txs supplies transactions. A Tx is not used twice, because a program may keep one, but 64 of them
// are one allocation.
var txs sync.Pool // of *txChunk

type txChunk struct {
	used int
	txs  [64]struct {
		tx     Tx
		engine engine.Tx
	}
}

// newTx returns a Tx on database n, for one transaction.
func newTx(n int) *Tx {
	c, ok := txs.Get().(*txChunk)
	if !ok {
		c = new(txChunk)
	}
	t := &c.txs[c.used]
	t.tx = Tx{tx: &t.engine, n: n}
	if c.used++; c.used < len(c.txs) {
		txs.Put(c)
	}
	return &t.tx
}

// DB returns a Tx of this transaction on database n. If n is out of range, the first operation
// returns [ErrDatabase].
func (t *Tx) DB(n int) *Tx { return &Tx{tx: t.tx, n: n} }

// Get returns a copy of the value of key. It makes the copy while the transaction holds its locks.
func (t *Tx) Get(key string) ([]byte, error) {
	v, err := t.tx.Get([]byte{}, t.n, key)
	if err != nil {
		return nil, err
	}
	return v, nil
}

// AppendGet appends the value of key to dst and returns the extended slice.
func (t *Tx) AppendGet(dst []byte, key string) ([]byte, error) { return t.tx.Get(dst, t.n, key) }

// Set stores value under key. It copies value while the transaction holds its locks. If that
// matters, as for values of megabytes, use [Store.Set], which does not.
func (t *Tx) Set(key string, value []byte, opts ...SetOption) error {
	return t.tx.Call(t.n, &op.Call{Code: op.Set, Key: key, Value: value, Expiry: expiryOf(opts)})
}

// SetIfAbsent stores value if key does not exist, and reports whether it did.
func (t *Tx) SetIfAbsent(key string, value []byte, opts ...SetOption) (stored bool, err error) {
	c := op.Call{Code: op.SetIfAbsent, Key: key, Value: value, Expiry: expiryOf(opts)}
	err = t.tx.Call(t.n, &c)
	return c.Did, err
}

// Swap stores value and returns the previous value. The result existed reports whether there was
// one.
func (t *Tx) Swap(key string, value []byte, opts ...SetOption) (old []byte, existed bool, err error) {
	c := op.Call{Code: op.Swap, Key: key, Value: value, Expiry: expiryOf(opts)}
	err = t.tx.Call(t.n, &c)
	return c.Out, c.Did, err
}

// CompareAndSwap stores value if key holds exactly old, and reports whether it did. It removes the
// expiry, as [Tx.Set] does, unless [KeepTTL] is given.
func (t *Tx) CompareAndSwap(key string, old, value []byte, opts ...SetOption) (swapped bool, err error) {
	c := op.Call{Code: op.CompareAndSwap, Key: key, Old: old, Value: value, Expiry: expiryOf(opts)}
	err = t.tx.Call(t.n, &c)
	return c.Did, err
}

// MGet returns copies of the values of keys. The entry for a key that does not exist or is not a
// string is nil.
func (t *Tx) MGet(keys ...string) ([][]byte, error) { return t.tx.MGet(t.n, keys) }

// MSet stores all pairs and removes their expiries. It checks keys and sizes before it stores
// anything. If memory runs out, the pairs before that are stored; return the error from the
// function to undo them.
func (t *Tx) MSet(pairs ...Pair) error {
	return t.tx.MSet(t.n, len(pairs), func(i int) (string, []byte) { return pairs[i].Key, pairs[i].Value })
}

// Append adds suffix to the value of key and returns the new length in bytes.
func (t *Tx) Append(key string, suffix []byte) (length int, err error) {
	c := op.Call{Code: op.Append, Key: key, Value: suffix}
	err = t.tx.Call(t.n, &c)
	return int(c.Result), err
}

// Incr adds 1 to the integer at key and returns the new value.
func (t *Tx) Incr(key string) (int64, error) {
	c := op.Call{Code: op.Incr, Key: key}
	err := t.tx.Call(t.n, &c)
	return c.Result, err
}

// IncrBy adds n to the integer at key and returns the new value.
func (t *Tx) IncrBy(key string, n int64) (int64, error) {
	c := op.Call{Code: op.IncrBy, Key: key, N: n}
	err := t.tx.Call(t.n, &c)
	return c.Result, err
}

// Decr subtracts 1 from the integer at key and returns the new value.
func (t *Tx) Decr(key string) (int64, error) {
	c := op.Call{Code: op.Decr, Key: key}
	err := t.tx.Call(t.n, &c)
	return c.Result, err
}

// DecrBy subtracts n from the integer at key and returns the new value.
func (t *Tx) DecrBy(key string, n int64) (int64, error) {
	c := op.Call{Code: op.DecrBy, Key: key, N: n}
	err := t.tx.Call(t.n, &c)
	return c.Result, err
}

// Delete removes keys and returns the number that existed.
func (t *Tx) Delete(keys ...string) (n int, err error) { return t.tx.Delete(t.n, keys) }

// Exists returns the number of keys that exist.
func (t *Tx) Exists(keys ...string) (n int, err error) { return t.tx.Exists(t.n, keys) }

// Len returns the number of keys in the database.
func (t *Tx) Len() (int64, error) { return t.tx.Len(t.n) }

// Expire sets the expiry of key to d from now, and reports whether the key exists.
func (t *Tx) Expire(key string, d time.Duration) (existed bool, err error) {
	c := op.Call{Code: op.Expire, Key: key, Expiry: op.Expiry{TTL: d}}
	err = t.tx.Call(t.n, &c)
	return c.Did, err
}

// ExpireAt sets the expiry of key to at, and reports whether the key exists.
func (t *Tx) ExpireAt(key string, at time.Time) (existed bool, err error) {
	c := op.Call{Code: op.ExpireAt, Key: key, Expiry: op.Expiry{At: at}}
	err = t.tx.Call(t.n, &c)
	return c.Did, err
}

// Persist removes the expiry of key, and reports whether it had one.
func (t *Tx) Persist(key string) (had bool, err error) {
	c := op.Call{Code: op.Persist, Key: key}
	err = t.tx.Call(t.n, &c)
	return c.Did, err
}

// TTL returns the remaining time to live of key, or [NoExpiry].
func (t *Tx) TTL(key string) (time.Duration, error) {
	c := op.Call{Code: op.TTL, Key: key}
	return c.TimeToLive(t.tx.Call(t.n, &c))
}

// Type returns Redis's name for the type of the value of key: "string", "list", "hash", and so on.
func (t *Tx) Type(key string) (string, error) {
	c := op.Call{Code: op.Type, Key: key}
	err := t.tx.Call(t.n, &c)
	return c.Name, err
}

// All iterates over the string keys and copies of their values. The body of the loop must not
// write. If the transaction has declared keys, All yields nothing.
func (t *Tx) All() iter.Seq2[string, []byte] { return t.tx.All(t.n) }

// Keys iterates over the keys that match pattern, under the rules of [Tx.All].
func (t *Tx) Keys(pattern string) iter.Seq[string] { return t.tx.Keys(t.n, pattern) }
