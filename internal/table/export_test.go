package table

import "unsafe"

// ShardSize is the size of a Shard.
const ShardSize = unsafe.Sizeof(Shard{})

// IdleBytes is how much memory that is free the table's pool may still hold.
func (t *Table) IdleBytes() int { return t.pool.free * chunkSize }

// MappedBytes is what the pool has from the system, used or not.
func (t *Table) MappedBytes() (n int) {
	for _, r := range t.pool.regions {
		n += len(r.memory)
	}
	return n
}

// MaskHash keeps only some bits of every hash, until the function that it returns is called.
func MaskHash(mask uint64) (restore func()) {
	hashMask = mask
	return func() { hashMask = ^uint64(0) }
}

// Checked says that the build looks for misuse of memory.
const Checked = checked

// Held is the size of the view's before-images.
func (v *View) Held() int64 { return v.held.Load() }
