//go:build !linux

package vfs

import "os"

// datasync is a full sync: on macOS F_FULLFSYNC, which is the only one that reaches the disk.
func datasync(f *os.File) error { return f.Sync() }
