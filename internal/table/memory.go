package table

// MemoryStats reports the use of a table's memory, in bytes.
type MemoryStats struct {
	Reserved int64 // obtained from the kernel; untouched parts use no memory
	Resident int64 // the part of Reserved that may be in RAM
	Index    int64 // segments of buckets
	Entries  int64 // slots that hold keys, values and their sizes
	Large    int64 // values above 32 KiB
	Trees    int64 // pages and elements of large collections
}

// Used returns the number of bytes that contain data.
func (m MemoryStats) Used() int64 { return m.Index + m.Entries + m.Large + m.Trees }

// Fragmentation returns the number of resident bytes for each used byte; 1 means no fragmentation.
func (m MemoryStats) Fragmentation() float64 {
	if m.Used() == 0 {
		return 1
	}
	return float64(m.Resident) / float64(m.Used())
}

// Releases returns how often memory of 4 KiB or more was freed. It does not lock anything.
func (t *Table) Releases() int64 { return t.pool.releases.Load() }

// Memory adds up the memory of the table. It locks the shards one after the other. It omits a pool
// of a few MiB of free memory. Reserved includes memory of related tables and memory that only a
// view still retains.
func (t *Table) Memory() (m MemoryStats) {
	for i := range t.shards {
		s := &t.shards[i]
		s.Lock()
		for _, k := range s.spaces {
			if k != nil {
				m.Index += int64(k.segments) * unitSize
				m.Entries += k.slotted
				m.Large += k.spanUnits * unitSize
				m.Resident += int64(k.warmUnits) * unitSize
			}
		}
		s.Unlock()
	}
	t.pool.heap.count(&m)
	m.Reserved = t.pool.reserved.Load()
	m.Resident += t.pool.own.Load()
	return m
}

// heapRoom is the memory that Go's heap may need in addition to an allocation.
const heapRoom = 128 << 20

// HeapRoom reports whether the kernel has memory for an allocation of n bytes on Go's heap, where a
// failed allocation ends the process. It maps and unmaps that much.
func HeapRoom(n int) bool {
	if !canProbe {
		return true
	}
	memory, err := mapMemory(n + heapRoom)
	if err == nil {
		unmapMemory(memory)
	}
	return err == nil
}
