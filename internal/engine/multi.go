package engine

import (
	"bytes"

	"github.com/perduredb/perdure/internal/op"
)

// MGet returns the values of keys, read atomically. The entry for a key that is missing or not a
// string is nil. Except for large values, they share one allocation.
func (e *Engine) MGet(db int, keys []string) ([][]byte, error) {
	x := e.newExec()
	defer e.free(x)
	if err := x.readLock(db, len(keys), func(i int) string { return keys[i] }); err != nil {
		return nil, err
	}
	values := make([][]byte, len(keys))
	x.PinTo(&x.later)
	all := x.MGet(make([]byte, 0, 64*len(keys)), values, db, keys)
	x.release()
	for i, v := range values {
		if v != nil {
			n := len(v)
			values[i], all = all[:n:n], all[n:]
		}
	}
	if noRoom := x.later.Each(&e.ops, func(i int, value []byte) { values[i] = bytes.Clone(value) }); noRoom != nil {
		return nil, noRoom
	}
	return values, nil
}

// MSet atomically stores n pairs, in memory and in the log.
func (e *Engine) MSet(db int, durable bool, n int, pair op.Pairs) error {
	if err := e.admit(db, durable); err != nil {
		return err
	}
	x := e.newExec()
	defer e.free(x)
	for i := range n {
		k, v := pair(i)
		x.Prepare(i, k, v)
	}
	err := x.lockKeys(n, func(i int) string {
		k, _ := pair(i)
		return k
	})
	if err != nil {
		return err
	}
	err = x.MSet(db, n, pair)
	x.end()
	return x.wait(err, durable)
}

// Delete atomically removes keys and returns the number that existed.
func (e *Engine) Delete(db int, durable bool, keys []string) (n int, err error) {
	if len(keys) == 1 {
		c := op.Call{Code: op.Delete, Key: keys[0]}
		if err = e.Call(db, durable, &c); c.Did {
			n = 1
		}
		return n, err
	}
	if err := e.admit(db, durable); err != nil {
		return 0, err
	}
	x := e.newExec()
	defer e.free(x)
	if err := x.lockKeys(len(keys), func(i int) string { return keys[i] }); err != nil {
		return 0, err
	}
	n = x.DeleteAll(db, keys)
	x.end()
	return n, x.wait(nil, durable)
}

// Exists returns the number of keys that exist, read atomically. A key given twice counts twice.
func (e *Engine) Exists(db int, keys []string) (n int, err error) {
	if len(keys) == 1 {
		c := op.Call{Code: op.Exists, Key: keys[0]}
		if err = e.Inspect(db, &c); c.Did {
			n = 1
		}
		return n, err
	}
	x := e.newExec()
	defer e.free(x)
	if err := x.readLock(db, len(keys), func(i int) string { return keys[i] }); err != nil {
		return 0, err
	}
	n = x.CountExisting(db, keys)
	x.release()
	return n, nil
}
