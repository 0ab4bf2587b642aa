package op

import (
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/table"
)

// A large value is copied with no shard locked. A value to be stored is copied to a dedicated
// mapping before the lock is taken (Prepare). Under the lock it is only linked (store), and the log
// reads it from there (link). A value to be returned is pinned under the lock and copied after the
// unlock (Pins). Only the values that a transaction sets or gets are copied while it holds its
// locks, because its function needs the value before it returns.

// LargeValue is the largest size of a value that is not handled as large. The table stores values
// of about this size, and larger ones, in dedicated mappings.
const LargeValue = 256 << 10

// Pins are large values that were found under locks and are read without them.
type Pins struct {
	Held []Pinned
}

// Pinned is a pinned value of a call.
type Pinned struct {
	Call int // its number
	table.Pin
}

// Take pins the value of a key, and reports whether it did. It does not pin a value that is not
// Large, or while memory of the table is about to be freed. The caller must then copy the value
// now.
func (l *Pins) Take(s *Store, p Place, call int) bool {
	if !s.InUse.TryRLock() {
		return false
	}
	pin, ok := p.Shard.Pin(p.DB, p.Hash, p.Key)
	if !ok {
		s.InUse.RUnlock()
		return false
	}
	l.Held = append(l.Held, Pinned{call, pin})
	return true
}

// Last returns the value that was pinned last.
func (l *Pins) Last() []byte { return l.Held[len(l.Held)-1].Value() }

// probeAbove is the total size above which Each first checks for available memory, which costs two
// system calls.
const probeAbove = 4 << 20

// Each passes every value to fn, which copies it to the Go heap. It then unpins all values. If
// their total size is above probeAbove and the copies do not fit in memory, Each returns
// ErrNoMemory and does not call fn. No shard must be locked.
func (l *Pins) Each(s *Store, fn func(call int, value []byte)) error {
	defer l.Release(s)
	if !l.room() {
		return ErrNoMemory
	}
	for _, h := range l.Held {
		fn(h.Call, h.Value())
	}
	return nil
}

// room reports whether there is memory for copies of all values.
func (l *Pins) room() bool {
	size := 0
	for _, h := range l.Held {
		size += len(h.Value())
	}
	return size <= probeAbove || table.HeapRoom(size)
}

// Release unpins all values. No shard must be locked.
func (l *Pins) Release(s *Store) {
	for _, h := range l.Held {
		h.Release()
		s.InUse.RUnlock()
	}
	l.Held = nil
}

// ready is a large value that was copied for a call. It may not have been stored yet.
type ready struct {
	call int // its number
	table.Mapping
}

// Prepare copies the value of call number i in advance, if it is large. It must be called in the
// order of the calls, before any lock is taken.
func (x *Exec) Prepare(i int, key string, value []byte) {
	if len(value) <= LargeValue || len(value) > MaxSize || len(key) > MaxSize {
		return
	}
	m, err := x.Store.Table.Map(key, value)
	if err != nil {
		return // store detects that
	}
	x.large.ready = append(x.large.ready, ready{i, m})
}

// PrepareAppend is Prepare for the only call, which appends suffix to the present value old.
func (x *Exec) PrepareAppend(key string, old, suffix []byte) error {
	m, err := x.Store.Table.MapAppend(key, old, suffix)
	if err == nil {
		x.large.ready = append(x.large.ready, ready{0, m})
	}
	return err
}

// AppendPrepared completes an Append with the value of PrepareAppend, which began with a value of
// length n. It returns false without such a value.
func (x *Exec) AppendPrepared(p Place, c *Call, n int, at int64) (bool, error) {
	m := x.mapped()
	if m == nil || !m.Ok() {
		return false, nil
	}
	if _, err := p.Shard.SetMapped(p.DB, p.Hash, p.Key, *m, at); err != nil {
		return false, err
	}
	*m = table.Mapping{}
	c.Result = int64(n)
	x.appended(p, c)
	return true, nil
}

// mapped returns the copy that Prepare made for the current call.
func (x *Exec) mapped() *table.Mapping {
	if x.large == nil {
		return nil
	}
	for n := range x.large.ready[x.large.passed:] {
		switch r := &x.large.ready[x.large.passed+n]; {
		case r.call == x.Number:
			x.large.passed += n
			return &r.Mapping
		case r.call > x.Number:
			return nil
		}
	}
	return nil
}

// store sets a string. It links a large one for the command that follows.
func (x *Exec) store(p Place, value []byte, at int64) error {
	x.remember(p.Shard)
	if len(value) > LargeValue {
		return x.storeLarge(p, value, at)
	}
	if at == 0 && !x.Atomic && p.Shard.SetString(p.DB, p.Hash, p.Key, value) {
		return nil
	}
	return p.set(table.String, value, at)
}

func (x *Exec) storeLarge(p Place, value []byte, at int64) error {
	if m := x.mapped(); m != nil && m.Ok() {
		if _, err := p.Shard.SetMapped(p.DB, p.Hash, p.Key, *m, at); err != nil {
			return err
		}
		*m = table.Mapping{}
	} else if err := p.set(table.String, value, at); err != nil {
		return err
	}
	x.link(p, len(value))
	return nil
}

// link pins a stored value, so that the log can read it without the lock. The next argument of a
// command is the last n bytes of the value.
func (x *Exec) link(p Place, n int) {
	if _, ok := x.Log.(appendlog.Linker); ok && x.large.linked.Take(x.Store, p, 0) {
		v := x.large.linked.Last()
		x.large.argument = v[len(v)-n:]
	}
}

// appendRecord appends the log record to the log. Linked values are unpinned once the log has
// written them.
func (x *Exec) appendRecord() appendlog.Position {
	r := x.Record
	if len(r.links) == 0 {
		return x.Log.Append(r.firstDB, r.lastDB, r.Encoded())
	}
	store, held := x.Store, x.large.linked
	position, kept := x.Log.(appendlog.Linker).AppendLinked(r.firstDB, r.lastDB, r.pieces(), func() { held.Release(store) })
	if kept {
		x.large.linked = Pins{}
	}
	return position
}

// Unpin unpins the values that nothing else has taken over. No shard must be locked.
func (x *Exec) Unpin() {
	if x.large != nil && len(x.large.linked.Held) > 0 {
		x.large.linked.Release(x.Store)
	}
}
