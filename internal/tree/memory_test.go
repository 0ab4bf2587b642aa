package tree_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/perduredb/perdure/internal/tree"
)

// memory is a tree.Memory with the size classes of the table's slabs. It poisons freed memory.
type memory struct {
	chunks [4096]*[chunkSize]byte
	n      int              // chunks in use
	top    int              // used bytes of the last chunk
	free   map[int][]uint32 // by size
	large  [1024][]byte
	larges int
	live   map[uint32]int // sizes by ref; nil if leaks are not checked
	used   int64          // bytes in size classes
	asked  int
	refuse func(n int) bool // decides about allocation n; may be nil
}

const chunkSize = 256 << 10

func newMemory() *memory {
	return &memory{free: map[int][]uint32{}, live: map[uint32]int{}}
}

// class returns the size class of a size.
func class(size int) int {
	step := 8
	for limit := 256; limit < size && limit < 32<<10; limit *= 2 {
		step = limit / 8
	}
	if size > 32<<10 {
		step = 4096
	}
	return (size + step - 1) / step * step
}

func (m *memory) Alloc(size int) (ref uint32, b []byte, ok bool) {
	m.asked++
	if m.refuse != nil && m.refuse(m.asked) {
		return 0, nil, false
	}
	size = class(size)
	m.used += int64(size)
	switch list := m.free[size]; {
	case len(list) > 0:
		ref = list[len(list)-1]
		m.free[size] = list[:len(list)-1]
	case size > 64<<10:
		ref = 1<<31 | uint32(m.larges)
		m.large[m.larges] = make([]byte, size)
		m.larges++
	default:
		if m.n == 0 || m.top+size > chunkSize {
			m.chunks[m.n] = new([chunkSize]byte)
			m.n, m.top = m.n+1, 0
		}
		ref = uint32(m.n-1)<<15 | uint32(m.top/8)
		m.top += size
	}
	if m.live != nil {
		if m.live[ref] != 0 {
			panic("allocated twice")
		}
		m.live[ref] = size
	}
	return ref, m.At(ref)[:size:size], true
}

func (m *memory) Free(ref uint32, size int) {
	size = class(size)
	m.used -= int64(size)
	if m.live != nil {
		if m.live[ref] != size {
			panic(fmt.Sprintf("Free(%d, %d), want size %d", ref, size, m.live[ref]))
		}
		delete(m.live, ref)
		b := m.At(ref)[:size]
		for i := range b {
			b[i] = 0xdb
		}
	}
	m.free[size] = append(m.free[size], ref)
}

func (m *memory) At(ref uint32) []byte {
	if ref>>31 != 0 {
		return m.large[ref&^(1<<31)]
	}
	return m.chunks[ref>>15][ref&(1<<15-1)<<3:]
}

// checkMemory checks that the live memory is that of the trees and what pins hold.
func checkMemory(t *testing.T, s *tree.Space, m *memory, trees ...tree.Root) {
	t.Helper()
	refs, err := s.Used(trees...)
	if err != nil {
		t.Fatal(err)
	}
	if len(refs) != len(m.live) {
		t.Fatalf("%d allocations are in use, want %d", len(refs), len(m.live))
	}
	for ref := range refs {
		if m.live[ref] == 0 {
			t.Fatalf("ref %d is in use and not allocated", ref)
		}
	}
}

// every reports whether tests have their full size.
func every() bool { return os.Getenv("PERDURE_EVERY") != "" }

// seeds returns the number of seeds of a test: n/4, or n with PERDURE_EVERY.
func seeds(n uint64) uint64 {
	if every() {
		return n
	}
	return n / 4
}
