//go:build (darwin || freebsd) && !perdure_heap

package table

import "syscall"

// regionChunks is the number of chunks requested from the kernel at a time: 1 MiB. That is little,
// because only a whole region can be returned.
const regionChunks = 4

// canDiscard reports whether discardMemory works on a part of a region.
const canDiscard = false

// systemPage matters only with discardMemory.
const systemPage = unitSize

// canProbe reports whether mapMemory returns an error if memory runs out.
const canProbe = true

// canReserve reports whether memory from mapMemory takes nothing until it is touched.
const canReserve = true

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

// canPopulate reports whether populateMemory works.
const canPopulate = false

func populateMemory([]byte) {}

// canCollapse reports whether collapse works.
const canCollapse = false

func collapse([]byte, int) bool { return false }
