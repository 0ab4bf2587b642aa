//go:build perdure_heap || !(linux || darwin || freebsd)

package table

// This is the portable fallback: memory from the Go heap, which the collector frees, in slices
// that it need not scan.

// regionChunks is how many chunks are allocated at a time.
const regionChunks = 1

// canDiscard says that discardMemory works on a part of a region.
const canDiscard = false

// systemPage is of no use without discardMemory.
const systemPage = unitSize

// canProbe says that mapMemory reports that there is no memory.
const canProbe = false

func mapMemory(size int) ([]byte, error) { return make([]byte, size), nil }

func unmapMemory([]byte) {}

func discardMemory([]byte) {}

func preferHuge([]byte) {}

func refuseHuge([]byte) {}

// canPopulate says that populateMemory works.
const canPopulate = false

func populateMemory([]byte) {}

// canCollapse says that collapse works.
const canCollapse = false

func collapse([]byte, int) bool { return false }
