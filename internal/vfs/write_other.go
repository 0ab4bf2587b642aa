//go:build !unix

package vfs

import "os"

func pwrite(f *os.File, _ uintptr, p []byte, offset int64) (int, error) { return f.WriteAt(p, offset) }
