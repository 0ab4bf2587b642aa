package table

import "encoding/binary"

// split divides the records of the segment for hash h between it and a new one. It refuses if the
// directory would become much larger than the segments justify, which happens only if hashes agree
// in many bits. It also refuses for chains, which handle that case, and if memory runs out.
func (k *keyspace) split(seg uint32, h uint64) bool {
	s := k.segment(seg)
	depth := depthOf(s)
	if _, chained := nextIn(s); chained || depth == maxDepth {
		return false
	}
	if depth == k.depth && len(k.directory) > 8*k.segments+32 {
		return false
	}
	upper, ok := k.addSegment(depth + 1)
	if !ok {
		return false
	}
	if depth == k.depth {
		k.deepen()
	}
	k.byDepth[depth]--
	k.byDepth[depth+1]++
	old := *s
	*s = [unitSize]byte{}
	setDepth(s, depth+1)
	halves := [2]segment{s, k.segment(upper)}
	eachRef(&old, func(r uint32) {
		h := k.hashAt(r)
		put(halves[k.prefix(h)>>(63-depth)&1], h, r, segmentBuckets)
	})
	// The directory has 1 << (k.depth-depth) refs to the old segment; the upper half changes.
	run := 1 << (k.depth - depth)
	first := int(k.prefix(h)>>(64-depth)) * run
	for i := first + run/2; i < first+run; i++ {
		k.directory[i] = upper
	}
	return true
}

// deepen doubles the directory.
func (k *keyspace) deepen() {
	d := make([]uint32, 2*len(k.directory))
	for i, ref := range k.directory {
		d[2*i], d[2*i+1] = ref, ref
	}
	k.directory = d
	k.depth++
}

// eachRef calls f for every record of a segment.
func eachRef(s segment, f func(r uint32)) {
	for n := range uint32(segmentBuckets) {
		b := bucketOf(s, n)
		if binary.LittleEndian.Uint64(b[:]) == 0 && binary.LittleEndian.Uint32(b[8:]) == 0 {
			continue
		}
		for slot := range uint32(bucketSlots) {
			if b[slot] != 0 {
				f(refIn(b, slot))
			}
		}
	}
}

// merge joins the segment for hash h with its buddy if both are sparse and have equal depth.
func (k *keyspace) merge(seg uint32, h uint64) {
	s := k.segment(seg)
	depth := depthOf(s)
	if depth == 0 {
		return
	}
	run := 1 << (k.depth - depth)
	n := int(k.prefix(h) >> (64 - depth))
	buddy := k.directory[(n^1)*run]
	b := k.segment(buddy)
	if depthOf(b) != depth || recordsIn(s)+recordsIn(b) > mergeSum {
		return
	}
	_, chained := nextIn(s)
	if _, also := nextIn(b); chained || also {
		return
	}
	eachRef(b, func(r uint32) {
		put(s, k.hashAt(r), r, segmentBuckets)
	})
	for i := range run {
		k.directory[(n^1)*run+i] = seg
	}
	k.dropSegment(buddy, depth)
	setDepth(s, depth-1)
	k.byDepth[depth]--
	k.byDepth[depth-1]++
	for k.depth > 0 && k.byDepth[k.depth] == 0 {
		k.flatten()
	}
}

// flatten halves the directory.
func (k *keyspace) flatten() {
	d := make([]uint32, len(k.directory)/2)
	for i := range d {
		d[i] = k.directory[2*i]
	}
	k.directory = d
	k.depth--
}

// dropIndex releases every segment.
func (k *keyspace) dropIndex() {
	k.eachHead(func(seg uint32, _, _ uint64) bool {
		for more := true; more; {
			s := k.segment(seg)
			next, ok := nextIn(s)
			k.dropSegment(seg, depthOf(s))
			seg, more = next, ok
		}
		return true
	})
	k.index = index{shardBits: k.shardBits} // all keys are gone
	k.segments, k.byDepth = 0, [maxDepth + 1]uint32{}
}

// eachHead calls f for every segment in the directory with the range of prefixes that it covers,
// both ends included, until f returns false.
func (k *keyspace) eachHead(f func(seg uint32, first, last uint64) bool) {
	for i := 0; i < len(k.directory); {
		seg := k.directory[i]
		depth := depthOf(k.segment(seg))
		first := uint64(i) << (64 - k.depth)
		if !f(seg, first, first+(^uint64(0)>>depth)) {
			return
		}
		i += 1 << (k.depth - depth)
	}
}
