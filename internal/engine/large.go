package engine

import (
	"bytes"

	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/table"
)

// A large value is copied with no shard locked. One that comes in is copied to memory of its own before the
// lock (prepare), which then only links it (store); the log reads it from there (link). One that goes out is
// pinned under the lock and copied behind it (pins). Only what a transaction's function sets or gets is
// copied while it holds its locks: it has the value before it returns.

// largeValue is the size above which a value is treated so: about where the table gives it memory of
// its own.
const largeValue = 256 << 10

// pins are large values that were found under locks and are read without.
type pins struct {
	held []pinned
}

type pinned struct {
	i int // whose it is
	table.Pin
}

// take pins the value of a key, whose shard is locked. When Close or Restore is about to free memory it
// does not, and the value is to be copied now; nor when it is not Large.
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

// last is the value that was pinned last.
func (p *pins) last() []byte { return p.held[len(p.held)-1].Value() }

// probeAbove is the size of values above which each looks for room first: it costs two system calls.
const probeAbove = 4 << 20

// each gives every value to fn, which copies it to Go's heap, and unpins it. It returns ErrNoMemory, and calls
// nothing, if there is no memory for the copies. No shard is locked.
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

// release lets all go. No shard is locked.
func (p *pins) release(e *Engine) {
	for _, h := range p.held {
		h.Release()
		e.use.RUnlock()
	}
	p.held = nil
}

// getLater is get that leaves a large value to p, as number i, and dst as it is.
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

// ready is a large value that was copied for call number i, and then stored or not.
type ready struct {
	i int
	table.Mapping
}

// prepare copies the value of call number i ahead, if it is large. It is called in the order of the
// calls, before anything is locked.
func (x *exec) prepare(i int, key string, value []byte) {
	if len(value) <= largeValue || len(value) > maxSize || len(key) > maxSize {
		return
	}
	m, err := x.e.table.Map(key, value)
	if err != nil {
		return // store finds that out
	}
	x.ready = append(x.ready, ready{i, m})
}

// mapped gives what prepare has made for the present call.
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

// store sets a string. A large one is linked for the command that follows.
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

// link pins a value that was stored, so that the log can read it without the lock: the next argument of a
// command is the last n bytes of it.
func (x *exec) link(db int, key string, n int) {
	if _, ok := x.log.(appendlog.Linker); ok && x.linked.take(x.e, db, key, 0) {
		v := x.linked.last()
		x.argument = v[len(v)-n:]
	}
}

// appendUnit hands the unit to the log. What is linked is released when the log has written it.
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

// unpin ends the holds that nobody else has taken over. No shard is locked.
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

// compareLarge is CompareAndSwap of a large value: it compares with no lock held, and then looks whether
// the key still has what it has compared.
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
