package op

// atomically calls fn, which changes several keys or makes several changes of one. If fn returns an
// error, because memory has run out, its changes of the table and of the log record are reverted.
// In a transaction, which can only revert everything, and in a replay it only calls fn.
func (x *Exec) atomically(fn func() error) error {
	if x.Atomic || x.large == nil {
		err := fn()
		if x.Atomic && err == ErrNoMemory {
			x.Broken = err // it may have changed one of the keys
		}
		return err
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
