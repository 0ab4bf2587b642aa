//go:build !linux

package vfs

import "os"

// datasync performs a full sync. On macOS that is F_FULLFSYNC, the only call that reaches the disk.
func datasync(f *os.File) error { return f.Sync() }
