package vfs

import (
	"errors"
	"fmt"
)

// faultFile is a file of a Fault.
type faultFile struct {
	File
	fault      *Fault
	name       string
	syncFailed bool // guarded by fault.mu
}

func (f *faultFile) Read(p []byte) (int, error) {
	if err := f.fault.ask("read", f.name); err != nil {
		return 0, err
	}
	return f.File.Read(p)
}

func (f *faultFile) ReadAt(p []byte, offset int64) (int, error) {
	if err := f.fault.ask("readat", f.name); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, offset)
}

func (f *faultFile) Write(p []byte) (int, error) {
	f.watch("write")
	if err := f.fault.ask("write", f.name); err != nil {
		var short *ShortWrite
		if errors.As(err, &short) && short.N <= len(p) {
			n, writeErr := f.File.Write(p[:short.N])
			return n, errors.Join(err, writeErr)
		}
		return 0, err
	}
	return f.File.Write(p)
}

func (f *faultFile) Truncate(size int64) error {
	if err := f.fault.ask("truncate", f.name); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *faultFile) Sync() error { return f.sync("sync", f.File.Sync) }

func (f *faultFile) Datasync() error { return f.sync("datasync", f.File.Datasync) }

func (f *faultFile) sync(kind string, do func() error) error {
	f.watch(kind)
	err := f.fault.ask(kind, f.name)
	if err == nil {
		err = do()
	}
	if err != nil {
		f.fault.mu.Lock()
		f.syncFailed = true
		f.fault.mu.Unlock()
	}
	return err
}

// watch notes an operation that must not follow a failed sync.
func (f *faultFile) watch(kind string) {
	f.fault.mu.Lock()
	defer f.fault.mu.Unlock()
	if f.syncFailed {
		f.fault.violations = append(f.fault.violations,
			fmt.Sprintf("%s of %s after a failed sync", kind, f.name))
	}
}

func (f *faultFile) Close() error {
	err := f.fault.ask("close", f.name)
	// The descriptor is gone even when close(2) fails.
	return errors.Join(err, f.File.Close())
}
