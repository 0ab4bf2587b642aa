package perdure

import (
	"time"

	"github.com/perduredb/perdure/internal/engine"
)

// Batch collects operations for Run, which does all of them at once and is several times faster for
// keys that are not in the processor's cache: it waits for the memory of many keys at the same time,
// locks each part of the store once, and waits once for the log.
//
// Each method adds an operation and returns its number, from 0, by which Value, Int, Bool and Err give
// the outcome after Run. The batch keeps key and value until Reset and copies neither: they must not
// be changed before Run returns, which copies large values of Set, SetIfAbsent and Get with nothing
// locked, those of Append not. The zero value is ready. A batch that is used again and again, with
// Reset in between, allocates nothing but for large values. It is for one goroutine at a time.
type Batch struct {
	calls  []engine.Call
	values []byte // what the Gets have found
}

// Get asks for the value of key: Value gives it.
func (b *Batch) Get(key string) int {
	b.add(engine.VerbGet, key)
	return len(b.calls) - 1
}

// Exists asks whether key exists: Bool tells.
func (b *Batch) Exists(key string) int {
	b.add(engine.VerbExists, key)
	return len(b.calls) - 1
}

// Set stores value under key, with the terms of Store.Set. Durable holds for the whole batch.
func (b *Batch) Set(key string, value []byte, opts ...SetOption) int {
	c := b.add(engine.VerbSet, key)
	c.Value = value
	if len(opts) > 0 {
		c.Args = setArgs(opts)
	}
	return len(b.calls) - 1
}

// SetIfAbsent stores value when key does not exist: Bool tells whether it did.
func (b *Batch) SetIfAbsent(key string, value []byte, opts ...SetOption) int {
	c := b.add(engine.VerbSetIfAbsent, key)
	c.Value, c.Args = value, setArgs(opts)
	return len(b.calls) - 1
}

// Append adds suffix to the value of key: Int gives the new length.
func (b *Batch) Append(key string, suffix []byte) int {
	c := b.add(engine.VerbAppend, key)
	c.Value = suffix
	return len(b.calls) - 1
}

// Incr adds 1 to the integer that key holds: Int gives the sum.
func (b *Batch) Incr(key string) int { return b.count(key, engine.Counter{Command: "INCR"}) }

// IncrBy adds n to the integer that key holds: Int gives the sum.
func (b *Batch) IncrBy(key string, n int64) int {
	return b.count(key, engine.Counter{Command: "INCRBY", N: n})
}

// Decr subtracts 1 from the integer that key holds: Int gives the difference.
func (b *Batch) Decr(key string) int { return b.count(key, engine.Counter{Command: "DECR"}) }

// DecrBy subtracts n from the integer that key holds: Int gives the difference.
func (b *Batch) DecrBy(key string, n int64) int {
	return b.count(key, engine.Counter{Command: "DECRBY", N: n})
}

func (b *Batch) count(key string, counter engine.Counter) int {
	c := b.add(engine.VerbIncrBy, key)
	c.Counter = counter
	return len(b.calls) - 1
}

// Delete removes key: Bool tells whether it existed.
func (b *Batch) Delete(key string) int {
	b.add(engine.VerbDelete, key)
	return len(b.calls) - 1
}

// Expire lets key live for d from Run on: Bool tells whether it exists.
func (b *Batch) Expire(key string, d time.Duration) int {
	c := b.add(engine.VerbExpire, key)
	c.Args.TTL = d
	return len(b.calls) - 1
}

// ExpireAt lets key live until t: Bool tells whether it exists.
func (b *Batch) ExpireAt(key string, t time.Time) int {
	c := b.add(engine.VerbExpireAt, key)
	c.Args.ExpireAt = t
	return len(b.calls) - 1
}

// Persist removes the expiry of key: Bool tells whether it had one.
func (b *Batch) Persist(key string) int {
	b.add(engine.VerbPersist, key)
	return len(b.calls) - 1
}

// add adds an operation, of which the caller sets the rest: beyond its length the slice is zero.
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

// Len is how many operations there are.
func (b *Batch) Len() int { return len(b.calls) }

// Reset takes all operations and outcomes out and keeps the memory for others. Slices that Value
// returned are no longer valid.
func (b *Batch) Reset() {
	clear(b.calls) // keys and values are the caller's, who may want them collected
	b.calls, b.values = b.calls[:0], b.values[:0]
}

// Value is what Get number i found. Its errors are those of Store.Get. The slice is valid until the next
// Run or Reset and can be appended to, not beyond that. It panics when there is no operation i, as Int,
// Bool and Err do; before Run, and of an operation that is no Get, it is nil.
func (b *Batch) Value(i int) ([]byte, error) { return b.calls[i].Out, b.calls[i].Err }

// Int is the sum or the length that operation i has made, with the errors of the Store's method of that
// name.
func (b *Batch) Int(i int) (int64, error) { return b.calls[i].N, b.calls[i].Err }

// Bool is what operation i tells of its key, with the errors of the Store's method of that name.
func (b *Batch) Bool(i int) (bool, error) { return b.calls[i].Did, b.calls[i].Err }

// Err is the error of operation i.
func (b *Batch) Err(i int) error { return b.calls[i].Err }

// Run does what the batch holds, in its order, as of one instant: no reader sees a part of it and no
// crash leaves one. An operation that fails does not undo the others, and has its error in the
// batch: that is the difference to Update, together with the cost. Run returns an error that
// concerns all of them, and gives it to each that would have had it alone: one that refused the batch,
// so that nothing was done, or one of the disk, after which the outcome of the writes is unknown. A
// batch that only reads runs while writes are refused. Run waits for the disk as a single write does,
// and allocates nothing once the batch has its size.
func (k keyspace) Run(b *Batch) (err error) {
	b.values, err = k.e.Do(b.values[:0], k.db, b.calls)
	return err
}
