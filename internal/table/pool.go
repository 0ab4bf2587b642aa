package table

import (
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/perduredb/perdure/internal/tree"
)

// Sizes of the parts of a table's memory.
const (
	unitSize   = 4 << 10               // segments and large values consist of units
	chunkUnits = 64                    // so that one word has a bit for each
	chunkSize  = chunkUnits * unitSize // unit of allocation for a keyspace
)

// ErrNoMemory is returned by operations that need memory if the kernel or Options.Limit refuses it.
// The operation has then changed nothing.
var ErrNoMemory = tree.ErrNoMemory

// keepChunks is the maximum number of free chunks that the process retains: 4 MiB.
const keepChunks = 16

// urgentBytes is the size of freed dedicated mappings that are unmapped immediately. Below it, they
// wait for releaseSurplus. The limit bounds the memory of a value that is replaced again and again
// in the meantime.
const urgentBytes = 32 << 20

// hugeAbove is the reserved size, for each shard, above which new regions for shards prefer huge
// pages: 8 MiB. The chunk that a shard has not filled is then at most 1/32 of its memory.
//
// Trees fill one chunk after another, and so have huge pages from their chunk number hugeTrees on,
// at 2 MiB. Without them, HSET of a large hash takes 1.4 times as long, ZADD and ZRANK 1.2 times.
const (
	hugeAbove = 32 * chunkSize
	hugeTrees = 8
)

// A purpose is the owner of the chunks of a region.
type purpose uint8

const (
	forShards purpose = iota
	forTrees
	purposes
)

// pool allocates chunks of 256 KiB and dedicated mappings for larger values. Related tables share
// one pool.
//
// Memory is freed under the lock of a shard, and returning it to the kernel takes long. A pool
// therefore only records freed memory; releaseSurplus, which runs without the locks, returns it.
type pool struct {
	urgent   atomic.Bool  // releaseSurplus should run immediately
	reserved atomic.Int64 // bytes in allocated chunks and in dedicated mappings
	own      atomic.Int64 // bytes in dedicated mappings
	releases atomic.Int64 // number of times memory was freed

	trees *tree.Space // constant, as heap is: its memory
	heap  *heap

	shards   int64               // constant: number of shards of a table
	limit    func(size int) bool // constant; nil or Options.Limit
	promised atomic.Bool         // the limit has approved the next allocation: see secure

	// mu guards the fields below. No other lock is taken while it is held.
	mu      sync.Mutex
	tables  int      // number of tables that share the pool
	regions []region // by number; vacant ones have no memory
	vacant  []uint32
	first   [purposes]int // no region for that purpose below it has a free chunk
	inTrees int           // chunks of trees
	free    int           // chunks that are free and may be resident
	dead    [][]byte      // dedicated mappings to be unmapped
	dying   int           // bytes in dead

	handedOut           int64 // chunks, ever
	lookedAt, lookingAt int64 // handedOut when collapse finished and began its last examination
	small               int   // the region that collapse has reached

	newest     [purposes]int // the last region that was added for that purpose
	loading    bool          // see GrowAhead
	spare      []byte        // a region that is not yet in use; or nil
	spareReady int           // as region.ready
	preparing  chan struct{} // closed when the preparation of a piece ends; nil outside one
}

// region is memory for regionChunks chunks, with bits for each chunk. A free chunk can be
// allocated. A resident chunk has been used since its memory was last returned to the kernel. warm
// records that for each unit of a free chunk.
type region struct {
	memory         []byte
	free, resident uint64
	warm           [regionChunks]uint64
	ready          int // chunks below are prepared, or being prepared; small pages need none
	purpose        purpose
	huge           uint8 // a bit for each hugePage of memory that is to stay unchanged
	large          bool  // the chunks that come next have huge pages, unless split
	split          bool  // huge pages are disabled
	collapsing     bool  // it must not be unmapped
}

// allHuge is the region.huge of one that does not need a collapse.
const allHuge = 1<<(regionChunks*chunkSize/hugePage) - 1

const regionFree = 1<<regionChunks - 1

func newPool(shards int, limit func(size int) bool) *pool {
	p := &pool{shards: int64(shards), limit: limit}
	p.heap = newHeap(p)
	p.trees = tree.NewSpace(p.heap)
	return p
}

func (p *pool) join() {
	p.mu.Lock()
	p.tables++
	p.mu.Unlock()
}

// leave ends a table's use of the pool. The last table returns the remaining memory to the kernel.
func (p *pool) leave() {
	for p.releaseSurplus() {
	}
	p.dropPrepared()
	p.mu.Lock()
	p.tables--
	last := p.tables == 0
	p.mu.Unlock()
	if !last {
		return
	}
	p.heap.close()
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.regions {
		if r := &p.regions[i]; r.memory != nil && r.free == regionFree {
			unmapMemory(r.memory)
			*r = region{}
		}
	}
}

// chunk allocates a chunk for a purpose, with undefined contents. It returns the memory of the
// chunk, the number with which to free it, and a bit for each unit that may be resident. It returns
// false if the kernel refuses the memory.
func (p *pool) chunk(u purpose) (memory []byte, id uint32, warm uint64, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.first[u]
	for n < len(p.regions) && (p.regions[n].free == 0 || p.regions[n].purpose != u) {
		n++
	}
	if n == len(p.regions) {
		if n, ok = p.addRegion(u); !ok {
			return nil, 0, 0, false
		}
	}
	p.first[u] = n
	r := &p.regions[n]
	pick := r.free & r.resident // resident memory is cheaper
	if pick == 0 {
		pick = r.free
	} else {
		p.free--
	}
	i := bits.TrailingZeros64(pick)
	r.free &^= 1 << i
	r.resident |= 1 << i
	p.handedOut++
	if u == forTrees {
		if p.inTrees++; p.inTrees == hugeTrees && !r.large && !r.split {
			preferHuge(r.memory) // for the rest of the first region
			r.large, r.ready = true, bits.Len64(r.resident)
		}
	}
	p.reserved.Add(chunkSize)
	p.prepareAhead()
	return r.memory[i*chunkSize : (i+1)*chunkSize : (i+1)*chunkSize], uint32(n*regionChunks + i), r.warm[i], true
}

// addRegion returns the number of a region with memory. It returns false if the kernel refuses the
// memory.
func (p *pool) addRegion(u purpose) (n int, ok bool) {
	r, ok := p.nextRegion(u)
	if !ok {
		return 0, false
	}
	if last := len(p.vacant) - 1; last >= 0 {
		n = int(p.vacant[last])
		p.vacant = p.vacant[:last]
	} else {
		n = len(p.regions)
		p.regions = append(p.regions, region{})
	}
	p.regions[n] = r
	p.newest[u] = n
	return n, true
}

// putChunk frees a chunk. The units in warm may be resident.
func (p *pool) putChunk(id uint32, warm uint64) {
	p.mu.Lock()
	n, i := int(id)/regionChunks, int(id)%regionChunks
	r := &p.regions[n]
	if r.free&(1<<i) != 0 {
		panic("table: internal error: chunk freed twice")
	}
	r.free |= 1 << i
	r.warm[i] = warm
	p.first[r.purpose] = min(p.first[r.purpose], n)
	if r.purpose == forTrees {
		p.inTrees--
	}
	p.free++
	p.mu.Unlock()
	p.releases.Add(1)
	p.reserved.Add(-chunkSize)
}

// mapping allocates a dedicated mapping for a value larger than a chunk: zeros that use no memory
// until they are written. It returns nil if the kernel refuses it.
func (p *pool) mapping(size int) []byte {
	b, err := mapMemory(size)
	if err != nil {
		return nil
	}
	p.reserved.Add(int64(size))
	p.own.Add(int64(size))
	return b
}

// refuses reports whether the limit refuses an allocation.
func (p *pool) refuses(size int) bool {
	return p.limit != nil && !p.promised.Load() && !p.limit(size)
}

// putMapping frees a mapping from mapping.
func (p *pool) putMapping(b []byte) {
	p.reserved.Add(-int64(len(b)))
	p.own.Add(-int64(len(b)))
	p.mu.Lock()
	p.dead = append(p.dead, b)
	if p.dying += len(b); p.dying >= urgentBytes {
		p.urgent.Store(true)
	}
	p.mu.Unlock()
	p.releases.Add(1)
}

// releaseSurplus returns surplus memory to the kernel: freed dedicated mappings and the surplus of
// one region. It reports whether there was any. It must not be called with a shard locked, because
// it can take a millisecond, and more for large mappings.
func (p *pool) releaseSurplus() (worked bool) {
	p.mu.Lock()
	p.urgent.Store(false)
	dead := p.dead
	p.dead, p.dying = nil, 0
	p.mu.Unlock()
	for _, b := range dead {
		unmapMemory(b)
	}
	return p.settleRegion() || len(dead) > 0
}

// settleRegion returns the free memory of one region, the last that has any, to the kernel, and
// reports whether there may be more to do. The chunks count as allocated during the call to the
// kernel, so that the lock need not be held.
func (p *pool) settleRegion() bool {
	p.mu.Lock()
	n, surplus := p.surplus()
	if surplus == 0 {
		p.mu.Unlock()
		return false
	}
	r := &p.regions[n]
	memory := r.memory
	p.free -= bits.OnesCount64(surplus)
	if r.free == regionFree {
		*r = region{}
		p.vacant = append(p.vacant, uint32(n))
		p.mu.Unlock()
		p.awaitPrepared()
		unmapMemory(memory)
		return true
	}
	r.free &^= surplus
	p.mu.Unlock()
	p.splitHuge(n)
	for left := surplus; left != 0; left &= left - 1 {
		i := bits.TrailingZeros64(left)
		discardMemory(memory[i*chunkSize : (i+1)*chunkSize])
	}
	p.mu.Lock()
	r = &p.regions[n]
	r.free |= surplus
	r.resident &^= surplus
	for left := surplus; left != 0; left &= left - 1 {
		r.warm[bits.TrailingZeros64(left)] = 0
	}
	p.first[r.purpose] = min(p.first[r.purpose], n)
	p.mu.Unlock()
	return true
}

// surplus chooses a region with memory to return to the kernel, and its chunks.
func (p *pool) surplus() (n int, chunks uint64) {
	if p.free <= keepChunks {
		return 0, 0
	}
	for n := len(p.regions) - 1; n >= 0; n-- {
		r := &p.regions[n]
		if !r.collapsing && (canDiscard || r.free == regionFree) {
			if chunks := r.free & r.resident; chunks != 0 {
				return n, chunks
			}
		}
	}
	return 0, 0
}

// discard returns units of an allocated chunk to the kernel.
func (p *pool) discard(id uint32, units uint64) {
	n, i := int(id)/regionChunks, int(id)%regionChunks
	memory := p.splitHuge(n)[i*chunkSize:]
	for units != 0 {
		unit := bits.TrailingZeros64(units)
		count := bits.TrailingZeros64(^(units >> unit))
		discardMemory(memory[unit*unitSize : (unit+count)*unitSize])
		units &^= unitMask(unit, count)
	}
}

// splitHuge returns the memory of a region after marking it to use small pages. With huge pages the
// kernel would fill the holes again.
func (p *pool) splitHuge(n int) []byte {
	p.mu.Lock()
	r := &p.regions[n]
	memory, split := r.memory, r.split
	r.split, r.ready = true, regionChunks
	p.mu.Unlock()
	if !split {
		refuseHuge(memory)
	}
	return memory
}
