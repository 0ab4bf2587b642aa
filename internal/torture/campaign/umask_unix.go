//go:build unix

package campaign

import "syscall"

// umask sets the mode bits that new files lack, and reports whether the operating system has
// umasks.
func umask(mask int) bool {
	syscall.Umask(mask)
	return true
}
