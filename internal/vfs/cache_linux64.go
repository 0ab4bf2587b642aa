//go:build linux && (amd64 || arm64)

package vfs

import (
	"os"
	"syscall"
)

// cacheUnit is a multiple of every page size, because the kernel does not drop a page that is only
// partly in the range.
const cacheUnit = 64 << 10

// dropCache advises the kernel to drop the file's clean pages (POSIX_FADV_DONTNEED). A page whose
// write-back failed counts as clean, although it shows bytes that never reached the disk.
func dropCache(f *os.File, offset int64) {
	const dontNeed = 4
	if conn, err := f.SyscallConn(); err == nil {
		// This is advice: reads are correct whether or not the kernel follows it.
		_ = conn.Control(func(fd uintptr) {
			_, _, _ = syscall.Syscall6(syscall.SYS_FADVISE64, fd, uintptr(offset&^(cacheUnit-1)), 0, dontNeed, 0, 0)
		})
	}
}
