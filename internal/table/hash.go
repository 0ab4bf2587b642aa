package table

import (
	"encoding/binary"
	"math/bits"
)

// The hash of a key is two: the top bits, which choose the shard, are made with one seed, all others with
// another. Of these the topmost choose the segment in the shard's directory, the lowest eight are the
// tag, and the six above the tag choose the bucket.
//
// The seed of the shards is no secret. It is the order in which a view's entries stand, shard by shard,
// and a table that takes it over from a file loads that file in the order of its own memory. Who
// knows it can make keys that meet in one shard, and nothing worse: where they stand in it depends
// on the other seed, which never leaves the process.
type hasher struct {
	secret    [2]uint64
	shards    [2]uint64
	shardBits uint8
}

// hash is made in one pass, in which the shards take the shorter way: what a search takes is not the time of
// the multiplications, but how many instructions the processor has to see ahead to begin with the next one.
func (s *hasher) hash(key []byte) uint64 {
	secret, public, n := s.secret[0], s.shards[0], len(key)
	var x, y uint64
	switch {
	case n > 16:
		secret, public = s.long(key)
		x = binary.LittleEndian.Uint64(key[n-16:])
		y = binary.LittleEndian.Uint64(key[n-8:])
	case n >= 8:
		x = binary.LittleEndian.Uint64(key)
		y = binary.LittleEndian.Uint64(key[n-8:])
	case n >= 4:
		x = uint64(binary.LittleEndian.Uint32(key))
		y = uint64(binary.LittleEndian.Uint32(key[n-4:]))
	case n > 0:
		x = uint64(key[0])<<16 | uint64(key[n>>1])<<8 | uint64(key[n-1])
	}
	shard := fold(x^s.shards[1], y^public^uint64(n)) * spread & hashMask
	hi, lo := bits.Mul64(x^s.secret[1], y^secret)
	rest := fold(hi^s.secret[1]^uint64(n), lo^secret^spread) & hashMask
	below := ^uint64(0) >> s.shardBits
	return shard&^below | rest&below
}

// long takes all of a key but its last 16 bytes or less into both seeds.
func (s *hasher) long(key []byte) (secret, public uint64) {
	secret, public = s.secret[0], s.shards[0]
	for ; len(key) > 16; key = key[16:] {
		x, y := binary.LittleEndian.Uint64(key), binary.LittleEndian.Uint64(key[8:])
		secret = fold(x^s.secret[1], y^secret)
		public = fold(x^s.shards[1], y^public)
	}
	return secret, public
}

// spread has its bits all over: 2 to the 64th by the golden ratio.
const spread = 0x9e3779b97f4a7c15

// hashMask is for tests that want collisions.
var hashMask = ^uint64(0)

// fold multiplies to 128 bits and folds these to 64, as wyhash does. One of the factors depends on a seed.
func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}
