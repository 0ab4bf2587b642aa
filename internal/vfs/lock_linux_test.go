package vfs_test

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/perduredb/perdure/internal/vfs"
)

// TestCloseReleasesLock checks that Close releases a lock even if a forked process that has not
// called exec has a copy of the descriptor. For the kernel, a copy in this process is equivalent.
func TestCloseReleasesLock(t *testing.T) {
	name := filepath.Join(t.TempDir(), "LOCK")
	lock, err := vfs.OS().Lock(name)
	if err != nil {
		t.Fatal(err)
	}
	copied := -1
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc: ", err)
	}
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && to == name {
			fd, _ := strconv.Atoi(e.Name())
			if copied, err = syscall.Dup(fd); err != nil {
				t.Fatal(err)
			}
			defer syscall.Close(copied)
		}
	}
	if copied < 0 {
		t.Fatalf("/proc/self/fd lacks a link to %s, want one", name)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := vfs.OS().Lock(name)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}
