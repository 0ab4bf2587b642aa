package engine

// SetPlain is Set without arguments. It has fast paths for the most common case: an existing key
// gets a value of the same length. The length of these paths determines their speed: see package
// table.
func (e *Engine) SetPlain(db int, key string, value []byte) error {
	switch {
	case e.gate.Load() != nil || db < 0 || db >= e.table.Databases() || e.table.ViewPressure() ||
		len(key) > plainSize || len(value) > plainSize:
		return e.Set(db, key, value, SetArgs{})
	case e.counts.logOn.Load():
		return e.setLogged(db, key, value)
	}
	h := e.table.Hash(key)
	i := e.table.ShardIndex(h)
	s := e.table.ShardAt(i)
	s.Lock()
	if e.refusedLocked() == nil && e.log == nil && s.SetString(db, h, key, value) {
		e.addDirty(i, 1)
		s.Unlock()
		return nil
	}
	s.Unlock()
	return e.Set(db, key, value, SetArgs{})
}

// plainSize is the size of a key or value above which the fast paths of SetPlain make no
// difference.
const plainSize = 4 << 10

// setLogged is SetPlain in a store with a log. Encoding and appending the command take about as
// long as fetching the memory of the key, so both happen at the same time. The bucket is fetched
// while the command is encoded, and the record while the log appends it.
//
// The log has the command before the table has the value, but nothing can observe this, because the
// shard is locked. The command is the same whatever the key held. It can no longer be refused,
// because the table has secured the memory that it may need.
func (e *Engine) setLogged(db int, key string, value []byte) error {
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
		return e.Set(db, key, value, SetArgs{})
	}
	s.PrefetchBucket(db, h)
	x := e.newExec()
	x.unit.set(db, key, value)
	s.PrefetchRecord(db, h, len(key), len(value))
	p := log.Append(db, db, x.unit.encoded())
	e.pool.Put(x) // it holds only the log record
	e.addDirty(i, 1)
	if !s.SetString(db, h, key, value) {
		s.SetSecured(db, h, key, value)
	}
	s.EndSecure()
	held = false
	s.Unlock()
	return e.committed(log, log.Commit(p, false))
}
