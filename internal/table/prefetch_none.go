//go:build (!amd64 && !arm64) || perdure_heap || perdure_check

package table

// prefetch is nothing here.
func prefetch(*byte, uintptr) {}
