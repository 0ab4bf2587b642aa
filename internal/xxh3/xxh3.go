// Package xxh3 computes XXH3 with 64 bits and without a seed: the digest that SET IFDEQ and DELEX
// IFDNE of Redis 8.4 compare. The specification is that of github.com/Cyan4973/xxHash.
package xxh3

import (
	"encoding/binary"
	"math/bits"
)

const (
	prime32x1 = 0x9e3779b1
	prime32x2 = 0x85ebca77
	prime32x3 = 0xc2b2ae3d
	prime64x1 = 0x9e3779b185ebca87
	prime64x2 = 0xc2b2ae3d27d4eb4f
	prime64x3 = 0x165667b19e3779f9
	prime64x4 = 0x85ebca77c2b2ae63
	prime64x5 = 0x27d4eb2f165667c5
	primeMx1  = 0x165667919e3779f9
	primeMx2  = 0x9fb21c651e98df25
)

// secretWords is the specification's default secret, as little-endian words.
var secretWords = [...]uint64{
	0xbe4ba423396cfeb8, 0x1cad21f72c81017c, 0xdb979083e96dd4de, 0x1f67b3b7a4a44072, 0x78e5c0cc4ee679cb, 0x2172ffcc7dd05a82,
	0x8e2443f7744608b8, 0x4c263a81e69035e0, 0xcb00c391bb52283c, 0xa32e531b8b65d088, 0x4ef90da297486471, 0xd8acdea946ef1938,
	0x3f349ce33f76faa8, 0x1d4f0bc7c7bbdcf9, 0x3159b4cd4be0518a, 0x647378d9c97e9fc8, 0xc3ebd33483acc5ea, 0xeb6313faffa081c5,
	0x49daf0b751dd0d17, 0x9e68d429265516d3, 0xfca1477d58be162b, 0xce31d07ad1b8f88f, 0x280416958f3acb45, 0x7e404bbbcafbd7af,
}

var secret = func() (s [8 * len(secretWords)]byte) {
	for i, w := range secretWords {
		binary.LittleEndian.PutUint64(s[8*i:], w)
	}
	return s
}()

func u64(p []byte) uint64 { return binary.LittleEndian.Uint64(p) }

func u32(p []byte) uint64 { return uint64(binary.LittleEndian.Uint32(p)) }

// Sum returns the digest of p.
func Sum(p []byte) uint64 {
	switch n := len(p); {
	case n <= 16:
		return sumTo16(p)
	case n <= 128:
		return sumTo128(p)
	case n <= 240:
		return sumTo240(p)
	}
	return sumLong(p)
}

func sumTo16(p []byte) uint64 {
	n := uint64(len(p))
	switch {
	case n > 8:
		low := u64(p) ^ (u64(secret[24:]) ^ u64(secret[32:]))
		high := u64(p[n-8:]) ^ (u64(secret[40:]) ^ u64(secret[48:]))
		return avalanche(n + bits.ReverseBytes64(low) + high + fold(low, high))
	case n >= 4:
		x := (u32(p)<<32 + u32(p[n-4:])) ^ (u64(secret[8:]) ^ u64(secret[16:]))
		x ^= bits.RotateLeft64(x, 49) ^ bits.RotateLeft64(x, 24)
		x *= primeMx2
		x ^= x>>35 + n
		x *= primeMx2
		return x ^ x>>28
	case n > 0:
		x := uint64(p[0])<<16 | uint64(p[n>>1])<<24 | uint64(p[n-1]) | n<<8
		return avalanche64(x ^ (u32(secret[:]) ^ u32(secret[4:])))
	}
	return avalanche64(u64(secret[56:]) ^ u64(secret[64:]))
}

// mix16 mixes 16 bytes of input with 16 bytes of the secret.
func mix16(p, s []byte) uint64 { return fold(u64(p)^u64(s), u64(p[8:])^u64(s[8:])) }

func sumTo128(p []byte) uint64 {
	n := len(p)
	acc := uint64(n) * prime64x1
	for i := (n - 1) / 32; i >= 0; i-- {
		acc += mix16(p[16*i:], secret[32*i:])
		acc += mix16(p[n-16*(i+1):], secret[32*i+16:])
	}
	return avalanche(acc)
}

func sumTo240(p []byte) uint64 {
	n := len(p)
	acc := uint64(n) * prime64x1
	for i := range 8 {
		acc += mix16(p[16*i:], secret[16*i:])
	}
	acc = avalanche(acc)
	for i := 8; i < n/16; i++ {
		acc += mix16(p[16*i:], secret[16*(i-8)+3:])
	}
	return avalanche(acc + mix16(p[n-16:], secret[136-17:]))
}

const (
	stripe        = 64
	blockStripes  = (len(secret) - stripe) / 8
	lastStripeKey = len(secret) - stripe - 7
	mergeKey      = 11
)

// lanes contains the accumulators of a long input.
type lanes [8]uint64

// add accumulates one stripe.
func (a *lanes) add(p, s []byte) {
	for i := range a {
		value := u64(p[8*i:])
		key := value ^ u64(s[8*i:])
		a[i^1] += value
		a[i] += key & 0xffffffff * (key >> 32)
	}
}

func (a *lanes) scramble() {
	for i := range a {
		a[i] ^= a[i] >> 47
		a[i] ^= u64(secret[len(secret)-stripe+8*i:])
		a[i] *= prime32x1
	}
}

func sumLong(p []byte) uint64 {
	a := lanes{prime32x3, prime64x1, prime64x2, prime64x3, prime64x4, prime32x2, prime64x5, prime32x1}
	n := len(p)
	stripes := (n - 1) / stripe // full stripes, without the last
	for i := range stripes {
		a.add(p[stripe*i:], secret[8*(i%blockStripes):])
		if i%blockStripes == blockStripes-1 {
			a.scramble()
		}
	}
	a.add(p[n-stripe:], secret[lastStripeKey:])
	sum := uint64(n) * prime64x1
	for i := 0; i < len(a); i += 2 {
		sum += fold(a[i]^u64(secret[mergeKey+8*i:]), a[i+1]^u64(secret[mergeKey+8*i+8:]))
	}
	return avalanche(sum)
}

// fold multiplies to 128 bits and combines the halves.
func fold(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
	return high ^ low
}

func avalanche(x uint64) uint64 {
	x ^= x >> 37
	x *= primeMx1
	return x ^ x>>32
}

// avalanche64 is the final mixing step of XXH64.
func avalanche64(x uint64) uint64 {
	x ^= x >> 33
	x *= prime64x2
	x ^= x >> 29
	x *= prime64x3
	return x ^ x>>32
}
