package engine

import (
	"bytes"

	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/op"
	"github.com/perduredb/perdure/internal/table"
)

// Get appends the value of a key to dst and returns the extended slice.
func (e *Engine) Get(dst []byte, db int, key string) ([]byte, error) {
	if db < 0 || db >= e.table.Databases() {
		return dst, op.ErrDatabase
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
	var later op.Pins
	err := e.read(db, key, func(p op.Place, it table.Item, ok bool) error {
		switch {
		case !ok:
			return op.ErrNotFound
		case it.Kind() != table.String:
			return op.ErrWrongType
		case !it.Large() || !later.Take(&e.ops, p, 0):
			dst = it.AppendValue(dst)
		}
		return nil
	})
	if noRoom := later.Each(&e.ops, func(_ int, value []byte) { dst = append(dst, value...) }); noRoom != nil {
		return dst, noRoom
	}
	return dst, err
}

// read calls fn with the live entry of a key, with its shard locked. Unlike the short paths of Get
// and Inspect, it has a guard against a panic: see docs/decisions.md.
func (e *Engine) read(db int, key string, fn func(p op.Place, it table.Item, ok bool) error) error {
	if db < 0 || db >= e.table.Databases() {
		return op.ErrDatabase
	}
	h := e.table.Hash(key)
	s := e.table.Shard(h)
	s.Lock()
	if e.closed {
		s.Unlock()
		return ErrClosed
	}
	held := true
	defer func() {
		if held { // a panic
			e.breaks(s.Unlock)
		}
	}()
	it, ok := s.Find(db, h, key)
	expired := false
	if ok {
		at := it.ExpireAtMs()
		expired = at != 0 && op.NowMs() > at
	}
	if expired {
		it, ok = table.Item{}, false
	}
	err := fn(op.Place{Shard: s, Hash: h, DB: db, Key: key}, it, ok)
	held = false
	s.Unlock()
	if expired && !e.table.ViewPressure() { // a read does not wait for a save
		e.expireKey(db, key)
	}
	return err
}

// Call executes one call other than a Get, and returns its error. A write returns once it is as
// safe as the fsync policy requires, or on disk if durable is set.
func (e *Engine) Call(db int, durable bool, c *op.Call) error {
	switch {
	case c.Code.Reads():
		return e.Inspect(db, c)
	case c.Code == op.CompareAndSwap && len(c.Old) > op.LargeValue:
		if err := c.Expiry.Check(); err != nil {
			return err
		}
		return e.compareLarge(db, durable, c)
	}
	return e.write(db, durable, c)
}

// Inspect executes an Exists, TTL, or Type. It is a short path for a key without an expiry.
func (e *Engine) Inspect(db int, c *op.Call) error {
	if db < 0 || db >= e.table.Databases() {
		return op.ErrDatabase
	}
	h := e.table.Hash(c.Key)
	s := e.table.Shard(h)
	s.Lock()
	if !e.closed { // otherwise the memory of the table may be gone
		if it, ok := s.Find(db, h, c.Key); it.ExpireAtMs() == 0 {
			c.Inspect(it, ok)
			s.Unlock()
			return c.Err
		}
	}
	s.Unlock()
	return e.read(db, c.Key, func(_ op.Place, it table.Item, ok bool) error {
		c.Inspect(it, ok)
		return c.Err
	})
}

// write executes a call that writes.
func (e *Engine) write(db int, durable bool, c *op.Call) error {
	if err := e.admit(db, durable); err != nil {
		return err
	}
	if len(c.Key) > op.MaxSize || len(c.Value) > op.MaxSize {
		return op.ErrTooLarge
	}
	if err := c.Expiry.Check(); err != nil { // some calls below look at the key first
		return err
	}
	if c.Small() {
		err := e.writeSmall(db, durable, c)
		if err != op.ErrNotSmall {
			return err
		}
		c.Err = nil
	}
	if c.Code == op.Append {
		return e.appendLarge(db, durable, c)
	}
	if c.Code == op.SetIfAbsent { // avoid a needless copy
		if n, err := e.Exists(db, []string{c.Key}); n > 0 || err != nil {
			return err
		}
	}
	return e.writePooled(db, durable, c)
}

// writePooled executes a call that is not small, with an exec from the pool. The caller has
// admitted it.
func (e *Engine) writePooled(db int, durable bool, c *op.Call) error {
	x := e.newExec()
	defer e.free(x)
	if c.Code != op.Append {
		x.Prepare(0, c.Key, c.Value)
	}
	p, err := x.lock(db, c.Key)
	if err != nil {
		return err
	}
	x.PinTo(&x.later)
	x.Do(nil, p, c)
	x.end()
	err = x.wait(c.Err, durable)
	if noRoom := x.later.Each(&e.ops, func(_ int, value []byte) { c.Out = bytes.Clone(value) }); noRoom != nil && err == nil {
		err = noRoom // the write is done
	}
	return err
}

// writeSmall executes a small call that writes. Its exec is on the stack.
func (e *Engine) writeSmall(db int, durable bool, c *op.Call) error {
	h := e.table.Hash(c.Key)
	i := e.table.ShardIndex(h)
	s := e.table.ShardAt(i)
	s.Lock()
	held := true
	defer func() {
		if held { // a panic
			e.breaks(s.Unlock)
		}
	}()
	if err := e.refusedLocked(); err != nil {
		held = false
		s.Unlock()
		return err
	}
	x := op.Exec{Store: &e.ops, Log: e.log}
	if x.Log != nil {
		x.Record = e.newRecord(i)
	}
	p := op.Place{Shard: s, Hash: h, DB: db, Key: c.Key}
	x.Do(nil, p, c)
	position, logged := e.endSmall(&x, i, p)
	held = false
	s.Unlock()
	if c.Err != nil || !logged {
		return c.Err
	}
	return e.committed(x.Log, x.Log.Commit(position, durable))
}

// endSmall completes an execution at one place, whose shard i is locked. It returns the position of
// the log record, if the log got one.
func (e *Engine) endSmall(x *op.Exec, i int, p op.Place) (position appendlog.Position, logged bool) {
	position = x.Finish()
	if x.Dirty != 0 {
		e.addDirty(i, x.Dirty)
		e.watches.changed(i, p.Hash, p.DB)
	}
	if x.Log != nil {
		logged = !x.Record.Empty()
		x.Record.Trim(keepRecord)
	}
	return position, logged
}

// record is the log record of the small writes of a shard, one after the other. A record from a
// sync.Pool takes 12 ns more.
type record struct {
	op.Record
	_ [56]byte // to 128 bytes, so that shards do not share a cache line
}

// newRecord returns an empty log record. It is valid while shard i is locked.
func (e *Engine) newRecord(i int) *op.Record {
	r := &e.records[i].Record
	r.Reset(keepRecord)
	return r
}

// keepRecord is the size above which the buffer of a shard's record is not retained.
const keepRecord = 16 << 10

// Run executes calls in order, with the shards of all their keys locked. Their writes form one log
// record. A failed call gets its own error and does not stop the others.
//
// The error of Run concerns the whole batch. Run also stores it in each call that would have
// returned it alone. Run appends the values that Get finds to dst, and Out refers to them there,
// or to a separate slice for a large value.
func (e *Engine) Run(dst []byte, db int, durable bool, calls []op.Call) ([]byte, error) {
	start, writes := len(dst), false
	for i := range calls {
		c := &calls[i]
		c.Err, c.Out, c.Result, c.Did = nil, nil, 0, false
		writes = writes || !c.Code.Reads()
	}
	x := e.newExec()
	defer e.free(x)
	dst, ran, err := x.runBatch(dst, db, durable && writes, writes, calls)
	rest := dst[start:]
	for i := range calls {
		c := &calls[i]
		if n := len(c.Out); c.Out != nil && c.Code == op.Get {
			c.Out, rest = rest[:n:n], rest[n:]
		}
		if c.Err == nil && (!ran || !c.Code.Reads()) {
			c.Err = err
		}
	}
	pinned := x.later.Held
	noRoom := x.later.Each(&e.ops, func(i int, value []byte) { calls[i].Out = bytes.Clone(value) })
	if noRoom != nil {
		for _, p := range pinned {
			calls[p.Call].Out, calls[p.Call].Err = nil, noRoom
		}
	}
	if err == nil {
		err = noRoom
	}
	return dst, err
}

// runBatch executes calls, and reports whether it executed any. When it returns, each Out of a Get
// has its final length but not its final address, because dst may have moved.
func (x *exec) runBatch(dst []byte, db int, durable, writes bool, calls []op.Call) (_ []byte, ran bool, err error) {
	e := x.e
	key := func(i int) string { return calls[i].Key }
	if !writes {
		err = x.readLock(db, len(calls), key)
	} else if err = e.admit(db, durable); err == nil {
		for i := range calls {
			if c := &calls[i]; c.Code == op.Set || c.Code == op.SetIfAbsent {
				x.Prepare(i, c.Key, c.Value)
			}
		}
		err = x.lockKeys(len(calls), key)
	}
	if err != nil {
		return dst, false, err
	}
	x.PinTo(&x.later)
	for i := range calls {
		c := &calls[i]
		if len(c.Key) > op.MaxSize {
			c.Err = op.ErrTooLarge
			continue
		}
		x.Number = i
		dst = x.Do(dst, x.At(db, i, c.Key), c)
	}
	if !writes {
		x.release()
		return dst, true, nil
	}
	x.end()
	return dst, true, x.wait(nil, durable)
}
