package engine

import (
	"github.com/perduredb/perdure/internal/op"
	"github.com/perduredb/perdure/internal/table"
)

// SetPlain is Set without arguments. It has fast paths for the most common case: an existing key
// gets a value of equal length. The length of these paths determines their speed: see package
// table.
func (e *Engine) SetPlain(db int, durable bool, key string, value []byte) error {
	switch {
	case durable && !e.jobs.logReady.Load() || e.gate.Load() != nil || db < 0 || db >= e.table.Databases() || e.table.ViewPressure() ||
		len(key) > op.PlainSize || len(value) > op.PlainSize:
		return e.Call(db, durable, &op.Call{Code: op.Set, Key: key, Value: value})
	case e.counts.logOn.Load():
		return e.setLogged(db, durable, key, value)
	}
	h := e.table.Hash(key)
	i := e.table.ShardIndex(h)
	s := e.table.ShardAt(i)
	s.Lock()
	if e.refusedLocked() == nil && e.log == nil && (s.SetString(db, h, key, value) || e.setAny(s, db, h, key, value)) {
		e.addDirty(i, 1)
		e.watches.changed(i, h, db)
		s.Unlock()
		return nil
	}
	s.Unlock()
	return e.Call(db, durable, &op.Call{Code: op.Set, Key: key, Value: value})
}

// setAny sets a key whose value SetString does not set, and reports whether it did: not if memory
// runs out. Compared with a Call, it saves a second lock and a second search.
func (e *Engine) setAny(s *table.Shard, db int, h uint64, key string, value []byte) bool {
	done := false
	defer func() {
		if !done { // a panic
			e.breaks(s.Unlock)
		}
	}()
	_, err := s.Set(db, h, key, table.String, value, 0)
	done = true
	return err == nil
}

// setLogged is SetPlain in a store with a log. Encoding and appending the command take about as
// long as fetching the memory of the key, so both happen concurrently. The bucket is fetched
// while the command is encoded, and the record while the log appends it.
//
// The log has the command before the table has the value, but nothing can observe this, because the
// shard is locked. The command does not depend on the previous value. It can no longer be refused,
// because the table has secured the memory that it may need.
func (e *Engine) setLogged(db int, durable bool, key string, value []byte) error {
	h := e.table.Hash(key)
	i := e.table.ShardIndex(h)
	s := e.table.ShardAt(i)
	s.Lock()
	held := true
	defer func() {
		if held { // a panic
			e.breaks(s.Unlock)
		}
	}()
	log := e.log
	if e.refusedLocked() != nil || log == nil || !s.Secure(db, key, value) {
		held = false
		s.Unlock()
		return e.Call(db, durable, &op.Call{Code: op.Set, Key: key, Value: value})
	}
	search := s.Prefetch(db, h)
	r := e.newRecord(i)
	r.Set(db, key, value)
	search.PrefetchRecord(h, len(key), len(value))
	p := log.Append(db, db, r.Encoded())
	e.addDirty(i, 1)
	e.watches.changed(i, h, db)
	if !search.SetString(key, value) {
		s.SetSecured(db, h, key, value)
	}
	s.EndSecure()
	held = false
	s.Unlock()
	return e.committed(log, log.Commit(p, durable))
}
