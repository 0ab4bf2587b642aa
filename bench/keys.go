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

// values is the source of all values: random bytes, so that no peer gains by compression.
var values = func() []byte {
	p := make([]byte, 1<<20)
	rng := rand.NewChaCha8([32]byte{})
	_, _ = rng.Read(p) // never fails
	return p
}()

// valueAt returns value number i, which must not be changed.
func valueAt(i int) []byte {
	at := i * 24 % (len(values) - valueSize)
	return values[at : at+valueSize : at+valueSize]
}

// sequence is the keys of the operations, generated in advance and adjacent in memory. The
// measurement then covers the store and not the generation of the next key.
type sequence string

const sequenceLength = 1 << 20

func (s sequence) key(i int) string {
	at := i % (len(s) / keySize) * keySize
	return string(s[at : at+keySize])
}

// uniform draws keys uniformly from n keys that begin with number first.
func uniform(first, n int) sequence {
	rng := rand.New(rand.NewPCG(1, 2))
	return draw(func() uint64 { return uint64(first + rng.IntN(n)) })
}

// zipf draws a few of the keys often. The frequent keys are scattered over all keys.
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

// fill stores keys 0 to n-1. Each key is a separate string, as in a program that reads its keys. A
// peer that keeps the string keeps its memory.
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

// bytesOf returns the bytes of s without a copy, for peers that accept byte keys and do not change
// them.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
