package engine

import (
	"slices"

	"github.com/perduredb/perdure/internal/op"
)

// A Tx is a running transaction. Its methods must only be used by the goroutine of the function
// that runs in it, and only until that function returns. The zero value is ready for one of the
// methods of Engine that run a transaction, once.
type Tx struct {
	x *exec // nil when the transaction has ended
}

// Update runs fn in t with every key locked. It applies the changes of fn atomically, in memory and
// in the log. If fn returns an error or panics, nothing is changed.
func (e *Engine) Update(t *Tx, db int, durable bool, fn func() error) error {
	if err := e.admit(db, durable); err != nil {
		return err
	}
	x := e.newExec()
	defer e.free(x)
	e.table.LockAll()
	x.held = everyShard{e.table}
	return e.update(t, x, durable, fn)
}

// UpdateKeys is like [Engine.Update] but locks only the declared keys. fn must not access any other
// key.
func (e *Engine) UpdateKeys(t *Tx, db int, keys []string, durable bool, fn func() error) error {
	if err := e.admit(db, durable); err != nil {
		return err
	}
	x := e.newExec()
	defer e.free(x)
	x.lockDeclared(keys)
	return e.update(t, x, durable, fn)
}

// update runs fn with the shards locked, appends its changes to the log, unlocks, and waits for the
// log.
func (e *Engine) update(t *Tx, x *exec, durable bool, fn func() error) error {
	if err := x.beginUpdate(); err != nil {
		x.release()
		return err
	}
	t.x = x
	finished := false
	defer func() {
		t.x = nil
		if !finished { // fn panicked, or called runtime.Goexit
			x.Rollback()
			x.release()
		}
	}()
	err := fn()
	if err == nil {
		err = x.Broken
	}
	finished = true
	if err != nil {
		x.Rollback()
		x.release()
		return err
	}
	x.end()
	return x.wait(nil, durable)
}

// beginUpdate prepares a transaction whose shards are locked, or returns the reason why writes are
// refused.
func (x *exec) beginUpdate() error {
	e := x.e
	if err := e.refusedLocked(); err != nil {
		return err
	}
	x.Log, x.Atomic = e.log, true
	x.watch()
	if x.Watcher != nil && x.held == unlocker(x.keys) && slices.ContainsFunc(x.names, e.moves) {
		x.lockAll()
		return x.beginUpdate()
	}
	return nil
}

// lockDeclared declares keys and locks their shards. Without keys, the
// transaction may access no key.
func (x *exec) lockDeclared(keys []string) {
	x.names = append(x.names[:0], keys...)
	if len(x.names) > fewNames {
		slices.Sort(x.names)
	}
	x.onlyDeclared = true
	x.keys.Set(x.e.table, len(keys), func(i int) string { return keys[i] })
	x.shard = x.keys.Lock()
	x.held = x.keys
}

// fewNames is the number of declared keys up to which comparing with each is faster than a search.
const fewNames = 8

// declared reports whether a key was declared.
func (x *exec) declared(key string) bool {
	if len(x.names) <= fewNames {
		return slices.Contains(x.names, key)
	}
	_, ok := slices.BinarySearch(x.names, key)
	return ok
}

// View runs fn in t with every key locked, so that fn reads a single point in time.
func (e *Engine) View(t *Tx, fn func() error) error {
	x := e.newExec()
	defer e.free(x)
	e.table.LockAll()
	x.held = everyShard{e.table}
	return e.view(t, x, fn)
}

// ViewKeys is like [Engine.View] but locks only the declared keys. fn must not access any other
// key.
func (e *Engine) ViewKeys(t *Tx, keys []string, fn func() error) error {
	x := e.newExec()
	defer e.free(x)
	x.lockDeclared(keys)
	return e.view(t, x, fn)
}

func (e *Engine) view(t *Tx, x *exec, fn func() error) error {
	defer x.release()
	if e.closed {
		return ErrClosed
	}
	x.ReadOnly = true
	t.x = x
	defer func() { t.x = nil }()
	return fn()
}

// allow returns the reason why the transaction must not access these keys, or nil.
func (t *Tx) allow(write bool, db int, keys ...string) error {
	if t.x == nil {
		return ErrTxDone
	}
	if t.x.Broken != nil { // until the rollback, changes may be incomplete
		return t.x.Broken
	}
	if write && t.x.ReadOnly {
		return ErrReadOnly
	}
	if db < 0 || db >= t.x.e.table.Databases() {
		return op.ErrDatabase
	}
	for _, key := range keys {
		if len(key) > op.MaxSize {
			return op.ErrTooLarge
		}
		if t.x.onlyDeclared {
			if !t.x.declared(key) {
				return ErrNotDeclared
			}
		}
	}
	return nil
}

// Call executes one call other than a Get, and returns its error.
func (t *Tx) Call(db int, c *op.Call) error {
	if err := t.allow(!c.Code.Reads(), db, c.Key); err != nil {
		return err
	}
	t.x.Do(nil, t.x.Locate(db, c.Key), c)
	return c.Err
}

// Get appends the value of a key to dst and returns the extended slice.
func (t *Tx) Get(dst []byte, db int, key string) ([]byte, error) {
	if err := t.allow(false, db, key); err != nil {
		return dst, err
	}
	c := op.Call{Code: op.Get, Key: key}
	return t.x.Do(dst, t.x.Locate(db, key), &c), c.Err
}

// MGet returns the values of keys. The entry for a key that is missing or not a string is nil.
func (t *Tx) MGet(db int, keys []string) ([][]byte, error) {
	if err := t.allow(false, db, keys...); err != nil {
		return nil, err
	}
	values := make([][]byte, len(keys))
	for i, key := range keys {
		c := op.Call{Code: op.Get, Key: key}
		t.x.Do([]byte{}, t.x.Locate(db, key), &c)
		values[i] = c.Out
	}
	return values, nil
}

// MSet stores n pairs. It checks all of them before it stores one.
func (t *Tx) MSet(db, n int, pair op.Pairs) error {
	if err := t.allow(true, db); err != nil {
		return err
	}
	for i := range n {
		key, value := pair(i)
		if err := t.allow(true, db, key); err != nil {
			return err
		}
		if len(value) > op.MaxSize {
			return op.ErrTooLarge
		}
	}
	for i := range n {
		key, value := pair(i)
		if err := t.Call(db, &op.Call{Code: op.Set, Key: key, Value: value}); err != nil {
			t.x.Broken = err // only a rollback reverts the pairs before it
			return err
		}
	}
	return nil
}

// Delete removes keys and returns the number that existed.
func (t *Tx) Delete(db int, keys []string) (int, error) {
	if err := t.allow(true, db, keys...); err != nil {
		return 0, err
	}
	return t.x.DeleteAll(db, keys), nil
}

// Exists returns the number of keys that exist.
func (t *Tx) Exists(db int, keys []string) (n int, err error) {
	if err := t.allow(false, db, keys...); err != nil {
		return 0, err
	}
	return t.x.CountExisting(db, keys), nil
}

// Len returns the number of keys in a database.
func (t *Tx) Len(db int) (int64, error) {
	if err := t.allow(false, db); err != nil {
		return 0, err
	}
	return t.x.e.table.Len(db), nil
}
