package main

import (
	"math/rand/v2"
	"strings"
	"unsafe"
)

const (
	keySize   = 16
	valueSize = 64
)

// appendKey appends key number i: 16 hexadecimal digits, different for each i and in no order.
func appendKey(dst []byte, i uint64) []byte {
	i += 0x9e3779b97f4a7c15 // splitmix64, which is a bijection
	i = (i ^ i>>30) * 0xbf58476d1ce4e5b9
	i = (i ^ i>>27) * 0x94d049bb133111eb
	i ^= i >> 31
	const digits = "0123456789abcdef"
	for range keySize {
		dst = append(dst, digits[i&15])
		i >>= 4
	}
	return dst
}

// values is where all values are cut from: random bytes, so that nobody gains by compression.
var values = func() []byte {
	p := make([]byte, 1<<20)
	rng := rand.NewChaCha8([32]byte{})
	_, _ = rng.Read(p) // never fails
	return p
}()

// valueAt is value number i. It must not be changed.
func valueAt(i int) []byte {
	at := i * 24 % (len(values) - valueSize)
	return values[at : at+valueSize : at+valueSize]
}

// sequence is the keys of operations to come, made in advance and lying one behind the other in
// memory: what is measured is the store and not the finding of the next key.
type sequence string

const sequenceLength = 1 << 20

func (s sequence) key(i int) string {
	at := i % (len(s) / keySize) * keySize
	return string(s[at : at+keySize])
}

// uniform draws n keys, the first being number first, all alike.
func uniform(first, n int) sequence {
	rng := rand.New(rand.NewPCG(1, 2))
	return draw(func() uint64 { return uint64(first + rng.IntN(n)) })
}

// zipf draws a few of the keys often; which ones is scattered over all.
func zipf(first, n int) sequence {
	rng := rand.New(rand.NewPCG(3, 4))
	z := rand.NewZipf(rng, 1.01, 1, uint64(n-1))
	return draw(func() uint64 { return uint64(first) + z.Uint64()*2_654_435_761%uint64(n) })
}

func draw(next func() uint64) sequence {
	var b strings.Builder
	b.Grow(sequenceLength * keySize)
	var k [keySize]byte
	for range sequenceLength {
		b.Write(appendKey(k[:0], next()))
	}
	return sequence(b.String())
}

// fill stores keys 0 to n-1. Each key is a string of its own, as it would be in a program that
// reads it from somewhere: a peer that keeps it keeps its memory.
func fill(p peer, n int) error {
	const chunk = 1000
	keys, vals := make([]string, 0, chunk), make([][]byte, 0, chunk)
	var k [keySize]byte
	for i := 0; i < n; {
		keys, vals = keys[:0], vals[:0]
		for ; i < n && len(keys) < chunk; i++ {
			keys = append(keys, string(appendKey(k[:0], uint64(i))))
			vals = append(vals, valueAt(i))
		}
		if l, ok := p.(loader); ok {
			if err := l.Load(keys, vals); err != nil {
				return err
			}
			continue
		}
		for j, key := range keys {
			if err := p.Set(key, vals[j]); err != nil {
				return err
			}
		}
	}
	return nil
}

// bytesOf is the bytes of s, for peers that take keys so and do not change them.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
