//go:build unix

package campaign

import "syscall"

// umask sets which bits of their modes files are made without, and reports whether there is such a thing here.
func umask(mask int) bool {
	syscall.Umask(mask)
	return true
}
