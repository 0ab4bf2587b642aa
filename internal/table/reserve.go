package table

// fillTenths is how much of a segment Reserve counts with: splits begin at about eight.
const fillTenths = 7

// Reserve prepares the shard's part of a database for so many keys in all, so that it need not grow
// step by step: 8 to 16 bytes of index for each. What is there already is rearranged, which takes the
// longer the more it is. Trim undoes it. The caller sees to it that keys is not absurd; beyond 2^28
// segments nothing more is done.
func (s *Shard) Reserve(db int, keys int64) {
	depth := uint8(0)
	for depth < maxDepth && int64(segmentSlots*fillTenths/10)<<depth < keys {
		depth++
	}
	if depth == 0 {
		return
	}
	k := s.create(db)
	if k.keys == 0 {
		k.presize(depth)
		return
	}
	for from := uint8(0); from < depth; from++ {
		for _, h := range k.headsOf(from) {
			k.split(k.segmentOf(h), h)
		}
	}
}

// presize makes the segments of an index that has nothing in it.
func (k *keyspace) presize(depth uint8) {
	k.dropIndex()
	k.depth = depth
	k.directory = make([]uint32, 1<<depth)
	for i := range k.directory {
		seg, ok := k.addSegment(depth)
		if !ok { // the index begins with what the first keys need
			for _, seg := range k.directory[:i] {
				k.dropSegment(seg, depth)
			}
			k.depth, k.directory = 0, nil
			return
		}
		k.directory[i] = seg
	}
}

// headsOf returns, for every segment of a depth in the directory, a hash that leads to it.
func (k *keyspace) headsOf(depth uint8) (hashes []uint64) {
	if k.byDepth[depth] == 0 {
		return nil
	}
	k.eachHead(func(seg uint32, first, _ uint64) bool {
		if depthOf(k.segment(seg)) == depth {
			hashes = append(hashes, first>>k.shardBits)
		}
		return true
	})
	return hashes
}

// Trim gives back what the index of the shard's part of a database has too much, where Reserve was
// told of keys that did not come.
func (s *Shard) Trim(db int) {
	k := s.spaces[db]
	if k == nil {
		return
	}
	if k.keys == 0 {
		k.dropIndex()
		return
	}
	for depth := k.depth; depth > 0; depth-- {
		for _, h := range k.headsOf(depth) {
			seg := k.segmentOf(h)
			if s := k.segment(seg); depthOf(s) == depth && recordsIn(s) < mergeBelow {
				k.merge(seg, h)
			}
		}
	}
}
