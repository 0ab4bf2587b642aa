package vfs

import (
	"errors"
	"io"
	"io/fs"
)

// ErrNoSpace is the error of a write that a Mem's capacity cuts short.
var ErrNoSpace = errors.New("no space left on device")

// memFile is one open handle on a file of a Mem.
type memFile struct {
	fs       *Mem
	node     *memNode
	name     string
	readOnly bool
	closed   bool
	offset   int64 // of the next Read
}

func (f *memFile) check(op string) error {
	if f.closed {
		return &fs.PathError{Op: op, Path: f.name, Err: fs.ErrClosed}
	}
	if f.readOnly && (op == "write" || op == "truncate") {
		return &fs.PathError{Op: op, Path: f.name, Err: fs.ErrPermission}
	}
	return nil
}

func (f *memFile) Read(p []byte) (int, error) {
	n, err := f.ReadAt(p, f.offset)
	f.offset += int64(n)
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

func (f *memFile) ReadAt(p []byte, offset int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.check("read"); err != nil {
		return 0, err
	}
	if offset >= int64(len(f.node.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.node.data[offset:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) Write(p []byte) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.check("write"); err != nil {
		return 0, err
	}
	m := f.fs
	var short error
	if m.capacity > 0 && m.used+int64(len(p)) > m.capacity {
		p = p[:max(0, m.capacity-m.used)]
		short = &fs.PathError{Op: "write", Path: f.name, Err: ErrNoSpace}
	}
	from := int64(len(f.node.data))
	f.node.data = append(f.node.data, p...)
	f.node.writes = append(f.node.writes, extent{from, from + int64(len(p))})
	f.node.modTime = m.now()
	m.used += int64(len(p))
	return len(p), short
}

func (f *memFile) Truncate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.check("truncate"); err != nil {
		return err
	}
	old := int64(len(f.node.data))
	if size > old {
		f.node.data = append(f.node.data, make([]byte, size-old)...)
		f.node.writes = append(f.node.writes, extent{old, size})
	} else {
		// A copy, since durable may share the array that later writes would reuse.
		f.node.data = append([]byte(nil), f.node.data[:size]...)
	}
	f.fs.used += size - old
	return nil
}

func (f *memFile) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return int64(len(f.node.data)), f.check("stat")
}

func (f *memFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.check("sync"); err != nil {
		return err
	}
	// Files only grow or are cut by copying, so the array can be shared up to its length.
	f.node.durable = f.node.data[:len(f.node.data):len(f.node.data)]
	f.node.writes = nil
	return nil
}

func (f *memFile) Datasync() error { return f.Sync() }

func (f *memFile) DropCache() {}

func (f *memFile) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.check("close"); err != nil {
		return err
	}
	f.closed = true
	return nil
}
