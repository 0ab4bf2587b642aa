//go:build linux && !perdure_heap

package table

import (
	"syscall"
	"unsafe"
)

// regionChunks is how many chunks are asked of the system at a time: 16 MiB. The system gives
// pages when they are touched, so what is not used costs addresses only.
const regionChunks = 64

// canDiscard says that discardMemory works on a part of a region.
const canDiscard = true

// systemPage is what the system gives and takes back: 4 KiB, but more on some processors.
var systemPage = syscall.Getpagesize()

// canProbe says that mapMemory reports that there is no memory.
const canProbe = true

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

// preferHuge asks for pages of 2 MiB, which make random access a fifth faster. They become
// resident whole, so a small table does better without. A failure only means that the kernel has
// none.
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

// canPopulate says that populateMemory works.
const canPopulate = true

// populateMemory gives memory its pages, as touching them would: MADV_POPULATE_WRITE, of Linux 5.14 and
// later. Before that, and when there is no memory, nothing happens, and whoever touches it waits.
func populateMemory(b []byte) {
	const populateWrite = 23
	_ = syscall.Madvise(b, populateWrite)
}

// canCollapse says that collapse works, where the kernel knows how.
const canCollapse = true

// collapse exchanges the small pages of a hugePage of memory, by number, for a huge one, if at most a sixteenth of them
// is not resident: MADV_COLLAPSE, of Linux 6.1 and later. The memory refuses huge pages before and after. It reports
// whether it has tried: a kernel that cannot, or has no huge page left, is not asked again for the same.
func collapse(memory []byte, piece int) bool {
	const advice = 25
	if systemPage != 4<<10 { // a huge page is larger too
		return false
	}
	// Memory that does not begin with a huge page has one less.
	begin := int(-uintptr(unsafe.Pointer(unsafe.SliceData(memory)))%hugePage) + piece*hugePage
	if begin+hugePage > len(memory) {
		return false
	}
	memory = memory[begin : begin+hugePage]
	if residentPages(memory) < hugePage/systemPage/16*15 {
		return false
	}
	preferHuge(memory) // otherwise it would be refused
	_ = syscall.Madvise(memory, advice)
	refuseHuge(memory)
	return true
}

// residentPages counts those of a hugePage, by mincore(2).
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
