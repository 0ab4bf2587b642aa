//go:build linux && !perdure_heap

package table

import (
	"syscall"
	"unsafe"
)

// regionChunks is the number of chunks requested from the kernel at a time: 16 MiB. The kernel
// assigns pages when they are touched, so unused memory costs only addresses.
const regionChunks = 64

// canDiscard reports whether discardMemory works on a part of a region.
const canDiscard = true

// systemPage is the size of a page of the kernel: 4 KiB, but more on some processors.
var systemPage = syscall.Getpagesize()

// canProbe reports whether mapMemory returns an error if memory runs out.
const canProbe = true

// canReserve reports whether memory from mapMemory takes nothing until it is touched.
const canReserve = true

func mapMemory(size int) ([]byte, error) {
	return syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE)
}

// unmapMemory returns memory to the kernel. If unmapping would exceed the process's limit of
// mappings, it at least releases the pages.
func unmapMemory(b []byte) {
	err := syscall.Munmap(b)
	if err == syscall.ENOMEM {
		err = syscall.Madvise(b, syscall.MADV_DONTNEED)
	}
	if err != nil {
		panic("table: munmap: " + err.Error())
	}
}

// preferHuge requests pages of 2 MiB, which make random access 20% faster. They become resident as
// a whole, so a small table is better without them. A failure only means that the kernel lacks
// them.
func preferHuge(b []byte) { _ = syscall.Madvise(b, syscall.MADV_HUGEPAGE) }

// refuseHuge disables huge pages for memory with parts that are to be discarded. Otherwise the
// kernel would fill the holes.
func refuseHuge(b []byte) { _ = syscall.Madvise(b, syscall.MADV_NOHUGEPAGE) }

// discardMemory releases the pages and keeps the addresses. Their contents are lost.
func discardMemory(b []byte) {
	if err := syscall.Madvise(b, syscall.MADV_DONTNEED); err != nil {
		panic("table: madvise: " + err.Error())
	}
}

// canPopulate reports whether populateMemory works.
const canPopulate = true

// populateMemory assigns pages to memory, as touching them would. It uses MADV_POPULATE_WRITE, of
// Linux 5.14 and later. On older kernels, or if memory runs out, it does nothing, and the first
// access to a page waits for it.
func populateMemory(b []byte) {
	const populateWrite = 23
	_ = syscall.Madvise(b, populateWrite)
}

// canCollapse reports whether collapse works, if the kernel supports it.
const canCollapse = true

// collapse replaces the small pages of one piece of memory by a huge page, if at most 1/16 of them
// are not resident. A piece is hugePage bytes long and is identified by its number. collapse uses
// MADV_COLLAPSE, of Linux 6.1 and later. Huge pages are disabled for the memory before and after.
// It reports whether it has tried: a kernel that does not support this, or has run out of huge
// pages, is not asked again for this piece.
func collapse(memory []byte, piece int) bool {
	const advice = 25
	if systemPage != 4<<10 { // a huge page is larger too
		return false
	}
	// Memory that does not begin at a huge page boundary has one huge page less.
	begin := int(-uintptr(unsafe.Pointer(unsafe.SliceData(memory)))%hugePage) + piece*hugePage
	if begin+hugePage > len(memory) {
		return false
	}
	memory = memory[begin : begin+hugePage]
	if residentPages(memory) < hugePage/systemPage/16*15 {
		return false
	}
	preferHuge(memory) // otherwise the kernel would refuse
	_ = syscall.Madvise(memory, advice)
	refuseHuge(memory)
	return true
}

// residentPages returns the number of resident small pages in hugePage bytes, using mincore(2).
func residentPages(b []byte) (n int) {
	var pages [hugePage >> 12]byte
	_, _, errno := syscall.Syscall(syscall.SYS_MINCORE,
		uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), uintptr(unsafe.Pointer(&pages[0])))
	if errno != 0 {
		return 0
	}
	for _, page := range pages {
		n += int(page & 1)
	}
	return n
}
