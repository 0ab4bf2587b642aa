//go:build (amd64 || arm64) && !perdure_heap && !perdure_check

package table

// prefetch requests the cache lines of the byte at p and of the byte last bytes after p, and waits
// for neither. It reads nothing, and an unmapped address causes no fault. The second address may
// therefore be outside the chunk.
//
//go:noescape
func prefetch(p *byte, last uintptr)
