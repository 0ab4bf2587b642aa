package engine

// SetPlain is Set without arguments. Here are short ways for what is most often asked: that a key which is
// there gets a value of the length that it has. How short they are is what counts: see package table.
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

// plainSize is the size of a key or a value above which the ways through SetPlain make no difference.
const plainSize = 4 << 10

// setLogged is SetPlain in a store with a log. To encode the command and to append it takes about as long as the
// memory of the key takes to come, and so both go on at once: the bucket comes while the command is
// encoded, the record while the log takes it.
//
// That the log has the command before the table has the value shows to nobody: the shard is locked, and
// whatever the key held, the command is the same, and nothing refuses it any more: the table has secured the memory
// that it may need.
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
	e.pool.Put(x) // it has nothing but the unit
	e.addDirty(i, 1)
	if !s.SetString(db, h, key, value) {
		s.SetSecured(db, h, key, value)
	}
	s.EndSecure()
	held = false
	s.Unlock()
	return e.committed(log, log.Commit(p, false))
}
