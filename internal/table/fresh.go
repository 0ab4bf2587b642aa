package table

import "encoding/binary"

// setFresh is set of a key of which its home bucket tells that it is not there, when that has room: one
// look at one cache line, and a second one counts. It reports whether it has done it; otherwise nothing has changed. Most keys that
// a file brings for the first time go this way. Without memory it does nothing, and set finds that out.
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
