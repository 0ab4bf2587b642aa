//go:build !perdure_check

package table

import "unsafe"

// The package keeps its memory in byte slices and reads numbers with encoding/binary, so every
// access is checked against the chunk that it goes to, always. What is unsafe stands here.

// checked says that the build looks for misuse of memory.
const checked = false

// bytesOf returns the bytes of s without copying them. They must not be written to, nor kept
// longer than s: all callers hash, compare or copy them during the call that s came with.
func bytesOf(s string) []byte {
	return unsafe.Slice(unsafe.StringData(s), len(s))
}

// poison overwrites memory that is free, in a checked build.
func poison([]byte) {}
