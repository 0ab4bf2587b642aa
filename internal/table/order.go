package table

import (
	"encoding/binary"
	"encoding/hex"
)

// Order returns a word that names the order of a Scan's entries, for Adopt.
func (t *Table) Order() string {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:8], t.hasher.shards[0])
	binary.LittleEndian.PutUint64(b[8:], t.hasher.shards[1])
	return hex.EncodeToString(b[:])
}

// Adopt makes the order of another table, whose Order said so, that of t, so that entries in that order
// go to one shard after another. It does so only while t is empty and reports whether it did; a word that
// is none changes nothing. Nobody else uses t meanwhile, and hashes made before are worthless.
func (t *Table) Adopt(order string) bool {
	b, err := hex.DecodeString(order)
	if err != nil || len(b) != 16 {
		return false
	}
	for db := range t.Databases() {
		if t.Len(db) > 0 {
			return false
		}
	}
	t.hasher.shards = [2]uint64{binary.LittleEndian.Uint64(b[:8]), binary.LittleEndian.Uint64(b[8:]) | 1}
	return true
}
