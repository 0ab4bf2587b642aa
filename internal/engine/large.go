package engine

import (
	"bytes"

	"github.com/perduredb/perdure/internal/op"
	"github.com/perduredb/perdure/internal/table"
)

// largeTries is the number of attempts of appendLarge and compareLarge while other writers change a
// large value.
const largeTries = 3

// appendLarge appends to a value that is large, or becomes so. It builds the new value with no lock
// held, and then checks that the key still has the old value. After too many failed attempts it
// makes the copy under the lock.
func (e *Engine) appendLarge(db int, durable bool, c *op.Call) (err error) {
	defer func() {
		if err != nil {
			c.Result = 0
		}
	}()
	for range largeTries {
		if done, err := e.tryAppend(db, durable, c); done || err != nil {
			return err
		}
	}
	return e.writePooled(db, durable, c)
}

// before is the value of a key that was read under its lock: pinned if it is large, else copied.
type before struct {
	exists bool
	pins   op.Pins
	copied []byte
}

func (b *before) value() []byte {
	if len(b.pins.Held) > 0 {
		return b.pins.Last()
	}
	return b.copied
}

// still reports whether the key still has the value.
func (b *before) still(p op.Place, it table.Item, ok bool) bool {
	switch {
	case ok != b.exists:
		return false
	case len(b.pins.Held) > 0:
		return p.Shard.Holds(p.DB, p.Hash, p.Key, b.pins.Held[0].Pin)
	}
	return !ok || it.Kind() == table.String && it.Equal(b.copied)
}

// tryAppend makes one attempt. The result done is false if the key has changed.
func (e *Engine) tryAppend(db int, durable bool, c *op.Call) (done bool, err error) {
	var old before
	err = e.locked(db, false, c.Key, nil, func(x *exec, p op.Place) error {
		var it table.Item
		it, old.exists = x.Find(p)
		n, err := op.AppendTo(it, old.exists, c.Value)
		c.Result = int64(n)
		if err == nil && !(it.Large() && old.pins.Take(&e.ops, p, 0)) {
			old.copied = it.AppendValue(nil)
		}
		return err
	})
	defer old.pins.Release(&e.ops)
	if err != nil {
		return false, err
	}
	if err := e.admit(db, durable); err != nil {
		return false, err
	}
	x := e.newExec()
	defer e.free(x)
	if err := x.PrepareAppend(c.Key, old.value(), c.Value); err != nil {
		return false, err
	}
	p, err := x.lock(db, c.Key)
	if err != nil {
		return false, err
	}
	if it, ok := x.Find(p); old.still(p, it, ok) {
		done, err = x.AppendPrepared(p, c, len(old.value()), it.ExpireAtMs())
	}
	x.end()
	return done, x.wait(err, durable)
}

// compareLarge is CompareAndSwap of a large value. It compares with no lock held, and then checks
// that the key still has the compared value. After too many failed attempts it compares under the
// lock.
func (e *Engine) compareLarge(db int, durable bool, c *op.Call) error {
	for range largeTries {
		if done, err := e.tryCompare(db, durable, c); done {
			return err
		}
	}
	return e.writePooled(db, durable, c)
}

// tryCompare makes one attempt. The result done is false if the key has changed.
func (e *Engine) tryCompare(db int, durable bool, c *op.Call) (done bool, err error) {
	var seen op.Pins
	defer seen.Release(&e.ops)
	err = e.locked(db, durable, c.Key, nil, func(x *exec, p op.Place) error {
		it, ok := x.Find(p)
		if !ok || it.Kind() != table.String || it.ValueLen() != len(c.Old) || !it.Large() || !seen.Take(&e.ops, p, 0) {
			x.Do(nil, p, c)
		}
		return c.Err
	})
	if len(seen.Held) == 0 || !bytes.Equal(seen.Last(), c.Old) {
		return true, err
	}
	swap := op.Call{Code: op.Set, Key: c.Key, Value: c.Value, Expiry: c.Expiry}
	err = e.locked(db, durable, c.Key, c.Value, func(x *exec, p op.Place) error {
		ok := x.Has(p)
		if done = ok && p.Shard.Holds(p.DB, p.Hash, p.Key, seen.Held[0].Pin); done {
			x.Do(nil, p, &swap)
			c.Did = swap.Err == nil
		}
		return swap.Err
	})
	return done || err != nil, err
}
