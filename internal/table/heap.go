package table

import (
	"sync"
	"sync/atomic"
)

// heap is the memory of trees. Related tables share it, and every shard can use it. It implements
// tree.Memory: a piece of up to 32 KiB is a slot of a slab, and a longer one is a span.
//
// At does not lock. A chunk does not move, and a goroutine gets the ref of a piece under a lock, or
// with a pinned root, after the chunk was published.
type heap struct {
	published atomic.Pointer[[][]byte] // the chunks of space

	mu    sync.Mutex // guards the fields below
	space keyspace   // only its slabs and spans
	room  []byte     // memory of space.pages, see reservePages; or nil
}

func newHeap(p *pool) *heap {
	return &heap{space: keyspace{arena: arena{pool: p, purpose: forTrees}}}
}

// Alloc implements tree.Memory.
func (h *heap) Alloc(size int) (ref uint32, memory []byte, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if size <= maxSlot {
		class := classOf(size)
		size = slotSizes[class]
		ref, _, ok = h.space.allocSlot(class, false)
	} else {
		var s span
		s, ok = h.space.allocSpan(size, 0)
		ref, size = s.ref, int(s.units)*unitSize
	}
	if !ok {
		return 0, nil, false
	}
	if p := h.published.Load(); p == nil || len(*p) != len(h.space.chunks) {
		chunks := h.space.chunks
		h.published.Store(&chunks)
		if len(chunks) == hugeTrees {
			h.reservePages()
		}
	}
	return ref, h.At(ref)[:size:size], true
}

// reservePages moves space.pages to memory that has room for the pages of all chunks: 48 MiB, which
// the kernel assigns as it is used. Otherwise they are copied when there is no more room, which
// takes 0.5 ms with 500 MB of trees, and more with more. Without addresses, it does nothing.
func (h *heap) reservePages() {
	if !canReserve || h.room != nil {
		return
	}
	room, err := mapMemory(maxChunks * chunkPages * pageBytes)
	if err != nil {
		return
	}
	refuseHuge(room)
	h.room = room
	pages := pagesIn(room)
	h.space.pages = pages[:copy(pages, h.space.pages)]
}

// Free implements tree.Memory.
func (h *heap) Free(ref uint32, size int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if size <= maxSlot {
		h.space.freeSlot(ref)
		return
	}
	h.space.freeSpan(span{ref, unitsFor(size)})
}

// At implements tree.Memory.
func (h *heap) At(ref uint32) []byte {
	return (*h.published.Load())[ref>>refChunkShift][(ref&refOffsetMask)<<3:]
}

// count adds the memory of the heap to m.
func (h *heap) count(m *MemoryStats) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m.Trees += h.space.slotted + h.space.spanUnits*unitSize
	m.Resident += int64(h.space.warmUnits) * unitSize
}

// close frees all memory.
func (h *heap) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.space.releaseAll()
	h.space = keyspace{arena: arena{pool: h.space.pool, purpose: forTrees}}
	if h.room != nil {
		unmapMemory(h.room)
		h.room = nil
	}
}

// trimHeap returns idle memory of trees to the kernel, from one chunk at a time, if this round
// discards idle memory. It reports whether there is more.
func (d *Defragmenter) trimHeap() (more bool) {
	if d.heapChunk < 0 {
		return false
	}
	h := d.table.pool.heap
	h.mu.Lock()
	defer h.mu.Unlock()
	k := &h.space
	if d.heapChunk == 0 {
		d.idle += int64(k.idleUnits)
		d.warm += int64(k.warmUnits)
	}
	for d.discarding && d.heapChunk < len(k.chunks) {
		before := k.idleUnits
		if !k.discard(uint32(d.heapChunk), stepUnits) {
			d.heapChunk++
		}
		if k.idleUnits < before {
			return true
		}
	}
	d.heapChunk = -1
	return false
}
