package engine

// CheckTable checks the invariants of the table, for tests.
func (e *Engine) CheckTable() error {
	e.table.LockAll()
	defer e.table.UnlockAll()
	return e.table.Check()
}
