//go:build unix

package campaign

import "syscall"

func makeFIFO(path, _ string) error { return syscall.Mkfifo(path, 0o600) }
