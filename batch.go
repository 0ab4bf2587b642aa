package perdure

import (
	"time"

	"github.com/perduredb/perdure/internal/engine"
)

// A Batch collects operations for [Store.Run], which executes all of them at once. For keys that
// are not in the CPU cache this is several times faster than single calls. Run waits for the memory
// of many keys at the same time, locks each part of the store once, and waits once for the log.
//
// Each method adds an operation and returns its number, counting from 0. After Run, pass the number
// to Value, Int, Bool, or Err to get the result.
//
// The batch retains keys and values until Reset without copying them; the caller must not modify a
// value before Run returns. Run copies large values of Set, SetIfAbsent, and Get while it holds no
// lock, but those of Append under its locks.
//
// The zero value is ready to use. A batch that is reused after Reset allocates only for large
// values. A Batch must be used by one goroutine at a time.
type Batch struct {
	calls  []engine.Call
	values []byte // values that the Gets found
}

// Get adds a read of key. After [Store.Run], [Batch.Value] returns its value.
func (b *Batch) Get(key string) int {
	b.add(engine.VerbGet, key)
	return len(b.calls) - 1
}

// Exists adds an existence check of key. After Run, [Batch.Bool] reports the result.
func (b *Batch) Exists(key string) int {
	b.add(engine.VerbExists, key)
	return len(b.calls) - 1
}

// Set adds a write of value under key, under the rules of [Store.Set]. If any operation has the
// option [Durable], it applies to the whole batch.
func (b *Batch) Set(key string, value []byte, opts ...SetOption) int {
	c := b.add(engine.VerbSet, key)
	c.Value = value
	if len(opts) > 0 {
		c.Args = setArgs(opts)
	}
	return len(b.calls) - 1
}

// SetIfAbsent adds a write of value that takes effect if key does not exist. After Run,
// [Batch.Bool] reports whether it did.
func (b *Batch) SetIfAbsent(key string, value []byte, opts ...SetOption) int {
	c := b.add(engine.VerbSetIfAbsent, key)
	c.Value, c.Args = value, setArgs(opts)
	return len(b.calls) - 1
}

// Append adds an operation that appends suffix to the value of key. After Run, [Batch.Int] returns
// the new length.
func (b *Batch) Append(key string, suffix []byte) int {
	c := b.add(engine.VerbAppend, key)
	c.Value = suffix
	return len(b.calls) - 1
}

// Incr adds an operation that adds 1 to the integer at key. After Run, [Batch.Int] returns the new
// value.
func (b *Batch) Incr(key string) int { return b.count(key, engine.Counter{Command: "INCR"}) }

// IncrBy adds an operation that adds n to the integer at key. After Run, [Batch.Int] returns the
// new value.
func (b *Batch) IncrBy(key string, n int64) int {
	return b.count(key, engine.Counter{Command: "INCRBY", N: n})
}

// Decr adds an operation that subtracts 1 from the integer at key. After Run, [Batch.Int] returns
// the new value.
func (b *Batch) Decr(key string) int { return b.count(key, engine.Counter{Command: "DECR"}) }

// DecrBy adds an operation that subtracts n from the integer at key. After Run, [Batch.Int] returns
// the new value.
func (b *Batch) DecrBy(key string, n int64) int {
	return b.count(key, engine.Counter{Command: "DECRBY", N: n})
}

func (b *Batch) count(key string, counter engine.Counter) int {
	c := b.add(engine.VerbIncrBy, key)
	c.Counter = counter
	return len(b.calls) - 1
}

// Delete adds a deletion of key. After Run, [Batch.Bool] reports whether the key existed.
func (b *Batch) Delete(key string) int {
	b.add(engine.VerbDelete, key)
	return len(b.calls) - 1
}

// Expire adds an operation that sets the expiry of key to d after the time of Run. After Run,
// [Batch.Bool] reports whether the key exists.
func (b *Batch) Expire(key string, d time.Duration) int {
	c := b.add(engine.VerbExpire, key)
	c.Args.TTL = d
	return len(b.calls) - 1
}

// ExpireAt adds an operation that sets the expiry of key to t. After Run, [Batch.Bool] reports
// whether the key exists.
func (b *Batch) ExpireAt(key string, t time.Time) int {
	c := b.add(engine.VerbExpireAt, key)
	c.Args.ExpireAt = t
	return len(b.calls) - 1
}

// Persist adds an operation that removes the expiry of key. After Run, [Batch.Bool] reports whether
// it had one.
func (b *Batch) Persist(key string) int {
	b.add(engine.VerbPersist, key)
	return len(b.calls) - 1
}

// add appends an operation. The caller sets its other fields, which are zero: the slice is zero
// beyond its length.
func (b *Batch) add(v engine.Verb, key string) *engine.Call {
	n := len(b.calls)
	if n == cap(b.calls) {
		b.calls = append(b.calls, engine.Call{})
	}
	b.calls = b.calls[:n+1]
	c := &b.calls[n]
	c.Verb, c.Key = v, key
	return c
}

// Len returns the number of operations in the batch.
func (b *Batch) Len() int { return len(b.calls) }

// Reset removes all operations and results, and keeps the memory for reuse. Slices that Value
// returned are no longer valid.
func (b *Batch) Reset() {
	clear(b.calls) // lets the garbage collector free the caller's keys and values
	b.calls, b.values = b.calls[:0], b.values[:0]
}

// Value returns the value that Get number i found, with the errors of [Store.Get]. It returns nil
// before Run, and for an operation that is not a Get. The slice is valid until the next Run or
// Reset. The caller can append to it without overwriting other values.
//
// Value panics if there is no operation i, as Int, Bool, and Err do.
func (b *Batch) Value(i int) ([]byte, error) { return b.calls[i].Out, b.calls[i].Err }

// Int returns the integer or length that operation i produced, and the error that the corresponding
// Store method would return.
func (b *Batch) Int(i int) (int64, error) { return b.calls[i].N, b.calls[i].Err }

// Bool returns the boolean result of operation i and the error that the corresponding Store method
// would return.
func (b *Batch) Bool(i int) (bool, error) { return b.calls[i].Did, b.calls[i].Err }

// Err returns the error of operation i.
func (b *Batch) Err(i int) error { return b.calls[i].Err }

// Run executes the operations of b in order, as one atomic unit: no reader and no crash sees only
// part of it. A failed operation doesn't undo the others, unlike in [Store.Update]; its error is
// recorded in the batch. Run also costs less than Update.
//
// Run returns an error that concerns the whole batch, and records it for each operation that would
// have returned it alone. If the store refused the batch, nothing was done. After a disk error the
// outcome of the writes is unknown.
//
// A batch that only reads can run while writes are refused. Run waits for the disk as a single
// write does. Once the batch has reached its size, Run does not allocate.
func (k keyspace) Run(b *Batch) (err error) {
	b.values, err = k.e.Do(b.values[:0], k.db, b.calls)
	return err
}
