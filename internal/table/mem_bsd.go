//go:build (darwin || freebsd) && !perdure_heap

package table

import "syscall"

// regionChunks is how many chunks are asked of the system at a time: 1 MiB, which is little
// because only a whole region goes back.
const regionChunks = 4

// canDiscard says that discardMemory works on a part of a region.
const canDiscard = false

// systemPage is of no use without discardMemory.
const systemPage = unitSize

// canProbe says that mapMemory reports that there is no memory.
const canProbe = true

func mapMemory(size int) ([]byte, error) {
	return syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE)
}

func unmapMemory(b []byte) {
	if err := syscall.Munmap(b); err != nil {
		panic("table: munmap: " + err.Error())
	}
}

func discardMemory([]byte) {}

func preferHuge([]byte) {}

func refuseHuge([]byte) {}

// canPopulate says that populateMemory works.
const canPopulate = false

func populateMemory([]byte) {}

// canCollapse says that collapse works.
const canCollapse = false

func collapse([]byte, int) bool { return false }
