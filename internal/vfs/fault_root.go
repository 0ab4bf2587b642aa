package vfs

// faultRoot is a Root of a Fault.
type faultRoot struct {
	*Fault
	root Root
	dir  string
}

// Close always closes.
func (r *faultRoot) Close() error { return joined(r.ask("closeroot", r.dir, 0), r.root.Close()) }
