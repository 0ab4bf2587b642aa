//go:build linux && !perdure_heap

package table

import "syscall"

// regionChunks is how many chunks are asked of the system at a time: 16 MiB. The system gives
// pages when they are touched, so what is not used costs addresses only.
const regionChunks = 64

// canDiscard says that discardMemory works on a part of a region.
const canDiscard = true

// systemPage is what the system gives and takes back: 4 KiB, but more on some processors.
var systemPage = syscall.Getpagesize()

func mapMemory(size int) ([]byte, error) {
	return syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE)
}

func unmapMemory(b []byte) {
	if err := syscall.Munmap(b); err != nil {
		panic("table: munmap: " + err.Error())
	}
}

// preferHuge asks for pages of 2 MiB, which make random access a fifth faster. They become
// resident whole, so a small table does better without. A failure only means that the kernel has
// none.
func preferHuge(b []byte) { _ = syscall.Madvise(b, syscall.MADV_HUGEPAGE) }

// refuseHuge is for memory of which parts are to be discarded: the kernel would fill the holes.
func refuseHuge(b []byte) { _ = syscall.Madvise(b, syscall.MADV_NOHUGEPAGE) }

// discardMemory gives the pages back and keeps the addresses. What was in them is lost.
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
