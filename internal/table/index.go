package table

import (
	"encoding/binary"
	"math/bits"
)

// The index uses extendible hashing. The directory is indexed by the bits of the hash that follow
// the shard's bits, and contains refs of segments. A segment is a unit of 64 buckets, and a bucket
// is a cache line:
//
//	0..11      12..13    14..15  16..63
//	12 tags    overflow  note    12 refs of records
//
// A tag is 8 bits of the hash, or 0 if the slot is empty. An insertion puts a record in the first
// bucket with room, starting with its home bucket. Overflow is the number of records that had to
// pass a bucket. A search therefore ends at the first bucket whose count is 0, and a deletion
// leaves no tombstone. The notes belong to the segment. Bucket 0 has the segment's depth, bucket 1
// the number of its records, and buckets 2 and 3 the ref of the next segment of its chain plus 1.
// Only keys whose hashes agree in too many bits make chains.
//
// If a record does not fit within probeWindow buckets, its segment is split in two. If two segments
// that a split could have made have few records, they are merged. No step of growth or shrinkage
// moves the records of more than one segment.
const (
	bucketSize     = 64
	bucketSlots    = 12
	segmentBuckets = unitSize / bucketSize
	segmentSlots   = segmentBuckets * bucketSlots
	probeWindow    = 8
	mergeBelow     = segmentSlots / 4        // of one segment
	mergeSum       = segmentSlots * 45 / 100 // of both
	maxDepth       = 28

	offOverflow = 12
	offNote     = 14
	offRefs     = 16
)

type index struct {
	directory []uint32
	keys      int64
	depth     uint8 // the directory has 1<<depth refs
	shardBits uint8 // constant
}

// segment and bucket are pointers into a unit.
type (
	segment = *[unitSize]byte
	bucket  = *[bucketSize]byte
)

func (k *keyspace) segment(ref uint32) segment { return segment(k.at(ref)) }

func bucketOf(s segment, b uint32) bucket {
	return bucket(s[b*bucketSize:])
}

func note(s segment, b uint32) uint16 {
	return binary.LittleEndian.Uint16(s[b*bucketSize+offNote:])
}

func setNote(s segment, b uint32, v uint16) {
	binary.LittleEndian.PutUint16(s[b*bucketSize+offNote:], v)
}

func depthOf(s segment) uint8 { return uint8(note(s, 0)) }

func setDepth(s segment, d uint8) { setNote(s, 0, uint16(d)) }

func recordsIn(s segment) int { return int(note(s, 1)) }

func addRecords(s segment, n int) { setNote(s, 1, uint16(recordsIn(s)+n)) }

// nextIn returns the next segment of a chain.
func nextIn(s segment) (ref uint32, ok bool) {
	v := uint32(note(s, 2)) | uint32(note(s, 3))<<16
	return v - 1, v != 0
}

func setNext(s segment, ref uint32, ok bool) {
	if ref++; !ok {
		ref = 0
	}
	setNote(s, 2, uint16(ref))
	setNote(s, 3, uint16(ref>>16))
}

func tagOf(h uint64) byte { return byte(h) | byte(b2i(byte(h) == 0)) }

func b2i(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}

func homeOf(h uint64) uint32 { return uint32(h>>8) & (segmentBuckets - 1) }

// prefix returns the hash shifted left past the bits of the shard.
func (k *keyspace) prefix(h uint64) uint64 { return h << (k.shardBits & 63) }

// segmentOf returns the head segment for a hash.
func (k *keyspace) segmentOf(h uint64) uint32 {
	return k.directory[k.prefix(h)>>1>>((63-k.depth)&63)]
}

// home returns the bucket that a search for hash h begins with. The index must not be empty.
func (k *keyspace) home(h uint64) bucket {
	return bucketOf(k.segment(k.segmentOf(h)), homeOf(h))
}

// patternOf returns a word with 8 copies of the tag of hash h.
func patternOf(h uint64) uint64 { return uint64(tagOf(h)) * 0x0101010101010101 }

// place is the position of a ref in the index: a slot of the bucket at a ref.
type place struct {
	bucket uint32
	slot   uint32
}

// zeroBytes returns a word with the top bit of every byte of x that is 0, and no other bit. The
// shorter formula with false positives is not sufficient: it can select an empty slot, whose ref is
// stale.
func zeroBytes(x uint64) uint64 {
	const low = 0x7f7f7f7f7f7f7f7f
	return ^((x&low + low) | x | low)
}

// matches returns a bit for each slot whose tag is the byte that pattern repeats 8 times. The bits
// of slots 8 to 11 are between those of the others. There is thus one set to walk, and no branch
// depends on the record's slot in the bucket. The processor could not predict such a branch. It
// would wait for the bucket's memory, although it could continue ahead to the next call.
func matches(b bucket, pattern uint64) uint64 {
	x := binary.LittleEndian.Uint64(b[:]) ^ pattern
	y := uint64(binary.LittleEndian.Uint32(b[8:])) ^ pattern | 0xffffffff<<32
	return zeroBytes(x) | zeroBytes(y)>>1
}

// slotOf returns the slot of the lowest bit in a result of matches.
func slotOf(m uint64) uint32 {
	n := uint32(bits.TrailingZeros64(m))
	return n>>3 | ^n&1<<3
}

// find returns the record of key and its place.
func (k *keyspace) find(h uint64, key []byte) (r uint32, at place, ok bool) {
	if k.keys == 0 {
		return 0, place{}, false
	}
	seg, home := k.segmentOf(h), homeOf(h)
	pattern := patternOf(h)
	for more := true; more; seg, more = nextIn(k.segment(seg)) {
		s := k.segment(seg)
		for i := range uint32(segmentBuckets) {
			n := (home + i) % segmentBuckets
			b := bucketOf(s, n)
			for m := matches(b, pattern); m != 0; m &= m - 1 {
				slot := slotOf(m)
				r := refIn(b, slot)
				if plainKey(k.at(r), key) || k.hasKey(r, key) {
					return r, place{seg + n*(bucketSize/8), slot}, true
				}
			}
			if overflow(b) == 0 {
				return 0, place{}, false
			}
		}
	}
	return 0, place{}, false
}

func refIn(b bucket, slot uint32) uint32 {
	return binary.LittleEndian.Uint32(b[(offRefs+slot*4)&(bucketSize-4):])
}

func overflow(b bucket) uint16 { return binary.LittleEndian.Uint16(b[offOverflow:]) }

// maxOverflow is the overflow of a bucket whose count is no longer exact. It never changes again.
const maxOverflow = 1<<16 - 1

func addOverflow(b bucket, n int) {
	if v := overflow(b); v != maxOverflow {
		binary.LittleEndian.PutUint16(b[offOverflow:], uint16(int(v)+n))
	}
}

// setRef replaces the ref at a place by that of another record of the key.
func (k *keyspace) setRef(at place, r uint32) {
	binary.LittleEndian.PutUint32(k.at(at.bucket)[offRefs+at.slot*4:], r)
}

// put stores a ref in s, in the first bucket with room among the window buckets from its home. If
// they are full, it changes nothing and returns false.
func put(s segment, h uint64, r uint32, window uint32) bool {
	home := homeOf(h)
	for i := range window {
		b := bucketOf(s, (home+i)%segmentBuckets)
		slot, ok := emptySlot(b)
		if !ok {
			continue
		}
		b[slot] = tagOf(h)
		binary.LittleEndian.PutUint32(b[offRefs+slot*4:], r)
		addRecords(s, 1)
		for j := range i {
			addOverflow(bucketOf(s, (home+j)%segmentBuckets), 1)
		}
		return true
	}
	return false
}

func emptySlot(b bucket) (slot uint32, ok bool) {
	x := binary.LittleEndian.Uint64(b[:])
	if m := zeroBytes(x); m != 0 {
		return uint32(bits.TrailingZeros64(m)) >> 3, true
	}
	x = uint64(binary.LittleEndian.Uint32(b[8:])) | 0xffffffff<<32
	if m := zeroBytes(x); m != 0 {
		return 8 + uint32(bits.TrailingZeros64(m))>>3, true
	}
	return 0, false
}

// insert adds a record whose key does not exist. It returns false, and has changed no entry, if the
// index would have to grow and memory has run out. Before that, it fills the segment to the last
// slot.
func (k *keyspace) insert(h uint64, r uint32) bool {
	if len(k.directory) == 0 {
		seg, ok := k.addSegment(0)
		if !ok {
			return false
		}
		k.directory = []uint32{seg}
	}
	for {
		seg := k.segmentOf(h)
		if put(k.segment(seg), h, r, probeWindow) {
			return true
		}
		if !k.split(seg, h) {
			return k.insertFar(seg, h, r)
		}
	}
}

// insertFar places a record anywhere in the chain of a segment that cannot be split. It extends a
// full chain. It returns false if the memory for that is refused.
func (k *keyspace) insertFar(head uint32, h uint64, r uint32) bool {
	seg := head
	for !hasRoom(k.segment(seg)) {
		next, ok := nextIn(k.segment(seg))
		if !ok {
			if next, ok = k.addSegment(depthOf(k.segment(seg))); !ok {
				return false
			}
			setNext(k.segment(seg), next, true)
		}
		seg = next
	}
	for passed := head; passed != seg; passed, _ = nextIn(k.segment(passed)) {
		for b := range uint32(segmentBuckets) {
			addOverflow(bucketOf(k.segment(passed), b), 1)
		}
	}
	return put(k.segment(seg), h, r, segmentBuckets)
}

// hasRoom reports whether a segment has an empty slot.
func hasRoom(s segment) bool { return recordsIn(s) < segmentSlots }

// remove removes the record at a place from the index.
func (k *keyspace) remove(h uint64, at place) {
	home, seg := homeOf(h), k.segmentOf(h)
	head, before := seg, seg
	for seg != at.bucket&^(unitWords-1) {
		s := k.segment(seg)
		for b := range uint32(segmentBuckets) {
			addOverflow(bucketOf(s, b), -1)
		}
		before = seg
		seg, _ = nextIn(s)
	}
	s := k.segment(seg)
	end := at.bucket % unitWords / (bucketSize / 8)
	for b := home; b != end; b = (b + 1) % segmentBuckets {
		addOverflow(bucketOf(s, b), -1)
	}
	bucketOf(s, end)[at.slot] = 0
	addRecords(s, -1)
	if seg != head {
		if recordsIn(s) == 0 {
			next, ok := nextIn(s)
			setNext(k.segment(before), next, ok)
			k.dropSegment(seg, depthOf(s))
		}
		return
	}
	if recordsIn(s) < mergeBelow {
		k.merge(seg, h)
	}
}

// addSegment returns an empty segment. It returns false if memory runs out.
func (k *keyspace) addSegment(depth uint8) (ref uint32, ok bool) {
	if ref, ok = k.alloc(1, false); !ok {
		return 0, false
	}
	s := k.segment(ref)
	*s = [unitSize]byte{}
	setDepth(s, depth)
	k.segments++
	k.byDepth[depth]++
	return ref, true
}

func (k *keyspace) dropSegment(ref uint32, depth uint8) {
	k.segments--
	k.byDepth[depth]--
	k.release(ref, 1)
}
