package table

import (
	"encoding/binary"
	"encoding/hex"
)

// Order returns a word that identifies the order of a Scan's entries, for Adopt.
func (t *Table) Order() string {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:8], t.hasher.shards[0])
	binary.LittleEndian.PutUint64(b[8:], t.hasher.shards[1])
	return hex.EncodeToString(b[:])
}

// Adopt sets the order of t to that of another table, whose Order returned the word. Entries in
// that order then go to one shard after another. It does so only if t is empty, and reports whether
// it did. An invalid word changes nothing. No other goroutine may use t during Adopt, and earlier
// hashes become invalid.
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
