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

func (s *hasher) hash(key []byte) uint64 {
	below := ^uint64(0) >> s.shardBits
	return mix(s.shards, key)&^below | mix(s.secret, key)&below
}

// hashMask is for tests that want collisions.
var hashMask = ^uint64(0)

// mix has the shape of wyhash: 64 by 64 bit products folded to 64 bits, each with one factor that
// depends on the seed.
func mix(seed [2]uint64, b []byte) uint64 {
	s, n := seed[0], len(b)
	var x, y uint64
	switch {
	case n > 16:
		p := b
		for ; len(p) > 16; p = p[16:] {
			s = fold(binary.LittleEndian.Uint64(p)^seed[1], binary.LittleEndian.Uint64(p[8:])^s)
		}
		x = binary.LittleEndian.Uint64(b[n-16:])
		y = binary.LittleEndian.Uint64(b[n-8:])
	case n >= 8:
		x = binary.LittleEndian.Uint64(b)
		y = binary.LittleEndian.Uint64(b[n-8:])
	case n >= 4:
		x = uint64(binary.LittleEndian.Uint32(b))
		y = uint64(binary.LittleEndian.Uint32(b[n-4:]))
	case n > 0:
		x = uint64(b[0])<<16 | uint64(b[n>>1])<<8 | uint64(b[n-1])
	}
	hi, lo := bits.Mul64(x^seed[1], y^s)
	return fold(hi^seed[1]^uint64(n), lo^s^0x9e3779b97f4a7c15) & hashMask
}

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}
