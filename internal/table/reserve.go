package table

// fillTenths is the share of a segment, in tenths, that Reserve assumes filled. Splits begin at
// about eight.
const fillTenths = 7

// Reserve prepares the shard's part of a database for a total number of keys, so that it need not
// grow step by step. It uses 8 to 16 bytes of index for each key. It rearranges existing records,
// which takes longer the more there are. Trim reverses it. The caller must check that keys is
// reasonable; above 2^28 segments Reserve does nothing more.
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

// presize creates the segments of an empty index.
func (k *keyspace) presize(depth uint8) {
	k.dropIndex()
	k.depth = depth
	k.directory = make([]uint32, 1<<depth)
	for i := range k.directory {
		seg, ok := k.addSegment(depth)
		if !ok { // the index begins with the size that the first keys need
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

// Trim releases excess index memory of the shard's part of a database, if fewer keys came than
// Reserve prepared for.
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
