//go:build !amd64 && !arm64

// Package prefetch brings memory into the processor's cache before it is used.
package prefetch

const cacheLine = 64

// Bytes reads a byte of each cache line of b.
//
//go:noinline
func Bytes(b []byte) (or byte) {
	for i := 0; i < len(b); i += cacheLine {
		or |= b[i]
	}
	return or
}
