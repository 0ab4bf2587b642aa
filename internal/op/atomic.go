package op

// atomically calls fn, which changes several keys or makes several changes of one. If fn returns an
// error, because memory has run out, its changes of the table and of the log record are reverted. A
// transaction, which reverts everything, and a replay only call fn.
func (x *Exec) atomically(fn func() error) error {
	if x.Atomic || x.large == nil {
		return fn()
	}
	record, dirty := x.Record.mark(), x.Dirty
	x.Atomic = true
	err := fn()
	x.Atomic, x.Broken = false, nil
	if err == nil {
		x.large.undo.Commit()
		return nil
	}
	x.large.undo.Rollback()
	x.Record.backTo(record)
	x.Dirty = dirty
	return err
}
