package vfs

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
)

// ErrNoSpace is the error of a write that exceeds the capacity of a Mem.
var ErrNoSpace = errors.New("no space left on device")

// memFile is one open handle on a file of a Mem.
type memFile struct {
	fs       *Mem
	node     *memNode
	name     string
	readOnly bool
	closed   bool
	offset   int64 // offset of the next Read
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
	return f.writeLocked(p, int64(len(f.node.data)))
}

func (f *memFile) WriteAt(p []byte, offset int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if offset < 0 || offset > int64(len(f.node.data)) {
		return 0, &fs.PathError{Op: "write", Path: f.name, Err: fs.ErrInvalid}
	}
	return f.writeLocked(p, offset)
}

func (f *memFile) writeLocked(p []byte, offset int64) (int, error) {
	if err := f.check("write"); err != nil {
		return 0, err
	}
	m, n := f.fs, f.node
	m.watchLocked("write", f.name, n)
	var short error
	size := int64(len(n.data))
	if grows := offset + int64(len(p)) - size; grows > 0 && m.capacity > 0 && m.used+grows > m.capacity {
		p = p[:max(0, size-offset+max(0, m.capacity-m.used))]
		short = &fs.PathError{Op: "write", Path: f.name, Err: ErrNoSpace}
	}
	if offset < size && n.lent {
		n.data, n.lent = append([]byte(nil), n.data...), false
	}
	over := copy(n.data[offset:], p)
	n.data = append(n.data, p[over:]...)
	n.writes = append(n.writes, extent{offset, offset + int64(len(p))})
	n.modTime = m.now()
	m.used += int64(len(n.data)) - size
	return len(p), short
}

func (f *memFile) Truncate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.check("truncate"); err != nil {
		return err
	}
	f.fs.watchLocked("truncate", f.name, f.node)
	old := int64(len(f.node.data))
	if size > old {
		f.node.data = append(f.node.data, make([]byte, size-old)...)
		f.node.writes = append(f.node.writes, extent{old, size})
	} else {
		// Copy, because durable may share the array that later writes would reuse.
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

func (f *memFile) Stat() (fs.FileInfo, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return f.node.info(f.name), f.check("stat")
}

func (f *memFile) Linked() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.fs.namesLocked(f.node) == 0 {
		return &fs.PathError{Op: "stat", Path: f.name, Err: ErrUnlinked}
	}
	return f.check("stat")
}

func (f *memFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.check("sync"); err != nil {
		return err
	}
	f.fs.watchLocked("sync", f.name, f.node)
	f.node.flush()
	return nil
}

func (f *memFile) Datasync() error { return f.Sync() }

// flush makes unsynced data durable.
func (n *memNode) flush() {
	if n.dropped {
		n.durable = n.onDisk()
	} else {
		// A write copies the array before it overwrites data, so the array can be shared up to its
		// length.
		n.durable = n.data[:len(n.data):len(n.data)]
		n.lent = true
	}
	n.writes, n.stored = nil, nil
}

// onDisk returns the content after all unsynced data is written, without the dropped pages.
func (n *memNode) onDisk() []byte {
	out := make([]byte, len(n.data))
	copy(out, n.durable)
	for _, w := range n.writes {
		if end := min(w.to, int64(len(out))); w.from < end {
			copy(out[w.from:end], n.data[w.from:end])
		}
	}
	return out
}

// failSync applies the effect of a failed sync that a Fault injects.
func (f *memFile) failSync() {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.node.failed = true
	if len(f.node.writes) > 0 || len(f.node.data) != len(f.node.durable) {
		f.node.dropped = true
		f.node.writes = nil
	}
}

// DropCache forgets dropped pages: reads from offset on return the content of the disk. A file that
// matches the disk again may be written.
func (f *memFile) DropCache(offset int64) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	n := f.node
	disk := n.onDisk()
	if from := min(offset, int64(len(disk))); n.dropped {
		n.data = append(n.data[:from:from], disk[from:]...)
	}
	if bytes.Equal(n.data, disk) {
		n.failed, n.dropped = false, false
	}
}

func (f *memFile) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.check("close"); err != nil {
		return err
	}
	f.closed = true
	return nil
}
