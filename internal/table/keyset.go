package table

import "math/bits"

// A KeySet contains the keys of an operation on several keys of one table: their shards and hashes,
// and the shards to lock. The zero value is ready for Set. A KeySet serves any number of
// operations, one at a time.
type KeySet struct {
	table  *Table
	hashes []uint64 // in key order
	shards [maxShards / 64]uint64

	touched byte // sink for the bytes touched; its value is meaningless
}

const (
	// keepHashes is the number of keys above which the memory of a set is not retained for the next
	// operation.
	keepHashes = 16 << 10

	// touchWindow is the number of keys touched at a time. Their memory fits in the cache of one
	// core, and a core cannot have many more reads in flight.
	touchWindow = 32
)

// Set replaces the contents of the set with n keys of t, which key returns by index. It retains
// none of the keys. A set without keys contains shard 0, so that locking the set always locks a
// shard. The caller then sees the state that the shard locks guard.
func (ks *KeySet) Set(t *Table, n int, key func(i int) string) {
	if cap(ks.hashes) > keepHashes {
		ks.hashes = nil
	}
	ks.table, ks.hashes = t, ks.hashes[:0]
	clear(ks.words())
	for i := range n {
		h := t.Hash(key(i))
		ks.hashes = append(ks.hashes, h)
		shard := t.ShardIndex(h)
		ks.shards[shard/64] |= 1 << (shard % 64)
	}
	if n == 0 {
		ks.shards[0] = 1
	}
}

// words returns the part of shards that the table uses.
func (ks *KeySet) words() []uint64 { return ks.shards[:(len(ks.table.shards)+63)/64] }

// each calls f for the shards of the set in ascending order, and returns the index of the first.
func (ks *KeySet) each(f func(s *Shard)) (first int) {
	first = -1
	for w, set := range ks.words() {
		for ; set != 0; set &= set - 1 {
			i := w*64 + bits.TrailingZeros64(set)
			f(&ks.table.shards[i])
			if first < 0 {
				first = i
			}
		}
	}
	return first
}

// At returns the shard and the hash of key i of Set. The caller must have locked the set. If it
// calls At for all keys in order, At touches their part of database db one window ahead.
func (ks *KeySet) At(db, i int) (*Shard, uint64) {
	if i%touchWindow == 0 && len(ks.hashes)-i > 1 {
		ks.touch(db, ks.hashes[i:min(i+touchWindow, len(ks.hashes))])
	}
	h := ks.hashes[i]
	return ks.table.Shard(h), h
}

// touch requests the buckets of keys, then finds in them the records that most likely belong to the
// keys, then requests these up to their second cache line. Each pass is short enough for the
// processor to work on several keys at once.
func (ks *KeySet) touch(db int, hashes []uint64) {
	var buckets [touchWindow]bucket
	var slots [touchWindow][]byte
	touched := byte(0)
	for i, h := range hashes {
		if k := ks.table.Shard(h).spaces[db]; k != nil && k.keys != 0 {
			buckets[i] = k.home(h)
			touched += buckets[i][0]
		}
	}
	for i, h := range hashes {
		if b := buckets[i]; b != nil {
			if m := matches(b, patternOf(h)); m != 0 {
				slots[i] = ks.table.Shard(h).spaces[db].at(refIn(b, slotOf(m)))
			}
		}
	}
	for _, slot := range slots[:len(hashes)] {
		if len(slot) > 64 {
			touched += slot[0] + slot[64]
		}
	}
	ks.touched = touched
}
