//go:build linux && (amd64 || arm64)

package vfs

import (
	"os"
	"syscall"
)

// cacheUnit is a multiple of every page size: a page that is given in part is not dropped.
const cacheUnit = 64 << 10

// dropCache advises the kernel to drop the file's clean pages (POSIX_FADV_DONTNEED). A page whose
// write-back failed counts as clean while it still shows the bytes that never reached the disk.
func dropCache(f *os.File, offset int64) {
	const dontNeed = 4
	if conn, err := f.SyscallConn(); err == nil {
		// Advice: whether it was taken makes no difference to what is read.
		_ = conn.Control(func(fd uintptr) {
			_, _, _ = syscall.Syscall6(syscall.SYS_FADVISE64, fd, uintptr(offset&^(cacheUnit-1)), 0, dontNeed, 0, 0)
		})
	}
}
