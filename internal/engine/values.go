package engine

import (
	"bytes"
	"fmt"
	"math"
	"time"

	"github.com/perduredb/perdure/internal/table"
)

// SetArgs sets the expiry of a write and whether it waits for the disk.
type SetArgs struct {
	TTL      time.Duration // from now; HasTTL
	ExpireAt time.Time     // HasExpireAt
	KeepTTL  bool
	Durable  bool

	HasTTL      bool
	HasExpireAt bool
}

// expiry returns the absolute expiry that the arguments request, or 0 for none.
func (x *exec) expiry(a SetArgs) (int64, error) {
	switch {
	case a.HasTTL && a.HasExpireAt:
		return 0, fmt.Errorf("%w: TTL and ExpireAt exclude each other", ErrTTL)
	case a.KeepTTL && a.HasTTL:
		return 0, fmt.Errorf("%w: TTL and KeepTTL exclude each other", ErrTTL)
	case a.KeepTTL && a.HasExpireAt:
		return 0, fmt.Errorf("%w: ExpireAt and KeepTTL exclude each other", ErrTTL)
	case a.HasTTL:
		return x.ttl(a.TTL)
	case a.HasExpireAt:
		ms := unixMs(a.ExpireAt)
		if ms <= 0 {
			return 0, fmt.Errorf("%w: ExpireAt(%v) is not after 1970", ErrTTL, a.ExpireAt)
		}
		return ms, nil
	}
	return 0, nil
}

// ttl converts a duration from now into an absolute expiry, rounded up to a whole millisecond.
func (x *exec) ttl(d time.Duration) (int64, error) {
	if d <= 0 {
		return 0, fmt.Errorf("%w: %v is not positive", ErrTTL, d)
	}
	ms := int64(d / time.Millisecond)
	if d%time.Millisecond > 0 {
		ms++
	}
	return x.nowMs() + ms, nil
}

// unixMs returns a time in Unix milliseconds, clamped to the first or last time that can be
// represented.
func unixMs(t time.Time) int64 {
	const seconds = math.MaxInt64/1000 - 1
	return time.Unix(min(max(t.Unix(), -seconds), seconds), int64(t.Nanosecond())).UnixMilli()
}

// Get appends the value of a key to dst and returns the extended slice.
func (e *Engine) Get(dst []byte, db int, key string) ([]byte, error) {
	if db < 0 || db >= e.table.Databases() {
		return dst, ErrDatabase
	}
	h := e.table.Hash(key)
	s := e.table.Shard(h)
	s.Lock()
	if !e.closed {
		if out, ok := s.AppendString(dst, db, h, key); ok {
			s.Unlock()
			return out, nil
		}
	}
	s.Unlock()
	return e.getAny(dst, db, key)
}

// getAny is Get for a key that is missing or not a plain string.
func (e *Engine) getAny(dst []byte, db int, key string) ([]byte, error) {
	var later pins
	err := e.read(db, key, func(it table.Item) error {
		if it.Kind() != table.String {
			return ErrWrongType
		}
		if !it.Large() || !later.take(e, db, key, 0) {
			dst = it.AppendValue(dst)
		}
		return nil
	})
	if noRoom := later.each(e, func(_ int, value []byte) { dst = append(dst, value...) }); noRoom != nil {
		return dst, noRoom
	}
	return dst, err
}

func (x *exec) get(dst []byte, s *table.Shard, h uint64, db int, key string) ([]byte, error) {
	if out, ok := s.AppendString(dst, db, h, key); ok {
		return out, nil
	}
	it, ok := x.find(s, h, db, key)
	if !ok {
		return dst, ErrNotFound
	}
	if it.Kind() != table.String {
		return dst, ErrWrongType
	}
	return it.AppendValue(dst), nil
}

// Set stores a value, replacing any previous value, even one of another type.
func (e *Engine) Set(db int, key string, value []byte, a SetArgs) error {
	return e.writeLarge(db, key, value, a.Durable, func(x *exec, s *table.Shard, h uint64) error {
		return x.set(s, h, db, key, value, a)
	})
}

func (x *exec) set(s *table.Shard, h uint64, db int, key string, value []byte, a SetArgs) error {
	if len(value) > maxSize {
		return ErrTooLarge
	}
	at, err := x.expiry(a)
	if err != nil {
		return err
	}
	if a.KeepTTL {
		if it, ok := x.find(s, h, db, key); ok {
			at = it.ExpireAtMs()
		}
	}
	if err := x.store(s, h, db, key, value, at); err != nil {
		return err
	}
	x.dirty++
	x.commandSet(db, key, value, at, a.KeepTTL)
	return nil
}

// SetIfAbsent stores a value if the key does not exist, and reports whether it did.
func (e *Engine) SetIfAbsent(db int, key string, value []byte, a SetArgs) (stored bool, err error) {
	if len(value) > largeValue { // avoid a needless copy
		if n, err := e.Exists(db, []string{key}); n > 0 || err != nil {
			return false, err
		}
	}
	err = e.writeLarge(db, key, value, a.Durable, func(x *exec, s *table.Shard, h uint64) error {
		stored, err = x.setIfAbsent(s, h, db, key, value, a)
		return err
	})
	return stored, err
}

func (x *exec) setIfAbsent(s *table.Shard, h uint64, db int, key string, value []byte, a SetArgs) (bool, error) {
	if _, ok := x.find(s, h, db, key); ok {
		return false, nil
	}
	if a.HasTTL || a.HasExpireAt {
		err := x.set(s, h, db, key, value, a)
		return err == nil, err
	}
	if len(value) > maxSize {
		return false, ErrTooLarge
	}
	if err := x.store(s, h, db, key, value, 0); err != nil {
		return false, err
	}
	x.dirty++
	x.commandValue(db, "SETNX", key, value)
	return true, nil
}

// Swap stores a value and returns the previous one, if there was one.
func (e *Engine) Swap(db int, key string, value []byte, a SetArgs) (old []byte, existed bool, err error) {
	var later pins
	err = e.writeLarge(db, key, value, a.Durable, func(x *exec, s *table.Shard, h uint64) error {
		old, existed, err = x.swap(s, h, db, key, value, a, &later)
		return err
	})
	if noRoom := later.each(e, func(_ int, value []byte) { old = bytes.Clone(value) }); noRoom != nil && err == nil {
		err = noRoom // the new value is stored
	}
	return old, existed, err
}

// swap pins a large old value in later instead of copying it, if later is not nil.
func (x *exec) swap(
	s *table.Shard, h uint64, db int, key string, value []byte, a SetArgs, later *pins,
) ([]byte, bool, error) {
	it, existed := x.find(s, h, db, key)
	var old []byte
	if existed {
		if it.Kind() != table.String {
			return nil, false, ErrWrongType
		}
		if later == nil || !it.Large() || !later.take(x.e, db, key, 0) {
			old = it.AppendValue([]byte{})
		}
	}
	if err := x.set(s, h, db, key, value, a); err != nil {
		return nil, false, err
	}
	return old, existed, nil
}

// CompareAndSwap stores value if the key holds exactly old, and reports whether it did.
func (e *Engine) CompareAndSwap(db int, key string, old, value []byte, a SetArgs) (swapped bool, err error) {
	if len(old) > largeValue {
		return e.compareLarge(db, key, old, value, a)
	}
	err = e.writeLarge(db, key, value, a.Durable, func(x *exec, s *table.Shard, h uint64) error {
		swapped, err = x.compareAndSwap(s, h, db, key, old, value, a)
		return err
	})
	return swapped, err
}

func (x *exec) compareAndSwap(s *table.Shard, h uint64, db int, key string, old, value []byte, a SetArgs) (bool, error) {
	it, ok := x.find(s, h, db, key)
	if !ok {
		return false, nil
	}
	if it.Kind() != table.String {
		return false, ErrWrongType
	}
	if !it.Equal(old) {
		return false, nil
	}
	err := x.set(s, h, db, key, value, a)
	return err == nil, err
}

// MGet returns the values of keys, read atomically. The entry for a key that is missing or not a
// string is nil. Except for large values, they share one allocation.
func (e *Engine) MGet(db int, keys []string) ([][]byte, error) {
	var later pins
	values := make([][]byte, len(keys))
	all := make([]byte, 0, 64*len(keys))
	err := e.readKeys(db, len(keys), func(i int) string { return keys[i] }, func(x *exec) error {
		for i, key := range keys {
			s, h := x.keys.At(db, i)
			before := len(all)
			var err error
			if all, err = x.getLater(all, s, h, db, key, &later, i); err == nil {
				values[i] = all[before:] // only the length is final, because all may still move
			}
		}
		return nil
	})
	for i, v := range values {
		if v != nil {
			n := len(v)
			values[i], all = all[:n:n], all[n:]
		}
	}
	if noRoom := later.each(e, func(i int, value []byte) { values[i] = bytes.Clone(value) }); noRoom != nil {
		return nil, noRoom
	}
	return values, err
}

// MSet atomically stores the n pairs that pair returns by index, in memory and in the log.
func (e *Engine) MSet(db, n int, pair func(i int) (key string, value []byte)) error {
	key := func(i int) string {
		k, _ := pair(i)
		return k
	}
	if err := e.admit(db, false); err != nil {
		return err
	}
	x := e.newExec()
	defer e.free(x)
	for i := range n {
		k, v := pair(i)
		x.prepare(i, k, v)
	}
	return x.writeKeys(n, key, false, func(x *exec) error { return x.mset(db, n, pair) })
}

// mset stores all pairs, or none on error.
func (x *exec) mset(db, n int, pair func(i int) (key string, value []byte)) error {
	for i := range n {
		if key, value := pair(i); len(key) > maxSize || len(value) > maxSize {
			return ErrTooLarge
		}
	}
	x.kept, x.whole = x.kept[:0], false
	plain := 0 // pairs before the first that is not a change in place
	if x.log != nil && n > 0 {
		x.unit.begin(x.log, db, 1+2*n)
		x.unit.str("MSET")
	}
	for i := range n {
		key, value := pair(i)
		s, h := x.keys.At(db, i)
		x.call = i
		swapped := false
		if plain == i && len(value) <= plainSize {
			if x.kept, swapped = s.SwapString(x.kept, db, h, key, value); swapped {
				plain++
			}
		}
		if !swapped {
			x.whole = true
			if err := x.store(s, h, db, key, value, 0); err != nil {
				x.rollback()
				x.swapBack(db, plain, pair)
				return err
			}
		}
		x.dirty++
		if x.log != nil {
			x.unit.str(key)
			x.value(value)
		}
	}
	return nil
}

// swapBack restores the old values of the first n pairs, which were recorded in kept and have the
// same lengths.
func (x *exec) swapBack(db, n int, pair func(i int) (key string, value []byte)) {
	for i := n - 1; i >= 0; i-- {
		key, value := pair(i)
		s, h := x.locate(key)
		from := len(x.kept) - len(value)
		s.SetString(db, h, key, x.kept[from:])
		x.kept = x.kept[:from]
	}
}
