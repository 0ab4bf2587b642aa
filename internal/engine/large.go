package engine

import (
	"bytes"

	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/table"
)

// A large value is copied with no shard locked. A value to be stored is copied to a dedicated
// mapping before the lock is taken (prepare). Under the lock it is only linked (store), and the log
// reads it from there (link). A value to be returned is pinned under the lock and copied after the
// unlock (pins). Only the values that a transaction sets or gets are copied while it holds its
// locks, because its function needs the value before it returns.

// largeValue is the size above which a value is handled as large. It is about the size from which
// the table gives a value a dedicated mapping.
const largeValue = 256 << 10

// pins are large values that were found under locks and are read without them.
type pins struct {
	held []pinned
}

type pinned struct {
	i int // number of the call or key
	table.Pin
}

// take pins the value of a key, whose shard must be locked, and reports whether it did. It does not
// pin a value that is not Large, or while Close or Restore is about to free memory. The caller must
// then copy the value now.
func (p *pins) take(e *Engine, db int, key string, i int) bool {
	if !e.use.TryRLock() {
		return false
	}
	h := e.table.Hash(key)
	pin, ok := e.table.Shard(h).Pin(db, h, key)
	if !ok {
		e.use.RUnlock()
		return false
	}
	p.held = append(p.held, pinned{i, pin})
	return true
}

// last returns the value that was pinned last.
func (p *pins) last() []byte { return p.held[len(p.held)-1].Value() }

// probeAbove is the total size above which each first checks for available memory, which costs two
// system calls.
const probeAbove = 4 << 20

// each passes every value to fn, which copies it to the Go heap. It then unpins all values. If
// their total size is above probeAbove and there is no memory for the copies, each returns
// ErrNoMemory and does not call fn. No shard must be locked.
func (p *pins) each(e *Engine, fn func(i int, value []byte)) error {
	defer p.release(e)
	size := 0
	for _, h := range p.held {
		size += len(h.Value())
	}
	if size > probeAbove && !table.HeapRoom(size) {
		return ErrNoMemory
	}
	for _, h := range p.held {
		fn(h.i, h.Value())
	}
	return nil
}

// release unpins all values. No shard must be locked.
func (p *pins) release(e *Engine) {
	for _, h := range p.held {
		h.Release()
		e.use.RUnlock()
	}
	p.held = nil
}

// getLater is like get, but pins a large value in p, as number i, and leaves dst unchanged.
func (x *exec) getLater(dst []byte, s *table.Shard, h uint64, db int, key string, p *pins, i int) ([]byte, error) {
	if out, ok := s.AppendString(dst, db, h, key); ok {
		return out, nil
	}
	it, ok := x.find(s, h, db, key)
	switch {
	case !ok:
		return dst, ErrNotFound
	case it.Kind() != table.String:
		return dst, ErrWrongType
	case it.Large() && p.take(x.e, db, key, i):
		return dst, nil
	}
	return it.AppendValue(dst), nil
}

// ready is a large value that was copied for call number i. It may not have been stored yet.
type ready struct {
	i int
	table.Mapping
}

// prepare copies the value of call number i in advance, if it is large. It must be called in the
// order of the calls, before any lock is taken.
func (x *exec) prepare(i int, key string, value []byte) {
	if len(value) <= largeValue || len(value) > maxSize || len(key) > maxSize {
		return
	}
	m, err := x.e.table.Map(key, value)
	if err != nil {
		return // store detects that
	}
	x.ready = append(x.ready, ready{i, m})
}

// mapped returns the copy that prepare made for the current call.
func (x *exec) mapped() *table.Mapping {
	for n := range x.ready[x.passed:] {
		switch r := &x.ready[x.passed+n]; {
		case r.i == x.call:
			x.passed += n
			return &r.Mapping
		case r.i > x.call:
			return nil
		}
	}
	return nil
}

// store sets a string. It links a large one for the command that follows.
func (x *exec) store(s *table.Shard, h uint64, db int, key string, value []byte, at int64) error {
	x.remember(s)
	if len(value) > largeValue {
		return x.storeLarge(s, h, db, key, value, at)
	}
	if at == 0 && !x.whole && s.SetString(db, h, key, value) {
		return nil
	}
	_, err := s.Set(db, h, key, table.String, value, at)
	return err
}

func (x *exec) storeLarge(s *table.Shard, h uint64, db int, key string, value []byte, at int64) error {
	if m := x.mapped(); m != nil && m.Ok() {
		if _, err := s.SetMapped(db, h, key, *m, at); err != nil {
			return err
		}
		*m = table.Mapping{}
	} else if _, err := s.Set(db, h, key, table.String, value, at); err != nil {
		return err
	}
	x.link(db, key, len(value))
	return nil
}

// link pins a stored value, so that the log can read it without the lock. The next argument of a
// command is the last n bytes of the value.
func (x *exec) link(db int, key string, n int) {
	if _, ok := x.log.(appendlog.Linker); ok && x.linked.take(x.e, db, key, 0) {
		v := x.linked.last()
		x.argument = v[len(v)-n:]
	}
}

// appendUnit appends the log record to the log. Linked values are unpinned once the log has written
// them.
func (x *exec) appendUnit() {
	if len(x.unit.links) == 0 {
		x.position = x.log.Append(x.unit.firstDB, x.unit.lastDB, x.unit.encoded())
		return
	}
	e, held := x.e, x.linked
	var kept bool
	x.position, kept = x.log.(appendlog.Linker).AppendLinked(x.unit.firstDB, x.unit.lastDB, x.unit.pieces(),
		func() { held.release(e) })
	if kept {
		x.linked = pins{}
	}
}

// unpin unpins the values that nothing else has taken over. No shard must be locked.
func (x *exec) unpin() {
	if len(x.linked.held) > 0 {
		x.linked.release(x.e)
	}
}

// writeLarge is write for a value that may be large.
func (e *Engine) writeLarge(db int, key string, value []byte, durable bool, fn func(x *exec, s *table.Shard, h uint64) error) error {
	if len(value) <= largeValue {
		return e.write(db, key, durable, fn)
	}
	if err := e.admit(db, durable); err != nil {
		return err
	}
	if len(key) > maxSize || len(value) > maxSize {
		return ErrTooLarge
	}
	x := e.newExec()
	defer e.free(x)
	x.prepare(0, key, value)
	return x.write(key, durable, fn)
}

// compareLarge is CompareAndSwap of a large value. It compares with no lock held, and then checks
// that the key still has the compared value.
func (e *Engine) compareLarge(db int, key string, old, value []byte, a SetArgs) (swapped bool, err error) {
	for {
		var seen pins
		err = e.write(db, key, a.Durable, func(x *exec, s *table.Shard, h uint64) error {
			it, ok := x.find(s, h, db, key)
			switch {
			case !ok || it.Kind() == table.String && it.ValueLen() != len(old):
				return nil
			case it.Kind() != table.String:
				return ErrWrongType
			case it.Large() && seen.take(e, db, key, 0):
				return nil
			}
			swapped, err = x.compareAndSwap(s, h, db, key, old, value, a)
			return err
		})
		if len(seen.held) == 0 {
			return swapped, err
		}
		changed := false
		if bytes.Equal(seen.last(), old) {
			err = e.writeLarge(db, key, value, a.Durable, func(x *exec, s *table.Shard, h uint64) error {
				if _, ok := x.find(s, h, db, key); !ok || !s.Holds(db, h, key, seen.held[0].Pin) {
					changed = true
					return nil
				}
				err := x.set(s, h, db, key, value, a)
				swapped = err == nil
				return err
			})
		}
		seen.release(e)
		if !changed {
			return swapped, err
		}
	}
}
