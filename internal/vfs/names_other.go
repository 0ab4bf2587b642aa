//go:build unix && !(linux && (amd64 || arm64 || 386))

package vfs

// namesOf returns the number of names that an open file has.
func namesOf(fd uintptr) (uint64, error) { return namesByStat(fd) }
