package table

import (
	"encoding/binary"
	"math/bits"
)

// hasher computes the hash of a key, which consists of two hashes. The top bits, which choose the
// shard, use one seed; all other bits use another seed. Of these other bits, the topmost choose the
// segment in the shard's directory, the lowest 8 are the tag, and the 6 above the tag choose the
// bucket.
//
// The seed of the shards is not secret. It determines the order of a view's entries, shard by
// shard. A table that adopts the seed from a file loads that file in the order of the table's
// memory. With the seed, an attacker can construct keys that fall into one shard, and nothing
// worse. Their place in the shard depends on the other seed, which never leaves the process.
type hasher struct {
	secret    [2]uint64
	shards    [2]uint64
	shardBits uint8
}

// hash computes both hashes of a key in one pass, with fewer instructions for the shard. The
// multiplications do not determine the time of a search. The number of instructions that the
// processor must look ahead to begin the next search does.
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

// long mixes all bytes of a key, except for the last 16 or fewer, into both seeds.
func (s *hasher) long(key []byte) (secret, public uint64) {
	secret, public = s.secret[0], s.shards[0]
	for ; len(key) > 16; key = key[16:] {
		x, y := binary.LittleEndian.Uint64(key), binary.LittleEndian.Uint64(key[8:])
		secret = fold(x^s.secret[1], y^secret)
		public = fold(x^s.shards[1], y^public)
	}
	return secret, public
}

// spread is 2 to the 64th divided by the golden ratio, with 1 bits spread over the whole word.
const spread = 0x9e3779b97f4a7c15

// hashMask lets tests cause collisions.
var hashMask = ^uint64(0)

// fold multiplies to 128 bits and folds the product to 64 bits, like wyhash. One of the factors
// must depend on a seed.
func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}
