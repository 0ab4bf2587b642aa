//go:build (amd64 || arm64) && !perdure_heap && !perdure_check

package table

// prefetch asks the processor for the cache lines of the byte at p and of the one that lies last bytes behind
// it, and waits for neither. It reads nothing, and an address that is no memory is no fault, so last may lead
// out of the chunk.
//
//go:noescape
func prefetch(p *byte, last uintptr)
