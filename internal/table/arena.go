package table

import "math/bits"

// A ref names 8 bytes of a keyspace: 17 bits of chunk number, 15 bits of offset in words of 8
// bytes. So a keyspace ends at 32 GiB, and ref 0 is as good as any other.
const (
	refChunkShift = 15
	refOffsetMask = 1<<refChunkShift - 1
	unitWords     = unitSize / 8
	maxChunks     = 1 << (32 - refChunkShift)
)

// ownMapping replaces the pool's chunk number for a chunk that is a dedicated mapping.
const ownMapping = 1<<32 - 1

// arena is the memory of one keyspace: chunks, allocated in runs of 4 KiB units. A run longer than
// a chunk is a dedicated mapping with a chunk number.
//
// Slices into chunks remain valid until the run that they reference is released, because memory
// never moves.
type arena struct {
	bases   []*[chunkSize]byte // first 256 KiB of each chunk; a search needs only these
	chunks  [][]byte           // by number; vacant ones are nil
	pool    *pool
	purpose purpose  // constant
	free    []uint64 // a bit for each free unit; 0 for vacant chunks and dedicated mappings
	warm    []uint64 // a bit for each unit used since it was last returned to the kernel
	ids     []uint32 // the pool's chunk numbers
	vacant  []uint32

	freeUnits int // bits in free
	idleUnits int // bits in free that are warm: memory that could be returned
	warmUnits int // bits in warm

	// No chunk below first[i] has a free run of 1, 4, or 16 units, aligned to its size.
	first [3]int
}

// at returns the memory from r to the end of its chunk, or to 256 KiB of a dedicated mapping.
func (a *arena) at(r uint32) []byte {
	return a.bases[r>>refChunkShift][(r&refOffsetMask)<<3:]
}

// run returns the memory of the n units at r.
func (a *arena) run(r, n uint32) []byte {
	at := int(r&refOffsetMask) << 3
	end := at + int(n)*unitSize
	return a.chunks[r>>refChunkShift][at:end:end]
}

// starts has a bit for each unit where a run of 1, 4, or 16 units may start.
var starts = [3]uint64{^uint64(0), 0x1111111111111111, 0x0001000100010001}

// alloc returns n units with undefined contents; a run longer than a chunk contains zeros. Aligned
// runs of 4 and 16 units are used as pages. It returns false if memory runs out.
func (a *arena) alloc(n int, aligned bool) (ref uint32, ok bool) {
	if a.pool.refuses(n * unitSize) {
		return 0, false
	}
	if n > chunkUnits {
		return a.allocMapping(n)
	}
	if c, at := a.look(n, aligned); at != 0 {
		return a.take(c, choose(a.free[c], at, n), n), true
	}
	c, ok := a.grow()
	if !ok {
		return 0, false
	}
	return a.take(c, 0, n), true
}

func (a *arena) allocMapping(n int) (ref uint32, ok bool) {
	memory := a.pool.mapping(n * unitSize)
	if memory == nil {
		return 0, false
	}
	c, ok := a.number(memory, ownMapping, 0, 0)
	if !ok {
		a.pool.putMapping(memory)
	}
	return c << refChunkShift, ok
}

// grow adds a chunk and returns its number.
func (a *arena) grow() (c uint32, ok bool) {
	memory, id, warm, ok := a.pool.chunk(a.purpose)
	if !ok {
		return 0, false
	}
	c, ok = a.number(memory, id, ^uint64(0), warm)
	if !ok {
		a.pool.putChunk(id, warm)
		return 0, false
	}
	for i := range a.first {
		a.first[i] = min(a.first[i], int(c))
	}
	return c, true
}

// look returns a chunk with n consecutive free units, and a bit for each unit where they may start.
// n must be at most the units of a chunk. If no chunk has them, at is 0.
func (a *arena) look(n int, aligned bool) (c uint32, at uint64) {
	kind := 0
	if aligned && n == pageUnits {
		kind = 1
	} else if aligned {
		kind = 2
	}
	for c := a.first[kind]; c < len(a.free); c++ {
		if a.free[c] == 0 {
			if c == a.first[kind] {
				a.first[kind]++
			}
			continue
		}
		if at := runs(a.free[c], n) & starts[kind]; at != 0 {
			return uint32(c), at
		}
		if c == a.first[kind] && (aligned || n == 1) {
			a.first[kind]++
		}
	}
	return 0, 0
}

// runs returns a bit for each unit where n free units start.
func runs(free uint64, n int) uint64 {
	for have := 1; have < n; {
		step := min(have, n-have)
		free &= free >> step
		have += step
	}
	return free
}

// choose picks one of the starts in at. It prefers for a single unit a start whose aligned run of a
// page is already broken, which keeps whole runs for pages.
func choose(free, at uint64, n int) int {
	if n == 1 {
		whole := runs(free, pageUnits) & starts[1]
		if broken := at &^ (whole * 0xf); broken != 0 {
			at = broken
		}
	}
	return bits.TrailingZeros64(at)
}

func (a *arena) take(c uint32, unit, n int) uint32 {
	mask := unitMask(unit, n)
	a.free[c] &^= mask
	a.freeUnits -= n
	a.idleUnits -= bits.OnesCount64(a.warm[c] & mask)
	r := c<<refChunkShift | uint32(unit*unitWords)
	a.touched(r, n)
	return r
}

// touched records that the n units at r may be resident.
func (a *arena) touched(r uint32, n int) {
	c := r >> refChunkShift
	mask := unitMask(int(r&refOffsetMask)/unitWords, n)
	a.warmUnits += bits.OnesCount64(mask &^ a.warm[c])
	a.warm[c] |= mask
}

func unitMask(unit, n int) uint64 {
	return (^uint64(0) >> (64 - n)) << unit
}

// number assigns a chunk number to memory. It returns false if all numbers are in use: a keyspace
// has at most 32 GiB.
func (a *arena) number(memory []byte, id uint32, free, warm uint64) (c uint32, ok bool) {
	if len(a.vacant) == 0 && len(a.chunks) == maxChunks {
		return 0, false
	}
	a.freeUnits += bits.OnesCount64(free)
	a.idleUnits += bits.OnesCount64(warm)
	a.warmUnits += bits.OnesCount64(warm)
	if n := len(a.vacant); n > 0 {
		c := a.vacant[n-1]
		a.vacant = a.vacant[:n-1]
		a.chunks[c], a.bases[c] = memory, (*[chunkSize]byte)(memory)
		a.ids[c], a.free[c], a.warm[c] = id, free, warm
		return c, true
	}
	a.chunks = append(a.chunks, memory)
	a.bases = append(a.bases, (*[chunkSize]byte)(memory))
	a.ids = append(a.ids, id)
	a.free = append(a.free, free)
	a.warm = append(a.warm, warm)
	return uint32(len(a.chunks) - 1), true
}

// release frees the n units at r. An empty chunk is returned to the pool.
func (a *arena) release(r uint32, n int) {
	c := r >> refChunkShift
	if n > chunkUnits {
		a.pool.putMapping(a.chunks[c])
		a.vacate(c)
		return
	}
	mask := unitMask(int(r&refOffsetMask)/unitWords, n)
	if a.free[c]&mask != 0 || a.ids[c] == ownMapping {
		panic("table: internal error: units freed twice")
	}
	if checked {
		poison(a.at(r)[:n*unitSize])
		a.touched(r, n)
	}
	a.pool.releases.Add(1)
	a.free[c] |= mask
	a.freeUnits += n
	a.idleUnits += bits.OnesCount64(a.warm[c] & mask)
	if a.free[c] == ^uint64(0) {
		a.pool.putChunk(a.ids[c], a.warm[c])
		a.vacate(c)
		return
	}
	for i := range a.first {
		a.first[i] = min(a.first[i], int(c))
	}
}

func (a *arena) vacate(c uint32) {
	a.freeUnits -= bits.OnesCount64(a.free[c])
	a.idleUnits -= bits.OnesCount64(a.free[c] & a.warm[c])
	a.warmUnits -= bits.OnesCount64(a.warm[c])
	a.chunks[c], a.bases[c], a.free[c], a.warm[c], a.ids[c] = nil, nil, 0, 0, 0
	a.vacant = append(a.vacant, c)
}

// discard returns free units of chunk c to the kernel, at most max. It reports whether there were
// more.
func (a *arena) discard(c uint32, max int) (more bool) {
	units := a.free[c] & a.warm[c]
	for bits.OnesCount64(units) > max {
		units &^= 1 << (63 - bits.LeadingZeros64(units))
		more = true
	}
	a.idleUnits -= a.cool(c, units)
	return more
}

// cool returns units with unneeded contents to the kernel, except for units that do not fill a
// whole page of the kernel. It returns the number of units.
func (a *arena) cool(c uint32, units uint64) int {
	units = wholePages(units)
	if units == 0 {
		return 0
	}
	a.pool.discard(a.ids[c], units)
	a.warm[c] &^= units
	n := bits.OnesCount64(units)
	a.warmUnits -= n
	return n
}

// wholePages returns the units that make up whole pages of the kernel.
func wholePages(units uint64) uint64 {
	n := systemPage / unitSize
	if n <= 1 {
		return units
	}
	if n > chunkUnits {
		return 0
	}
	whole := uint64(0)
	for unit := 0; unit < chunkUnits; unit += n {
		if mask := unitMask(unit, n); units&mask == mask {
			whole |= mask
		}
	}
	return whole
}

// releaseAll frees everything at once.
func (a *arena) releaseAll() {
	for c, memory := range a.chunks {
		switch {
		case memory == nil:
		case a.ids[c] == ownMapping:
			a.pool.putMapping(memory)
		default:
			a.pool.putChunk(a.ids[c], a.warm[c])
		}
	}
	*a = arena{pool: a.pool}
}
