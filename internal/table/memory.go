package table

// MemoryStats says what a table's memory is used for, in bytes.
type MemoryStats struct {
	Reserved int64 // asked of the system; what was never touched of it takes no memory
	Resident int64 // of that, what may be in RAM
	Index    int64 // segments of buckets
	Entries  int64 // slots that hold keys, values and their sizes
	Large    int64 // values above 32 KiB
}

// Used is what holds data.
func (m MemoryStats) Used() int64 { return m.Index + m.Entries + m.Large }

// Fragmentation is what is resident for each byte that is used; 1 is none.
func (m MemoryStats) Fragmentation() float64 {
	if m.Used() == 0 {
		return 1
	}
	return float64(m.Resident) / float64(m.Used())
}

// Releases counts how often memory was freed, in pieces of 4 KiB and more. It takes no lock.
func (t *Table) Releases() int64 { return t.pool.releases.Load() }

// Memory adds up the memory of the table. It locks the shards in turn. A pool of some MiB of free
// memory is left out. Reserved includes that of related tables and of what only a view still holds.
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
	m.Reserved = t.pool.reserved.Load()
	m.Resident += t.pool.own.Load()
	return m
}

// heapRoom is what Go's heap may take besides an allocation.
const heapRoom = 128 << 20

// HeapRoom reports whether the system has memory for an allocation of n bytes on Go's heap: there it cannot be
// refused, and ends the process. It maps and unmaps as much.
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
