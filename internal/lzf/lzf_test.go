package lzf_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/perduredb/perdure/internal/lzf"
)

// streams lists streams of other writers, and other valid streams.
var streams = []struct {
	name   string
	stream string // hex
	want   string
}{
	{"nothing", "", ""},
	{"literal", "02616263", "abc"},
	{"overlap", "0061e00000", strings.Repeat("a", 10)},
	{"redis, 100 times a", "0161 61e0 5900", strings.Repeat("a", 100)},
	{"short match", "02616263 2002", "abcabc"},
	{"longest match", "0061 e0ff00", strings.Repeat("a", 265)},
	{"two runs", "00610062", "ab"},
}

// damaged lists damaged streams, with the offset of the damage.
var damaged = []struct {
	name   string
	stream string
	size   int
	offset int
}{
	{"declared size out of reach", "0061", 2*88 + 88, 0},
	{"negative size", "0061", -1, 0},
	{"literal over the end", "0061 0561", 10, 2},
	{"reference over the end", "0061 20", 10, 2},
	{"long reference over the end", "0061 e0", 10, 2},
	{"long reference without its offset", "0061 e001", 10, 2},
	{"before the start", "0061 2001", 4, 2},
	{"literal beyond the size", "02616263", 2, 0},
	{"match beyond the size", "0061 2000", 3, 2},
	{"too little", "02616263", 4, 4},
}

func TestStreams(t *testing.T) {
	for _, s := range streams {
		got, err := lzf.Decompress([]byte("kept"), unhex(s.stream), len(s.want))
		if err != nil || string(got) != "kept"+s.want {
			t.Errorf("%s: Decompress = %q, %v, want the plain text", s.name, got, err)
		}
	}
}

func TestDamage(t *testing.T) {
	for _, d := range damaged {
		got, err := lzf.Decompress([]byte("kept"), unhex(d.stream), d.size)
		var bad *lzf.Error
		if !errors.As(err, &bad) || bad.Offset != d.offset {
			t.Errorf("%s: Decompress error = %v, want offset %d", d.name, err, d.offset)
		}
		if string(got) != "kept" {
			t.Errorf("%s: Decompress = %q, want only dst", d.name, got)
		}
	}
}

// TestHugeSize checks that Decompress refuses a size of a terabyte before it allocates.
func TestHugeSize(t *testing.T) {
	if _, err := lzf.Decompress(nil, make([]byte, 10), int(^uint(0)>>1)); err == nil {
		t.Error("Decompress with a size of a terabyte succeeded, want an error")
	}
}

func TestRoundTrip(t *testing.T) {
	var c lzf.Compressor
	for name, in := range inputs() {
		stream, ok := c.Append([]byte("kept"), in, len(in)+len(in)/32+1)
		if !ok && len(in) > 0 {
			t.Errorf("%s: Compress = false, want true", name)
			continue
		}
		got, err := lzf.Decompress(nil, stream[4:], len(in))
		if err != nil || !bytes.Equal(got, in) {
			t.Errorf("%s: Decompress = %d bytes, %v, want the %d bytes of the input", name, len(got), err, len(in))
		}
	}
}

// TestBudget compresses with every budget up to the length of the stream.
func TestBudget(t *testing.T) {
	var c lzf.Compressor
	in := []byte(strings.Repeat("to perdure is to last; ", 5) + "and the rest is silence")
	whole, ok := c.Append(nil, in, len(in))
	if !ok {
		t.Fatal("Compress = false, want true")
	}
	for budget := range len(whole) + 1 {
		got, ok := c.Append([]byte("x"), in, budget)
		if ok != (budget == len(whole)) || !ok && string(got) != "x" {
			t.Errorf("budget %d for a stream of %d bytes: Append = %d bytes, %v, want %v",
				budget, len(whole), len(got), ok, budget == len(whole))
		}
	}
}

// TestNumbersRunOut exceeds the range of the numbers that distinguish the inputs of a Compressor.
func TestNumbersRunOut(t *testing.T) {
	c := new(lzf.Compressor)
	c.AtNumber(1<<32 - 1000)
	in := []byte(strings.Repeat("0123456789abc", 20))
	for i := range 20 {
		stream, ok := c.Append(nil, in, len(in))
		got, err := lzf.Decompress(nil, stream, len(in))
		if !ok || err != nil || !bytes.Equal(got, in) {
			t.Fatalf("input %d: Append = %v, Decompress = %v, want true and the input", i, ok, err)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	var c lzf.Compressor
	in := []byte(strings.Repeat("0123456789abc", 30))
	stream, out := make([]byte, 0, len(in)), make([]byte, 0, len(in))
	n := testing.AllocsPerRun(50, func() {
		stream, _ = c.Append(stream[:0], in, len(in))
		out, _ = lzf.Decompress(out[:0], stream, len(in))
	})
	if n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func FuzzDecompress(f *testing.F) {
	for _, s := range streams {
		f.Add(unhex(s.stream), len(s.want))
	}
	for _, d := range damaged {
		f.Add(unhex(d.stream), d.size)
	}
	f.Fuzz(func(t *testing.T, stream []byte, size int) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got, err := lzf.Decompress(nil, stream, size)
		runtime.ReadMemStats(&after)
		if err == nil && len(got) != size {
			t.Fatalf("Decompress = %d bytes, want %d", len(got), size)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > uint64(128*len(stream)+1<<20) {
			t.Fatalf("Decompress of %d bytes allocated %d, want at most %d",
				len(stream), n, 128*len(stream)+1<<20)
		}
	})
}

func FuzzRoundTrip(f *testing.F) {
	for _, in := range inputs() {
		f.Add(in[:min(len(in), 2000)])
	}
	c := new(lzf.Compressor)
	f.Fuzz(func(t *testing.T, in []byte) {
		stream, ok := c.Append(nil, in, 2*len(in)+2)
		if !ok {
			return
		}
		got, err := lzf.Decompress(nil, stream, len(in))
		if err != nil || !bytes.Equal(got, in) {
			t.Fatalf("Decompress = %x, %v, want %x", got, err, in)
		}
	})
}

func BenchmarkCompress(b *testing.B) {
	for name, in := range benchInputs() {
		b.Run(name, func(b *testing.B) {
			var c lzf.Compressor
			out := make([]byte, 0, len(in))
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			ok := false
			var stream []byte
			for b.Loop() {
				stream, ok = c.Append(out, in, len(in)-4)
			}
			size := len(in)
			if ok {
				size = len(stream)
			}
			b.ReportMetric(float64(size)/float64(len(in)), "ratio")
		})
	}
}

func BenchmarkDecompress(b *testing.B) {
	for name, in := range benchInputs() {
		var c lzf.Compressor
		stream, ok := c.Append(nil, in, len(in)-4)
		if !ok {
			continue
		}
		b.Run(name, func(b *testing.B) {
			out := make([]byte, 0, len(in))
			b.SetBytes(int64(len(in)))
			for b.Loop() {
				lzf.Decompress(out, stream, len(in))
			}
		})
	}
}

func inputs() map[string][]byte {
	rng := rand.New(rand.NewPCG(3, 4))
	in := benchInputs()
	for n := range 70 {
		in[fmt.Sprintf("%d equal", n)] = bytes.Repeat([]byte("z"), n)
		in[fmt.Sprintf("%d of two", n)] = few(rng, n, 2)
	}
	for _, n := range []int{263, 264, 265, 266, 8191, 8192, 8193, 8194, 70_000} {
		in[fmt.Sprintf("%d equal", n)] = bytes.Repeat([]byte("z"), n)
		in[fmt.Sprintf("%d of three", n)] = few(rng, n, 3)
		in[fmt.Sprintf("%d of all", n)] = few(rng, n, 256)
	}
	far := few(rng, 100, 256)
	in["as far as possible"] = append(append(bytes.Clone(far), few(rng, 8092, 256)...), far...)
	return in
}

func benchInputs() map[string][]byte {
	rng := rand.New(rand.NewPCG(5, 6))
	record := func(n int) []byte {
		return fmt.Appendf(nil, `{"id":%d,"name":"user-%d","email":"user%d@example.com","active":true,"score":%d,"tags":["a","b","c"],"city":"Berlin","note":"%x"}`,
			rng.IntN(1e6), rng.IntN(1e6), rng.IntN(1e6), rng.IntN(100), rng.Uint64())
	}
	return map[string][]byte{
		"64B-random":  few(rng, 64, 256),
		"64B-text":    []byte("session=8f14e45fceea167a;user=benchmark;session=8f14e45f;role=ad"),
		"150B-json":   record(0),
		"4KiB-json":   bytes.Join([][]byte{record(1), record(2), record(3), record(4), record(5), record(6), record(7), record(8), record(9), record(10)}, []byte(",")),
		"64KiB-rand":  few(rng, 64<<10, 256),
		"64KiB-equal": bytes.Repeat([]byte("q"), 64<<10),
	}
}

// few returns n random bytes below kinds.
func few(rng *rand.Rand, n, kinds int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(rng.IntN(kinds))
	}
	return p
}

func unhex(s string) []byte {
	p, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return p
}
