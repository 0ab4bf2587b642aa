package engine

import (
	"errors"
	"slices"
	"time"
)

// Tx is a transaction under way. Its methods are for the goroutine and the duration of the
// function it was given to.
type Tx struct {
	x    *exec
	done bool
}

// Update runs fn with every key locked. What fn does takes effect, in memory and in the log, as a
// whole, or not at all when fn returns an error or panics.
func (e *Engine) Update(durable bool, fn func(*Tx) error) error {
	return e.update(nil, durable, fn)
}

// UpdateKeys is Update for declared keys: it locks only theirs, and fn may touch no other.
func (e *Engine) UpdateKeys(keys []string, durable bool, fn func(*Tx) error) error {
	return e.update(declare(keys), durable, fn)
}

// declare sorts a copy of the keys; an empty declaration is one too.
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

// runTx locks, runs fn, hands what it did to the log, and unlocks.
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

// lockDeclared locks the shards of the keys, or all of them for nil.
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

// View runs fn with every key locked: all that fn reads is of one instant.
func (e *Engine) View(fn func(*Tx) error) error { return e.view(nil, fn) }

// ViewKeys is View for declared keys: it locks only theirs, and fn may touch no other.
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

// allow tells whether the transaction may work on these keys.
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

// Get appends the value of a key to dst.
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

// SetIfAbsent stores a value when the key does not exist.
func (t *Tx) SetIfAbsent(db int, key string, value []byte, a SetArgs) (bool, error) {
	if err := t.allow(true, db, key); err != nil {
		return false, err
	}
	s, h := t.x.locate(key)
	return t.x.setIfAbsent(s, h, db, key, value, a)
}

// Swap stores a value and returns the one before.
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

// MGet returns the values of keys; nil for one that is absent or no string.
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

// MSet stores n pairs, which pair gives by index. It checks all of them before it stores one.
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

// Append adds to the end of a value.
func (t *Tx) Append(db int, key string, suffix []byte) (int, error) {
	if err := t.allow(true, db, key); err != nil {
		return 0, err
	}
	s, h := t.x.locate(key)
	return t.x.append(s, h, db, key, suffix, nil)
}

// IncrBy changes the integer that a key holds.
func (t *Tx) IncrBy(db int, key string, c Counter) (int64, error) {
	if err := t.allow(true, db, key); err != nil {
		return 0, err
	}
	s, h := t.x.locate(key)
	return t.x.incrBy(s, h, db, key, c)
}

// Delete removes keys and returns how many existed.
func (t *Tx) Delete(db int, keys []string) (int, error) {
	if err := t.allow(true, db, keys...); err != nil {
		return 0, err
	}
	return t.x.delete(db, keys), nil
}

// Exists counts how many of the keys exist.
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

// Expire sets the expiry to d from now.
func (t *Tx) Expire(db int, key string, d time.Duration) (bool, error) {
	return t.expireAt(db, key, t.x.deadline(d))
}

// ExpireAt sets the expiry to a time.
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

// Persist removes the expiry.
func (t *Tx) Persist(db int, key string) (bool, error) {
	if err := t.allow(true, db, key); err != nil {
		return false, err
	}
	s, h := t.x.locate(key)
	return t.x.persist(s, h, db, key)
}

// TTL is how long a key will live.
func (t *Tx) TTL(db int, key string) (time.Duration, error) {
	if err := t.allow(false, db, key); err != nil {
		return 0, err
	}
	return t.x.ttlOf(db, key)
}

// Type is Redis's name for the type of what a key holds.
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

// Len is how many keys a database holds.
func (t *Tx) Len(db int) (int64, error) {
	if err := t.allow(false, db); err != nil {
		return 0, err
	}
	return t.x.e.table.Len(db), nil
}
