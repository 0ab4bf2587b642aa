//go:build unix

package vfs

import (
	"errors"
	"io"
	"os"
	"runtime"
	"syscall"
)

// maxWrite is the maximum number of bytes per write call. Some systems accept at most 2 GiB.
const maxWrite = 1 << 30

// pwrite writes all of p at offset. Unlike os.File's WriteAt, it does not count the users of the
// descriptor. Only a write concurrent with a close needs that count, and a File does not have such
// writes.
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
