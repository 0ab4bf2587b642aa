package engine

// Len returns the number of keys in a database, including expired keys that have not been removed
// yet.
func (e *Engine) Len(db int) int64 {
	if db < 0 || db >= e.table.Databases() {
		return 0
	}
	return e.table.Len(db)
}

// FlushDB removes every key of one database.
func (e *Engine) FlushDB(db int, durable bool) error {
	return e.flush(db, durable, func(x *exec) { x.FlushDB(db) })
}

// FlushAll removes every key of every database. If there are save rules, it cancels a running save
// and then saves an empty dump, as Redis does.
func (e *Engine) FlushAll() error {
	if !e.enter() {
		return ErrClosed
	}
	defer e.running.Done()
	e.jobs.cancelSave()
	if err := e.flush(0, false, func(x *exec) { x.FlushAll() }); err != nil || len(e.Rules()) == 0 || e.dir == "" {
		return err
	}
	return e.saveNow(e.ctx, nil)
}

// flush calls fn with every shard locked.
func (e *Engine) flush(db int, durable bool, fn func(x *exec)) error {
	if err := e.admit(db, durable); err != nil {
		return err
	}
	x := e.newExec()
	defer e.free(x)
	e.table.LockAll()
	if err := e.refusedLocked(); err != nil {
		e.table.UnlockAll()
		return err
	}
	x.Log, x.held = e.log, everyShard{e.table}
	x.watch()
	fn(x)
	x.end()
	return x.wait(nil, durable)
}
