//go:build perdure_heap || !(linux || darwin || freebsd)

package table

// The portable fallback uses memory from the Go heap, in slices that the garbage collector frees
// and need not scan.

// regionChunks is the number of chunks allocated at a time.
const regionChunks = 1

// canDiscard reports whether discardMemory works on a part of a region.
const canDiscard = false

// systemPage matters only with discardMemory.
const systemPage = unitSize

// canProbe reports whether mapMemory returns an error if memory runs out.
const canProbe = false

// canReserve reports whether memory from mapMemory takes nothing until it is touched.
const canReserve = false

func mapMemory(size int) ([]byte, error) { return make([]byte, size), nil }

func unmapMemory([]byte) {}

func discardMemory([]byte) {}

func preferHuge([]byte) {}

func refuseHuge([]byte) {}

// canPopulate reports whether populateMemory works.
const canPopulate = false

func populateMemory([]byte) {}

// canCollapse reports whether collapse works.
const canCollapse = false

func collapse([]byte, int) bool { return false }
