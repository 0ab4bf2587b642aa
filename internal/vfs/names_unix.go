//go:build unix

package vfs

import (
	"errors"
	"syscall"
)

// namesByStat returns the number of names that an open file has, from fstat(2).
func namesByStat(fd uintptr) (uint64, error) {
	var st syscall.Stat_t
	for {
		if err := syscall.Fstat(int(fd), &st); !errors.Is(err, syscall.EINTR) {
			return uint64(st.Nlink), err
		}
	}
}
