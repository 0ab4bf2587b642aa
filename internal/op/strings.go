package op

import (
	"errors"

	"github.com/perduredb/perdure/internal/table"
)

// get appends the value of a key to dst. After PinTo, it pins a large value instead.
func (x *Exec) get(dst []byte, p Place) ([]byte, error) {
	if out, ok := p.Shard.AppendString(dst, p.DB, p.Hash, p.Key); ok {
		return out, nil
	}
	it, ok := x.Find(p)
	switch {
	case !ok:
		return dst, ErrNotFound
	case it.Kind() != table.String:
		return dst, ErrWrongType
	case x.pinLater(p, it):
		return dst, nil
	}
	return it.AppendValue(dst), nil
}

// pinLater pins a large value that the caller copies after the unlock, and reports whether it did.
func (x *Exec) pinLater(p Place, it table.Item) bool {
	return it.Large() && x.large != nil && x.large.later != nil && x.large.later.Take(x.Store, p, x.Number)
}

// set stores a value, replacing any previous value, even one of another type.
func (x *Exec) set(p Place, c *Call) error {
	if c.Expiry.KeepTTL {
		it, found := x.Find(p)
		return x.setFound(p, c, it, found)
	}
	return x.setFound(p, c, table.Item{}, false)
}

// setFound is set after a search. If it has found the key, setFound does not search again.
func (x *Exec) setFound(p Place, c *Call, it table.Item, found bool) error {
	at := c.Expiry.at(x)
	if c.Expiry.KeepTTL {
		at = it.ExpireAtMs()
	}
	var err error
	if found && len(c.Value) <= LargeValue {
		x.remember(p.Shard)
		if err = p.Shard.Replace(p.DB, p.Hash, p.Key, it, table.String, c.Value, at); err == nil {
			x.Dirty++
		}
	} else {
		err = x.put(p, c.Value, at)
	}
	if err != nil {
		return err
	}
	x.commandSet(p, c.Value, at, c.Expiry.KeepTTL)
	return nil
}

// put stores a string and counts the change.
func (x *Exec) put(p Place, value []byte, at int64) error {
	if len(value) > MaxSize {
		return ErrTooLarge
	}
	if err := x.store(p, value, at); err != nil {
		return err
	}
	x.Dirty++
	return nil
}

// setIfAbsent stores a value if the key does not exist, and reports whether it did.
func (x *Exec) setIfAbsent(p Place, c *Call) (bool, error) {
	if x.Has(p) {
		return false, nil
	}
	if c.Expiry.HasTTL || c.Expiry.HasExpireAt {
		err := x.set(p, c)
		return err == nil, err
	}
	if err := x.put(p, c.Value, 0); err != nil {
		return false, err
	}
	x.commandValue(p.DB, "SETNX", p.Key, c.Value)
	return true, nil
}

// swap stores a value and returns the previous one.
func (x *Exec) swap(p Place, c *Call) error {
	it, existed := x.Find(p)
	var old []byte
	if existed {
		switch {
		case it.Kind() != table.String:
			return ErrWrongType
		case it.Large() && x.large == nil:
			return ErrNotSmall
		}
		if old = []byte{}; !x.pinLater(p, it) {
			old = it.AppendValue(old)
		} else if !x.large.later.room() { // before the old value is gone
			return ErrNoMemory
		}
	}
	if err := x.setFound(p, c, it, existed); err != nil {
		return err
	}
	c.Out, c.Did = old, existed
	return nil
}

// compareAndSwap stores a value if the key holds exactly c.Old, and reports whether it did.
func (x *Exec) compareAndSwap(p Place, c *Call) (bool, error) {
	it, ok := x.Find(p)
	if !ok {
		return false, nil
	}
	if it.Kind() != table.String {
		return false, ErrWrongType
	}
	if !it.Equal(c.Old) {
		return false, nil
	}
	err := x.setFound(p, c, it, true)
	return err == nil, err
}

// ErrNotSmall is the error of a call by an Exec without NewExec that would have to copy a large
// value under the lock. The call has changed nothing.
var ErrNotSmall = errors.New("perdure: a call copies a large value")

// append appends to a value, creating the key if it is missing.
func (x *Exec) append(p Place, c *Call) error {
	it, ok := x.Find(p)
	n, err := AppendTo(it, ok, c.Value)
	c.Result = int64(n)
	if err != nil || ok && len(c.Value) == 0 {
		return err
	}
	if x.large == nil && !x.Replaying && it.Large() && p.Shard.AppendMoves(p.DB, p.Hash, p.Key, len(c.Value)) {
		return ErrNotSmall
	}
	x.remember(p.Shard)
	if ok {
		_, err = p.Shard.Append(p.DB, p.Hash, p.Key, c.Value)
	} else {
		err = p.set(table.String, c.Value, 0)
	}
	if err != nil {
		c.Result = 0
		return err
	}
	x.appended(p, c)
	return nil
}

// AppendTo returns the length of the present value, or the reason why suffix cannot be appended to
// it.
func AppendTo(it table.Item, ok bool, suffix []byte) (n int, err error) {
	if ok && it.Kind() != table.String {
		return 0, ErrWrongType
	}
	if n = it.ValueLen(); n+len(suffix) > MaxSize {
		return n, ErrTooLarge
	}
	return n, nil
}

// appended completes an Append of a value whose length was c.Result.
func (x *Exec) appended(p Place, c *Call) {
	if len(c.Value) > LargeValue {
		x.link(p, len(c.Value))
	}
	x.Dirty++
	x.commandValue(p.DB, "APPEND", p.Key, c.Value)
	c.Result += int64(len(c.Value))
}
