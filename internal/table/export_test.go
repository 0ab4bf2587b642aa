package table

import (
	"math/bits"
	"unsafe"
)

// ShardSize is the size of a Shard in bytes.
const ShardSize = unsafe.Sizeof(Shard{})

// IdleBytes returns the limit on free memory that the table's pool may keep.
func (t *Table) IdleBytes() int { return t.pool.free * chunkSize }

// MappedBytes returns the number of bytes that the pool has mapped, used or not.
func (t *Table) MappedBytes() (n int) {
	for _, r := range t.pool.regions {
		n += len(r.memory)
	}
	return n
}

// Flushed returns the number of flushed keyspaces whose trees must still be dropped.
func (t *Table) Flushed() int { return len(t.flushed.spaces) }

// MaskHash masks all hashes until the returned function is called.
func MaskHash(mask uint64) (restore func()) {
	hashMask = mask
	return func() { hashMask = ^uint64(0) }
}

// Checked reports whether the build checks for misuse of memory.
const Checked = checked

// Held returns the size of the view's before-images in bytes.
func (v *View) Held() int64 { return v.held.Load() }

// HugePages returns the number of 2 MiB pieces of memory that were collapsed to huge pages, or for
// which this was requested.
func (t *Table) HugePages() (n int) {
	t.pool.mu.Lock()
	defer t.pool.mu.Unlock()
	for i := range t.pool.regions {
		n += bits.OnesCount8(t.pool.regions[i].huge)
	}
	return n
}

// CanCollapse reports whether the kernel supports huge pages.
const CanCollapse = canCollapse

// SetExpire sets the expiry of a key, and reports whether the key exists.
func (s *Shard) SetExpire(db int, h uint64, key string, expireAtMs int64) (found bool, err error) {
	it, ok := s.Find(db, h, key)
	if !ok {
		return false, nil
	}
	return true, s.Reexpire(db, h, it, expireAtMs)
}

// CanPopulate reports whether memory can be prepared.
const CanPopulate = canPopulate

// PreparedForTrees waits until enough is prepared for trees, and returns the number of those bytes
// that are not in use.
func (t *Table) PreparedForTrees() int {
	p := t.pool
	p.lockPrepared()
	defer p.mu.Unlock()
	chunks := p.spareReady
	if p.spare == nil {
		chunks = 0
	}
	if r := p.newestRegion(forTrees); r != nil {
		chunks += max(0, r.ready-bits.Len64(r.resident))
	}
	return chunks * chunkSize
}
