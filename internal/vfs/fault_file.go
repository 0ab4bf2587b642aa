package vfs

import "errors"

// faultFile is a file of a Fault.
type faultFile struct {
	File
	fault *faults
	name  string
}

// short shortens p to the length that a ShortRead allows, and returns the error to end with.
func (f *faultFile) short(kind string, p []byte) ([]byte, error) {
	err := f.fault.ask(kind, f.name, len(p))
	var short *ShortRead
	if !errors.As(err, &short) {
		return nil, err
	}
	if short.Err == nil {
		err = nil
	}
	return p[:max(0, min(short.N, len(p)))], err
}

func (f *faultFile) Read(p []byte) (int, error) {
	part, err := f.short("read", p)
	if part == nil && err != nil {
		return 0, err
	}
	if part != nil {
		p = part
	}
	n, readErr := f.File.Read(p)
	return n, joined(err, readErr)
}

func (f *faultFile) ReadAt(p []byte, offset int64) (int, error) {
	part, err := f.short("readat", p)
	if part == nil && err != nil {
		return 0, err
	}
	if part != nil {
		p = part
	}
	n, readErr := f.File.ReadAt(p, offset)
	return n, joined(err, readErr)
}

// joined joins two errors but returns io.EOF itself, because callers compare it.
func joined(err, other error) error {
	if err == nil {
		return other
	}
	return errors.Join(err, other)
}

func (f *faultFile) Write(p []byte) (int, error) { return f.write(p, f.File.Write) }

func (f *faultFile) WriteAt(p []byte, offset int64) (int, error) {
	return f.write(p, func(p []byte) (int, error) { return f.File.WriteAt(p, offset) })
}

func (f *faultFile) write(p []byte, do func([]byte) (int, error)) (int, error) {
	err := f.fault.ask("write", f.name, len(p))
	var short *ShortWrite
	var done *Done
	switch {
	case errors.As(err, &short):
		n, writeErr := do(p[:max(0, min(short.N, len(p)))])
		if short.Err == nil {
			err = nil
		}
		return n, joined(err, writeErr)
	case errors.As(err, &done):
		n, writeErr := do(p)
		return n, joined(err, writeErr)
	case err != nil:
		return 0, err
	}
	return do(p)
}

func (f *faultFile) Size() (size int64, err error) {
	err = f.fault.run("size", f.name, func() (err error) {
		size, err = f.File.Size()
		return err
	})
	return size, err
}

func (f *faultFile) Linked() error { return f.fault.run("linked", f.name, f.File.Linked) }

func (f *faultFile) Truncate(size int64) error {
	return f.fault.run("truncate", f.name, func() error { return f.File.Truncate(size) })
}

func (f *faultFile) Sync() error { return f.sync("sync", f.File.Sync) }

func (f *faultFile) Datasync() error { return f.sync("datasync", f.File.Datasync) }

func (f *faultFile) sync(kind string, do func() error) error {
	err := f.fault.run(kind, f.name, do)
	if m, ok := f.File.(*memFile); ok && err != nil {
		m.failSync()
	}
	return err
}

func (f *faultFile) Close() error {
	// The descriptor is closed even if close(2) fails.
	return joined(f.fault.ask("close", f.name, 0), f.File.Close())
}
