//go:build !perdure_check

package table

import "unsafe"

// The package has its memory in byte slices and reads numbers with encoding/binary. Every access is
// therefore always checked against the bounds of its chunk. The unsafe code is in this file.

// checked reports whether the build detects misuse of memory.
const checked = false

// bytesOf returns the bytes of s without copying them. The caller must not write to them, or retain
// them longer than s. All callers hash, compare, or copy them during the call that passed s.
func bytesOf(s string) []byte {
	return unsafe.Slice(unsafe.StringData(s), len(s))
}

// KeyOf returns the string of a key that is in b without copying it. The caller must not write to b
// while it or a function that it calls uses the string. This saves 20 ns of a command of a client.
func KeyOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// pageBytes is the size of a page in a slice of them.
const pageBytes = int(unsafe.Sizeof(page{}))

// pagesIn returns memory that contains zeros as pages, which have no pointers. b must begin at a
// multiple of 8, as all that mapMemory returns does, and be used for nothing else.
func pagesIn(b []byte) []page {
	return unsafe.Slice((*page)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/pageBytes)
}

// poison overwrites free memory in a checked build.
func poison([]byte) {}
