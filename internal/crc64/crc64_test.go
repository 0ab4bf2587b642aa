package crc64_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	stdlib "hash/crc64"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/perduredb/perdure/internal/crc64"
)

// vectors lists inputs with their checksums. The second and third inputs are dumps of Redis without
// their checksums.
var vectors = []struct {
	name string
	in   []byte
	sum  uint64
}{
	{"nothing", nil, 0},
	{"check value", []byte("123456789"), 0xe9c6d914c4b8d9ca},
	{"empty dump", []byte("REDIS0009\xff"), 0x74ad0ffbbc7aac9a},
	{"three keys", unhex("52454449533030303 9fe00fb030100 03666f6f03626172 fc00d8c32cbb030000" +
		"00016ec00a 00017ac30540640061e05a00 ff"), 0xc2e2697e59ed5903},
}

func TestVectors(t *testing.T) {
	for _, v := range vectors {
		if got := crc64.Checksum(v.in); got != v.sum {
			t.Errorf("Checksum of %s = %016x, want %016x", v.name, got, v.sum)
		}
	}
}

// TestAgainstStdlib compares with hash/crc64, which complements the checksum before and after.
func TestAgainstStdlib(t *testing.T) {
	table := stdlib.MakeTable(0x95ac9329ac4bc9b5)
	rng := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, 20_000)
	for i := range data {
		data[i] = byte(rng.Uint32())
	}
	for i := range 1000 {
		start, most := rng.IntN(64), 300
		if i%2 == 0 {
			most = len(data) - start
		}
		p := data[start : start+rng.IntN(most)]
		crc := rng.Uint64()
		want := ^stdlib.Update(^crc, table, p)
		if got := crc64.Update(crc, p); got != want {
			t.Fatalf("Update(%016x, %d bytes) = %016x, want %016x", crc, len(p), got, want)
		}
		if got := crc64.UpdateByTables(crc, p); got != want {
			t.Fatalf("UpdateByTables(%016x, %d bytes) = %016x, want %016x", crc, len(p), got, want)
		}
	}
}

func BenchmarkUpdate(b *testing.B) {
	for _, size := range []int{16, 80, 4096, 256 << 10} {
		data := bytes.Repeat([]byte{0x5a, 1, 0xfe}, size)[:size]
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			b.SetBytes(int64(size))
			var crc uint64
			for b.Loop() {
				crc = crc64.Update(crc, data)
			}
		})
	}
}

func BenchmarkStdlib(b *testing.B) {
	table := stdlib.MakeTable(0x95ac9329ac4bc9b5)
	data := make([]byte, 256<<10)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		stdlib.Update(0, table, data)
	}
}

func unhex(s string) []byte {
	p, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return p
}

func TestRewind(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for n := range 300 {
		p := make([]byte, n)
		for i := range p {
			p[i] = byte(rng.Uint32())
		}
		crc := rng.Uint64()
		if got := crc64.Rewind(crc64.Update(crc, p), p); got != crc {
			t.Fatalf("Rewind by %d bytes = %016x, want %016x", n, got, crc)
		}
	}
}
