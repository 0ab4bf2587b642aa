package table

import "encoding/binary"

// setFresh does the work of set for a new key if the key's home bucket shows that the key does not
// exist and has room for it. It reads one cache line, and a second one for the count. It reports
// whether it has set the key; otherwise it has changed nothing. Most keys that a file contains for
// the first time are set this way. If memory runs out, it does nothing and set reports that.
func (s *Shard) setFresh(db int, k *keyspace, h uint64, key []byte, c *content) bool {
	if k.keys == 0 {
		return false
	}
	seg := k.segment(k.segmentOf(h))
	b := bucketOf(seg, homeOf(h))
	if overflow(b) != 0 || matches(b, patternOf(h)) != 0 {
		return false
	}
	slot, ok := emptySlot(b)
	if !ok {
		return false
	}
	r, ok := k.store(key, c) // moves no segment
	if !ok {
		return false
	}
	b[slot] = tagOf(h)
	binary.LittleEndian.PutUint32(b[(offRefs+slot*4)&(bucketSize-4):], r)
	addRecords(seg, 1)
	k.keys++
	s.counts[db].keys.Add(1)
	if c.expire != 0 {
		s.counts[db].expires.Add(1)
	}
	if s.undo != nil {
		s.undo.inserted(r)
	}
	return true
}
