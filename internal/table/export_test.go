package table

import (
	"math/bits"
	"unsafe"
)

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

// HugePages counts the pieces of memory of 2 MiB that were filled with small pages and have got huge ones, or
// were to get them.
func (t *Table) HugePages() (n int) {
	t.pool.mu.Lock()
	defer t.pool.mu.Unlock()
	for i := range t.pool.regions {
		n += bits.OnesCount8(t.pool.regions[i].huge)
	}
	return n
}

// CanCollapse says that there are such.
const CanCollapse = canCollapse

// SetExpire sets the expiry of a key, and reports whether the key exists.
func (s *Shard) SetExpire(db int, h uint64, key string, expireAtMs int64) (found bool, err error) {
	it, ok := s.Find(db, h, key)
	if !ok {
		return false, nil
	}
	return true, s.Reexpire(db, h, it, expireAtMs)
}
