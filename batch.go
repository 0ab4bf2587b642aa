package perdure

import (
	"time"

	"github.com/perduredb/perdure/internal/op"
)

// A Batch collects operations for [Store.Run], which executes all of them at once. For keys that
// are not in the CPU cache this is several times faster than single calls. Run waits for the memory
// of many keys concurrently, locks each part of the store once, and waits once for the log.
//
// Each method adds an operation and returns a handle, which returns the result after Run. A handle
// is a small value and does not allocate. Before Run, and after [Batch.Reset], it returns
// [ErrBatch].
//
// The batch retains keys and values until Reset without copying them; the caller must not modify a
// value before Run returns. Run copies large values of Set, SetIfAbsent, and Get without holding a
// lock, but those of Append under its locks.
//
// A Batch has the operations on one key whose results fit a handle. For the others use
// [Store.UpdateKeys].
//
// The zero value is ready to use. A batch that is reused after Reset allocates only for large
// values. A Batch must be used by one goroutine at a time.
type Batch struct {
	calls      []op.Call
	values     []byte // values that the Gets found
	ran        int    // number of calls that the last Run executed
	generation uint32 // number of calls of Reset
}

// handle is an operation of a batch.
type handle struct {
	b          *Batch
	i          int
	generation uint32
}

// Err returns the error that the corresponding [Store] method would return, or [ErrBatch].
func (h handle) Err() error {
	_, err := h.call()
	return err
}

// call returns the executed call of a handle and its error.
func (h handle) call() (op.Call, error) {
	if h.b == nil || h.generation != h.b.generation || h.i >= h.b.ran {
		return op.Call{}, ErrBatch
	}
	return h.b.calls[h.i], h.b.calls[h.i].Err
}

// A BatchResult is the handle of an operation that returns only an error.
type BatchResult struct{ handle }

// A BatchValue is the handle of [Batch.Get].
type BatchValue struct{ handle }

// Value returns the value that the Get found, with the errors of [Store.Get], or [ErrBatch]. The
// slice is valid until the next Run or Reset of the batch. The caller can append to it without
// overwriting other values.
func (v BatchValue) Value() ([]byte, error) {
	c, err := v.call()
	return c.Out, err
}

// A BatchInt is the handle of an operation that returns an integer.
type BatchInt struct{ handle }

// Int returns the new value of a counter, or the new length of an Append, and the error that the
// corresponding [Store] method would return, or [ErrBatch].
func (n BatchInt) Int() (int64, error) {
	c, err := n.call()
	return c.Result, err
}

// A BatchBool is the handle of an operation that reports whether something was the case.
type BatchBool struct{ handle }

// Bool returns the boolean result and the error that the corresponding [Store] method would
// return, or [ErrBatch].
func (r BatchBool) Bool() (bool, error) {
	c, err := r.call()
	return c.Did, err
}

// Get adds a read of key.
func (b *Batch) Get(key string) BatchValue {
	_, h := b.add(op.Get, key)
	return BatchValue{h}
}

// Exists adds an existence check of key.
func (b *Batch) Exists(key string) BatchBool { return b.test(op.Exists, key) }

// Set adds a write of value under key, under the rules of [Store.Set].
func (b *Batch) Set(key string, value []byte, opts ...SetOption) BatchResult {
	c, h := b.add(op.Set, key)
	c.Value = value
	if len(opts) > 0 {
		c.Expiry = expiryOf(opts)
	}
	return BatchResult{h}
}

// SetIfAbsent adds a write of value that takes effect if key does not exist. [BatchBool.Bool]
// reports whether it did.
func (b *Batch) SetIfAbsent(key string, value []byte, opts ...SetOption) BatchBool {
	c, h := b.add(op.SetIfAbsent, key)
	c.Value, c.Expiry = value, expiryOf(opts)
	return BatchBool{h}
}

// Append adds an operation that appends suffix to the value of key. [BatchInt.Int] returns the new
// length.
func (b *Batch) Append(key string, suffix []byte) BatchInt {
	c, h := b.add(op.Append, key)
	c.Value = suffix
	return BatchInt{h}
}

// Incr adds an operation that adds 1 to the integer at key.
func (b *Batch) Incr(key string) BatchInt { return b.count(op.Incr, key, 0) }

// IncrBy adds an operation that adds n to the integer at key.
func (b *Batch) IncrBy(key string, n int64) BatchInt { return b.count(op.IncrBy, key, n) }

// Decr adds an operation that subtracts 1 from the integer at key.
func (b *Batch) Decr(key string) BatchInt { return b.count(op.Decr, key, 0) }

// DecrBy adds an operation that subtracts n from the integer at key.
func (b *Batch) DecrBy(key string, n int64) BatchInt { return b.count(op.DecrBy, key, n) }

// Delete adds a deletion of key. [BatchBool.Bool] reports whether the key existed.
func (b *Batch) Delete(key string) BatchBool { return b.test(op.Delete, key) }

// Expire adds an operation that sets the expiry of key to d after the time of Run. [BatchBool.Bool]
// reports whether the key exists.
func (b *Batch) Expire(key string, d time.Duration) BatchBool {
	c, h := b.add(op.Expire, key)
	c.Expiry.TTL = d
	return BatchBool{h}
}

// ExpireAt adds an operation that sets the expiry of key to t. [BatchBool.Bool] reports whether the
// key exists.
func (b *Batch) ExpireAt(key string, t time.Time) BatchBool {
	c, h := b.add(op.ExpireAt, key)
	c.Expiry.At = t
	return BatchBool{h}
}

// Persist adds an operation that removes the expiry of key. [BatchBool.Bool] reports whether it had
// one.
func (b *Batch) Persist(key string) BatchBool { return b.test(op.Persist, key) }

func (b *Batch) count(code op.Code, key string, n int64) BatchInt {
	c, h := b.add(code, key)
	c.N = n
	return BatchInt{h}
}

func (b *Batch) test(code op.Code, key string) BatchBool {
	_, h := b.add(code, key)
	return BatchBool{h}
}

// add appends an operation. The caller sets its other fields, which are zero: the slice is zero
// beyond its length.
func (b *Batch) add(code op.Code, key string) (*op.Call, handle) {
	n := len(b.calls)
	if n == cap(b.calls) {
		b.calls = append(b.calls, op.Call{})
	}
	b.calls = b.calls[:n+1]
	c := &b.calls[n]
	c.Code, c.Key = code, key
	return c, handle{b, n, b.generation}
}

// Len returns the number of operations in the batch.
func (b *Batch) Len() int { return len(b.calls) }

// Reset removes all operations and results, and keeps the memory for reuse. Slices that
// [BatchValue.Value] returned become invalid, and handles return [ErrBatch].
func (b *Batch) Reset() {
	clear(b.calls) // lets the garbage collector free the caller's keys and values
	b.calls, b.values = b.calls[:0], b.values[:0]
	b.ran = 0
	b.generation++
}
