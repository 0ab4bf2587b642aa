package engine

// SetPlain is Set without arguments. Here are short ways for what is most often asked: that a key which is
// there gets a value of the length that it has. How short they are is what counts: see package table.
func (e *Engine) SetPlain(db int, key string, value []byte) error {
	switch {
	case e.gate.Load() != nil || db < 0 || db >= e.table.Databases() || e.table.ViewPressure() || len(value) > plainValue:
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

// plainValue is the size above which the ways through SetPlain make no difference.
const plainValue = 4 << 10

// setLogged is SetPlain in a store with a log. The command is encoded before the shard is locked.
func (e *Engine) setLogged(db int, key string, value []byte) error {
	if len(key) > maxSize {
		return ErrTooLarge
	}
	x := e.newExec()
	x.unit.set(db, key, value)
	h := e.table.Hash(key)
	i := e.table.ShardIndex(h)
	s := e.table.ShardAt(i)
	s.Lock()
	log := e.log
	if e.refusedLocked() != nil || log == nil || !s.SetString(db, h, key, value) {
		s.Unlock()
		e.pool.Put(x)
		return e.Set(db, key, value, SetArgs{})
	}
	e.addDirty(i, 1)
	p := log.Append(db, db, x.unit.encoded())
	s.Unlock()
	err := log.Commit(p, false)
	e.pool.Put(x) // it has nothing but the unit
	return e.committed(err)
}
