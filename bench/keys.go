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

// shape is the sizes of the keys and values of a measurement, in bytes.
type shape struct{ key, value int }

// usual is the shape of most measurements.
var usual = shape{keySize, valueSize}

// appendKey appends key number i, padded at the front to the size of a key. A key of several parts,
// such as user:42:name, also differs only in a part of it.
func (s shape) appendKey(dst []byte, i uint64) []byte {
	for range s.key - keySize {
		dst = append(dst, '.')
	}
	return appendKey(dst, i)
}

// valueAt returns value number i, which must not be changed.
func (s shape) valueAt(i int) []byte {
	at := i * 24 % (len(values) - s.value)
	return values[at : at+s.value : at+s.value]
}

func valueAt(i int) []byte { return usual.valueAt(i) }

// sequence is the keys of the operations, generated in advance and adjacent in memory. The
// measurement then covers the store and not the generation of the next key.
type sequence struct {
	shape
	text string
}

const sequenceLength = 1 << 20

func (s sequence) key(i int) string {
	at := i % (len(s.text) / s.shape.key) * s.shape.key
	return s.text[at : at+s.shape.key]
}

// uniform draws keys uniformly from n keys that begin with number first.
func (s shape) uniform(first, n int) sequence {
	rng := rand.New(rand.NewPCG(1, 2))
	return s.draw(func() uint64 { return uint64(first + rng.IntN(n)) })
}

// zipf draws a few of the keys often. The frequent keys are scattered over all keys.
func (s shape) zipf(first, n int) sequence {
	rng := rand.New(rand.NewPCG(3, 4))
	z := rand.NewZipf(rng, 1.01, 1, uint64(n-1))
	return s.draw(func() uint64 { return uint64(first) + z.Uint64()*2_654_435_761%uint64(n) })
}

func uniform(first, n int) sequence { return usual.uniform(first, n) }
func zipf(first, n int) sequence    { return usual.zipf(first, n) }

func (s shape) draw(next func() uint64) sequence {
	var b strings.Builder
	b.Grow(sequenceLength * s.key)
	var k []byte
	for range sequenceLength {
		k = s.appendKey(k[:0], next())
		b.Write(k)
	}
	return sequence{s, b.String()}
}

// fill stores keys 0 to n-1. Each key is a separate string, as in a program that reads its keys. A
// peer that keeps the string keeps its memory.
func (s shape) fill(p peer, n int) error {
	const chunk = 1000
	keys, vals := make([]string, 0, chunk), make([][]byte, 0, chunk)
	var k []byte
	for i := 0; i < n; {
		keys, vals = keys[:0], vals[:0]
		for ; i < n && len(keys) < chunk; i++ {
			k = s.appendKey(k[:0], uint64(i))
			keys = append(keys, string(k))
			vals = append(vals, s.valueAt(i))
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

func fill(p peer, n int) error { return usual.fill(p, n) }

// bytesOf returns the bytes of s without a copy, for peers that accept byte keys and do not change
// them.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
