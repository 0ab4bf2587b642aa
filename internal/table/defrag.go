package table

import "sync/atomic"

// A Defragmenter keeps a table's memory close to the size that its records need. It moves the
// records of sparse pages into other pages of their class. It packs the remaining pages into as few
// chunks as they need, and returns free memory to the kernel. The index allows any record to move:
// the Defragmenter hashes its key again and changes the place that references the record. Memory
// that has filled up gets huge pages.
//
// It works in steps. Each step locks one shard for about 10 us. A table has at most one
// Defragmenter, and one goroutine uses it, concurrently with other users of the table. Any
// goroutine may call Moved.
type Defragmenter struct {
	table *Table
	moved atomic.Int64

	// Position of the next step.
	shard, db int
	space     *keyspace // being defragmented, or nil
	phase     phase
	page      uint32 // next page to examine
	chunk     uint32 // next chunk to examine
	prefix    uint64 // next prefix of the index to examine
	limit     uint32 // chunks from this number on are to become empty
	lists     [2 * numClasses]listPlan
	victims   []uint32 // pages to evacuate
	heapChunk int      // next chunk of the heap to examine; -1 after the last

	// Counts since the first shard, and state from the last round.
	idle, warm int64 // units
	worked     bool
	patience   int // consecutive rounds with much idle memory
	discarding bool
}

// A phase performs a step in a keyspace. The keyspace's shard must be locked.
type phase func(*Defragmenter, *keyspace)

// Bounds of the work of one step under the lock of a shard. Each bound takes about 10 us.
const (
	stepPages    = 1 << 11 // examined
	stepRecords  = 48      // moved
	stepSegments = 16      // moved
	stepRefs     = 1 << 7  // of segments, examined
	stepUnits    = 16      // returned to the kernel

	stepTreePages = 64 // of trees, freed
)

// Thresholds for the work on a keyspace, and for the return of free memory.
const (
	sparse       = 0.83    // a keyspace that uses less than this share of its pages is defragmented
	packed       = 0.95    // maximum share expected to be used after defragmentation
	keepIdle     = 4 << 20 // free bytes that the process retains,
	keepIdlePart = 16      // or 1/16 of warm memory, if that is more
	idleRounds   = 5       // rounds before free memory is returned: it may be needed soon
	minIdle      = 8       // minimum idle units of a keyspace for a search
)

// Defragmenter returns a defragmenter for the table. A table must have at most one.
func (t *Table) Defragmenter() *Defragmenter { return &Defragmenter{table: t} }

// Moved returns the number of records moved.
func (d *Defragmenter) Moved() int64 { return d.moved.Load() }

// Step does a piece of work and reports whether it ended a round through all shards. In that case
// more reports whether there may be more to do. It must not be called with a shard locked.
func (d *Defragmenter) Step() (round, more bool) {
	if d.table.pool.trees.Reclaim(stepTreePages) || d.table.dropFlushed() || d.shard == 0 && d.space == nil && d.trimHeap() {
		d.worked = true
		return false, true
	}
	if d.shard == 0 && d.space == nil && (d.table.pool.releaseSurplus() || d.table.pool.collapse()) {
		d.worked = true
		return false, true
	}
	if !d.work(&d.table.shards[d.shard]) {
		return false, true
	}
	return true, d.endRound()
}

// work continues with the current keyspace, or looks for a keyspace in the shard that needs work.
// It reports whether that was the last.
func (d *Defragmenter) work(s *Shard) (last bool) {
	s.Lock()
	defer s.Unlock()
	if d.space != nil {
		if d.space != s.spaces[d.db] { // flushed, or swapped for another
			d.leave()
			return false
		}
		d.phase(d, d.space)
		return false
	}
	for ; d.db < len(s.spaces); d.db++ {
		if k := s.spaces[d.db]; k != nil && d.look(k) {
			return false
		}
	}
	d.db = 0
	d.shard = (d.shard + 1) % len(d.table.shards)
	return d.shard == 0
}

// look reports whether a keyspace needs work, and prepares it.
func (d *Defragmenter) look(k *keyspace) bool {
	d.idle += int64(k.idleUnits)
	d.warm += int64(k.warmUnits)
	switch {
	case d.discarding && k.idleUnits >= minIdle:
		d.begin(k, (*Defragmenter).discard)
		return true
	case k.fragmented():
		d.begin(k, (*Defragmenter).survey)
		d.limit = k.chunksNeeded()
		d.worked = true
		return true
	}
	return false
}

func (d *Defragmenter) begin(k *keyspace, phase phase) {
	d.space, d.phase = k, phase
	d.page, d.chunk, d.prefix = 0, 0, 0
	d.lists = [2 * numClasses]listPlan{}
	d.victims = d.victims[:0]
}

// finish ends the work on a keyspace that was fragmented.
func (d *Defragmenter) finish(k *keyspace) {
	k.shrink()
	k.tried = k.waste()
	d.leave()
}

// leave continues after the keyspace.
func (d *Defragmenter) leave() {
	d.space = nil
	d.db++
}

// discard returns idle units to the kernel.
func (d *Defragmenter) discard(k *keyspace) {
	for ; int(d.chunk) < len(k.chunks); d.chunk++ {
		before := k.idleUnits
		more := k.arena.discard(d.chunk, stepUnits)
		if !more {
			d.chunk++
		}
		if k.idleUnits < before {
			d.worked = true
			return
		}
	}
	d.leave()
}

// endRound decides whether the next round returns idle memory to the kernel, and whether there
// should be a next round.
func (d *Defragmenter) endRound() (worked bool) {
	d.heapChunk = 0
	much := canDiscard && d.idle*unitSize > keepIdle && d.idle*keepIdlePart > d.warm
	worked = d.table.pool.filling() || d.worked
	if !much {
		d.patience = 0
	} else if d.patience < idleRounds {
		d.patience++
		worked = true
	}
	d.discarding = d.patience == idleRounds
	d.idle, d.warm, d.worked = 0, 0, false
	return worked
}

// waste is the free memory in a keyspace: bytes in pages, and units in chunks.
type waste struct {
	slots int64
	units int
}

func (k *keyspace) waste() waste { return waste{k.paged - k.slotted, k.freeUnits} }

// fragmented reports whether a keyspace is worth an attempt. It must be sparse or scattered,
// and must have become so since the last attempt left it as dense as possible.
func (k *keyspace) fragmented() bool {
	w, tried := k.waste(), &k.tried
	// Waste that has decreased since then counts if it grows again.
	tried.slots, tried.units = min(tried.slots, w.slots), min(tried.units, w.units)
	if k.sparse() && w.slots > tried.slots+k.paged/16 {
		return true
	}
	total := chunkUnits * (len(k.chunks) - len(k.vacant))
	return k.scattered() && w.units > tried.units+total/16
}

// sparse reports whether much of the memory in pages is free.
func (k *keyspace) sparse() bool { return float64(k.slotted) < sparse*float64(k.paged) }

// scattered reports whether much of the memory in chunks is free.
func (k *keyspace) scattered() bool {
	return k.freeUnits >= 2*chunkUnits && 4*k.freeUnits > chunkUnits*(len(k.chunks)-len(k.vacant))
}
