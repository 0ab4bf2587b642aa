package engine

import (
	"errors"
	"slices"
	"time"
)

// A Tx is a running transaction. Its methods must only be used by the goroutine of the function
// that received it, and only until that function returns.
type Tx struct {
	x    *exec
	done bool
}

// Update runs fn with every key locked. It applies the changes of fn atomically, in memory and in
// the log. If fn returns an error or panics, nothing is changed.
func (e *Engine) Update(durable bool, fn func(*Tx) error) error {
	return e.update(nil, durable, fn)
}

// UpdateKeys is like [Engine.Update] but locks only the declared keys. fn must not access any other
// key.
func (e *Engine) UpdateKeys(keys []string, durable bool, fn func(*Tx) error) error {
	return e.update(declare(keys), durable, fn)
}

// declare returns a sorted copy of the keys. It is not nil even if there are no keys, because an
// empty declaration is one too.
func declare(keys []string) []string {
	sorted := append(make([]string, 0, len(keys)+1), keys...)
	slices.Sort(sorted)
	return sorted
}

func (e *Engine) update(declared []string, durable bool, fn func(*Tx) error) error {
	if err := e.admit(0, durable); err != nil {
		return err
	}
	x := e.newExec()
	defer e.free(x)
	if err := e.runTx(x, declared, fn); err != nil {
		return err
	}
	return x.commit(nil, durable)
}

// runTx locks the shards, runs fn, appends its changes to the log, and unlocks.
func (e *Engine) runTx(x *exec, declared []string, fn func(*Tx) error) error {
	x.lockDeclared(declared)
	if err := e.refusedLocked(); err != nil {
		x.release()
		return err
	}
	x.log, x.whole, x.declared = e.log, true, declared
	tx := &Tx{x: x}
	finished := false
	defer func() {
		tx.done = true
		if !finished { // fn panicked, or called runtime.Goexit
			x.rollback()
			x.release()
		}
	}()
	err := fn(tx)
	finished = true
	if err != nil {
		x.rollback()
	} else {
		x.seal()
	}
	x.release()
	return err
}

// lockDeclared locks the shards of the declared keys, or all shards if declared is nil.
func (x *exec) lockDeclared(declared []string) {
	if declared == nil {
		x.e.table.LockAll()
		x.held = everyShard{x.e.table}
		return
	}
	x.keys.Set(x.e.table, len(declared), func(i int) string { return declared[i] })
	x.shard = x.keys.Lock()
	x.held = x.keys
}

// View runs fn with every key locked, so that fn reads a single point in time.
func (e *Engine) View(fn func(*Tx) error) error { return e.view(nil, fn) }

// ViewKeys is like [Engine.View] but locks only the declared keys. fn must not access any other
// key.
func (e *Engine) ViewKeys(keys []string, fn func(*Tx) error) error {
	return e.view(declare(keys), fn)
}

func (e *Engine) view(declared []string, fn func(*Tx) error) error {
	x := e.newExec()
	defer e.free(x)
	x.lockDeclared(declared)
	defer x.release()
	if e.closed {
		return ErrClosed
	}
	x.readOnly, x.declared = true, declared
	tx := &Tx{x: x}
	defer func() { tx.done = true }()
	return fn(tx)
}

// allow returns the reason why the transaction must not access these keys, or nil.
func (t *Tx) allow(write bool, db int, keys ...string) error {
	if t.done {
		return ErrTxDone
	}
	if write && t.x.readOnly {
		return ErrReadOnly
	}
	if db < 0 || db >= t.x.e.table.Databases() {
		return ErrDatabase
	}
	for _, key := range keys {
		if len(key) > maxSize {
			return ErrTooLarge
		}
		if t.x.declared != nil {
			if _, ok := slices.BinarySearch(t.x.declared, key); !ok {
				return ErrNotDeclared
			}
		}
	}
	return nil
}

// Get appends the value of a key to dst and returns the extended slice.
func (t *Tx) Get(dst []byte, db int, key string) ([]byte, error) {
	if err := t.allow(false, db, key); err != nil {
		return dst, err
	}
	s, h := t.x.locate(key)
	return t.x.get(dst, s, h, db, key)
}

// Set stores a value.
func (t *Tx) Set(db int, key string, value []byte, a SetArgs) error {
	if err := t.allow(true, db, key); err != nil {
		return err
	}
	s, h := t.x.locate(key)
	return t.x.set(s, h, db, key, value, a)
}

// SetIfAbsent stores a value if the key does not exist, and reports whether it did.
func (t *Tx) SetIfAbsent(db int, key string, value []byte, a SetArgs) (bool, error) {
	if err := t.allow(true, db, key); err != nil {
		return false, err
	}
	s, h := t.x.locate(key)
	return t.x.setIfAbsent(s, h, db, key, value, a)
}

// Swap stores a value and returns the previous one.
func (t *Tx) Swap(db int, key string, value []byte, a SetArgs) ([]byte, bool, error) {
	if err := t.allow(true, db, key); err != nil {
		return nil, false, err
	}
	s, h := t.x.locate(key)
	return t.x.swap(s, h, db, key, value, a, nil)
}

// CompareAndSwap stores value if the key holds exactly old, and reports whether it did.
func (t *Tx) CompareAndSwap(db int, key string, old, value []byte, a SetArgs) (bool, error) {
	if err := t.allow(true, db, key); err != nil {
		return false, err
	}
	s, h := t.x.locate(key)
	return t.x.compareAndSwap(s, h, db, key, old, value, a)
}

// MGet returns the values of keys. The entry for a key that is missing or not a string is nil.
func (t *Tx) MGet(db int, keys []string) ([][]byte, error) {
	if err := t.allow(false, db, keys...); err != nil {
		return nil, err
	}
	values := make([][]byte, len(keys))
	for i, key := range keys {
		s, h := t.x.locate(key)
		v, err := t.x.get([]byte{}, s, h, db, key)
		switch {
		case err == nil:
			values[i] = v
		case !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrWrongType):
			return nil, err
		}
	}
	return values, nil
}

// MSet stores the n pairs that pair returns by index. It checks all of them before it stores one.
func (t *Tx) MSet(db, n int, pair func(i int) (key string, value []byte)) error {
	if err := t.allow(true, db); err != nil {
		return err
	}
	for i := range n {
		key, value := pair(i)
		if err := t.allow(true, db, key); err != nil {
			return err
		}
		if len(value) > maxSize {
			return ErrTooLarge
		}
	}
	for i := range n {
		key, value := pair(i)
		if err := t.Set(db, key, value, SetArgs{}); err != nil {
			return err
		}
	}
	return nil
}

// Append appends to a value and returns the new length.
func (t *Tx) Append(db int, key string, suffix []byte) (int, error) {
	if err := t.allow(true, db, key); err != nil {
		return 0, err
	}
	s, h := t.x.locate(key)
	return t.x.append(s, h, db, key, suffix, nil)
}

// IncrBy changes the integer at a key and returns the new value.
func (t *Tx) IncrBy(db int, key string, c Counter) (int64, error) {
	if err := t.allow(true, db, key); err != nil {
		return 0, err
	}
	s, h := t.x.locate(key)
	return t.x.incrBy(s, h, db, key, c)
}

// Delete removes keys and returns the number that existed.
func (t *Tx) Delete(db int, keys []string) (int, error) {
	if err := t.allow(true, db, keys...); err != nil {
		return 0, err
	}
	return t.x.delete(db, keys), nil
}

// Exists returns the number of keys that exist.
func (t *Tx) Exists(db int, keys []string) (n int, err error) {
	if err := t.allow(false, db, keys...); err != nil {
		return 0, err
	}
	for _, key := range keys {
		if t.x.exists(db, key) {
			n++
		}
	}
	return n, nil
}

// Expire sets the expiry to d from now, and reports whether the key exists.
func (t *Tx) Expire(db int, key string, d time.Duration) (bool, error) {
	return t.expireAt(db, key, t.x.deadline(d))
}

// ExpireAt sets the expiry to a time, and reports whether the key exists.
func (t *Tx) ExpireAt(db int, key string, at time.Time) (bool, error) {
	return t.expireAt(db, key, unixMs(at))
}

func (t *Tx) expireAt(db int, key string, at int64) (bool, error) {
	if err := t.allow(true, db, key); err != nil {
		return false, err
	}
	s, h := t.x.locate(key)
	return t.x.expireAt(s, h, db, key, at)
}

// Persist removes the expiry, and reports whether there was one.
func (t *Tx) Persist(db int, key string) (bool, error) {
	if err := t.allow(true, db, key); err != nil {
		return false, err
	}
	s, h := t.x.locate(key)
	return t.x.persist(s, h, db, key)
}

// TTL returns the remaining time to live of a key.
func (t *Tx) TTL(db int, key string) (time.Duration, error) {
	if err := t.allow(false, db, key); err != nil {
		return 0, err
	}
	return t.x.ttlOf(db, key)
}

// Type returns Redis's name for the type of the value of a key.
func (t *Tx) Type(db int, key string) (string, error) {
	if err := t.allow(false, db, key); err != nil {
		return "", err
	}
	s, h := t.x.locate(key)
	it, ok := t.x.find(s, h, db, key)
	if !ok {
		return "", ErrNotFound
	}
	return typeName(it), nil
}

// Len returns the number of keys in a database.
func (t *Tx) Len(db int) (int64, error) {
	if err := t.allow(false, db); err != nil {
		return 0, err
	}
	return t.x.e.table.Len(db), nil
}
