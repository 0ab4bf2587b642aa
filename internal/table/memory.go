package table

// MemoryStats says what a table's memory is used for, in bytes.
type MemoryStats struct {
	Reserved int64 // asked of the system, but for a small pool of free memory
	Index    int64 // segments of buckets
	Entries  int64 // slots that hold keys, values and their sizes
	Large    int64 // values above 32 KiB
}

// Used is what holds data.
func (m MemoryStats) Used() int64 { return m.Index + m.Entries + m.Large }

// Fragmentation is what is reserved for each byte that is used; 1 is none. Much of what is
// reserved and not used was never touched, and takes no memory from the system.
func (m MemoryStats) Fragmentation() float64 {
	if m.Used() == 0 {
		return 1
	}
	return float64(m.Reserved) / float64(m.Used())
}

// Memory adds up the memory of the table. It locks the shards in turn. Reserved includes that of
// related tables and of what only a view still holds.
func (t *Table) Memory() (m MemoryStats) {
	for i := range t.shards {
		s := &t.shards[i]
		s.Lock()
		for _, k := range s.spaces {
			if k != nil {
				m.Index += int64(k.segments) * unitSize
				m.Entries += k.slotted
				m.Large += k.spanUnits * unitSize
			}
		}
		s.Unlock()
	}
	m.Reserved = t.pool.reserved.Load()
	return m
}
