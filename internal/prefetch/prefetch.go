//go:build amd64 || arm64

// Package prefetch brings memory into the processor's cache before it is used.
package prefetch

// Bytes starts to fetch the cache lines of b, and does not wait for them. It has no other effect.
// Reading the bytes would have the same purpose, but the processor then waits for them after a few
// hundred instructions.
//
//go:noescape
func Bytes(b []byte)
