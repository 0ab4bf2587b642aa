//go:build unix

package vfs

import (
	"errors"
	"io"
	"os"
	"runtime"
	"syscall"
)

// maxWrite is how much one call writes: some systems take no more than 2 GiB.
const maxWrite = 1 << 30

// pwrite writes all of p to an offset. It is os.File's WriteAt without the count of those who use the
// descriptor, which a write beside a close would need: a File has none.
func pwrite(f *os.File, fd uintptr, p []byte, offset int64) (n int, err error) {
	for n < len(p) && err == nil {
		rest := p[n:]
		m, e := syscall.Pwrite(int(fd), rest[:min(len(rest), maxWrite)], offset+int64(n))
		switch {
		case errors.Is(e, syscall.EINTR):
		case e != nil:
			err = &os.PathError{Op: "write", Path: f.Name(), Err: e}
		case m == 0:
			err = &os.PathError{Op: "write", Path: f.Name(), Err: io.ErrUnexpectedEOF}
		default:
			n += m
		}
	}
	runtime.KeepAlive(f)
	return n, err
}
