package rdb_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

const benchKeys = 100_000

// benchData returns benchKeys strings with keys of 16 bytes and values of a size, random or JSON.
func benchData(size int, random bool) *data {
	rng := rand.New(rand.NewPCG(13, 14))
	d := new(data)
	for i := range benchKeys {
		value := make([]byte, 0, size+80)
		for len(value) < size {
			if random {
				value = append(value, byte(rng.Uint32()))
			} else {
				value = fmt.Appendf(value, `{"id":%d,"user":"u%d","active":true,"tags":["a","b"]},`, rng.IntN(1e6), rng.IntN(1e6))
			}
		}
		d.entries = append(d.entries, str(0, fmt.Sprintf("key:%012d", i), string(value[:size]), 0))
	}
	return d
}

var benchCases = []struct {
	name     string
	size     int
	random   bool
	compress bool
	checksum bool
}{
	{"64B-random", 64, true, true, true},
	{"64B-random-raw", 64, true, false, true},
	{"64B-random-raw-unchecked", 64, true, false, false},
	{"200B-json", 200, false, true, true},
	{"4KiB-random-raw", 4096, true, false, true},
}

func BenchmarkEncode(b *testing.B) {
	for _, c := range benchCases {
		b.Run(c.name, func(b *testing.B) {
			d := benchData(c.size, c.random)
			b.ReportAllocs()
			var size int64
			for b.Loop() {
				info, err := rdb.Encode(context.Background(), io.Discard, d, rdb.Compression(c.compress), rdb.Checksum(c.checksum))
				if err != nil {
					b.Fatal(err)
				}
				size = info.Size
			}
			b.SetBytes(size)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*benchKeys), "ns/key")
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, c := range benchCases {
		b.Run(c.name, func(b *testing.B) {
			p := mustEncode(b, benchData(c.size, c.random), rdb.Compression(c.compress), rdb.Checksum(c.checksum))
			b.SetBytes(int64(len(p)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := rdb.Decode(context.Background(), bytes.NewReader(p), int64(len(p)), discard{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*benchKeys), "ns/key")
		})
	}
}

func BenchmarkCheck(b *testing.B) {
	p := mustEncode(b, benchData(64, true))
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		if _, err := rdb.Check(context.Background(), bytes.NewReader(p), int64(len(p))); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*benchKeys), "ns/key")
}

// collections returns 20,000 hashes, sorted sets, sets, and lists of 20 elements, in the encodings
// of Redis 7.2, or in encodings without packed forms.
func collections(packed bool) *data {
	d := new(data)
	for i := range 20_000 {
		var pairs, scored, one []string
		linked := [4][]byte{count(20), count(20), count(20), count(20)}
		for j := range 20 {
			name, value := fmt.Sprintf("field:%d", j), fmt.Sprintf("value:%d:%d", i, j)
			pairs, scored, one = append(pairs, name, value), append(scored, value, fmt.Sprint(j)), append(one, value)
			linked[0] = append(linked[0], strs(name, value)...)
			linked[1] = append(append(linked[1], strs(value)...), f8(float64(j))...)
			linked[2] = append(linked[2], strs(value)...)
			linked[3] = linked[2]
		}
		e := snapshot.Entry{Key: fmt.Appendf(nil, "key:%d", i)}
		if e.Type = []snapshot.Type{4, 5, 2, 1}[i%4]; packed {
			e.Type = []snapshot.Type{16, 17, 20, 18}[i%4]
			list := [][]string{pairs, scored, one, one}[i%4]
			e.Value = plainString(listpackOf(list...))
			if e.Type == 18 {
				e.Value = append([]byte{1, 2}, e.Value...)
			}
		} else {
			e.Value = linked[i%4]
		}
		d.entries = append(d.entries, e)
	}
	return d
}

// BenchmarkValidate measures the cost of reading values to their last element.
func BenchmarkValidate(b *testing.B) {
	for _, packed := range []bool{true, false} {
		p := mustEncode(b, collections(packed))
		for _, validate := range []bool{false, true} {
			b.Run(fmt.Sprintf("packed=%v/validate=%v", packed, validate), func(b *testing.B) {
				b.SetBytes(int64(len(p)))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := rdb.Decode(context.Background(), bytes.NewReader(p), int64(len(p)), discard{}, rdb.Validate(validate)); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
