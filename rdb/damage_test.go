package rdb_test

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"testing"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/rdb"
)

// small gives dumps of all shapes that are short enough to be damaged at every place.
func small(t testing.TB) map[string][]byte {
	files := map[string][]byte{"three": unhex(goldenThree), "strings": mustEncode(t, someData(20))}
	for name, p := range corpusFiles(t) {
		if len(p) <= 700 {
			files[name] = p
		}
	}
	return files
}

// TestEveryPrefix cuts each dump at every byte: that is always a torn file.
func TestEveryPrefix(t *testing.T) {
	for name, p := range small(t) {
		_, whole, err := decode(p)
		if err != nil {
			continue
		}
		for n := range whole {
			if _, _, err := decode(p[:n]); !errors.Is(err, corrupt.ErrTorn) {
				t.Fatalf("%s cut at %d: %v", name, n, err)
			}
			if _, err := rdb.Decode(context.Background(), bytes.NewReader(p[:n]), -1, new(got)); !errors.Is(err, corrupt.ErrTorn) {
				t.Fatalf("%s cut at %d, size not known: %v", name, n, err)
			}
		}
	}
}

// TestEveryBit flips each bit of each dump: an error, or the same data; where a checksum covers it
// nothing passes but a version that has none.
func TestEveryBit(t *testing.T) {
	for name, p := range small(t) {
		was, _, err := decode(p)
		if err != nil {
			continue
		}
		var h rdb.Header
		mustDecodeHeader(t, p, &h)
		for i := range len(p) * 8 {
			p[i/8] ^= 1 << (i % 8)
			now, _, err := decode(p)
			p[i/8] ^= 1 << (i % 8)
			switch {
			case err != nil && !errors.Is(err, corrupt.ErrCorrupt) && !errors.Is(err, rdb.ErrUnsupported):
				t.Fatalf("%s, bit %d: %v", name, i, err)
			case err == nil && h.Checksum && i >= 9*8:
				t.Fatalf("%s, bit %d: passed the checksum", name, i)
			case err == nil && h.Checksum && now.list() != was.list():
				t.Fatalf("%s, bit %d: other data", name, i)
			}
		}
	}
}

func mustDecodeHeader(t *testing.T, p []byte, h *rdb.Header) {
	t.Helper()
	if _, _, err := decode(p, rdb.HeaderTo(h)); err != nil {
		t.Fatal(err)
	}
}

// TestEveryBitUnchecked does the same without comparing checksums: no panic, and no more memory
// than the file's size explains.
func TestEveryBitUnchecked(t *testing.T) {
	for name, p := range small(t) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		tries := uint64(0)
		for i := 9 * 8; i < len(p)*8; i++ {
			p[i/8] ^= 1 << (i % 8)
			rdb.Decode(context.Background(), bytes.NewReader(p), int64(len(p)), nothing{}, rdb.Checksum(false))
			p[i/8] ^= 1 << (i % 8)
			tries++
		}
		runtime.ReadMemStats(&after)
		if each := (after.TotalAlloc - before.TotalAlloc) / max(tries, 1); each > 100*uint64(len(p))+16<<10 {
			t.Errorf("%s: %d bytes allocated on average for a file of %d", name, each, len(p))
		}
	}
}

// TestHugeLengths declares what is not there, in every place that has a length.
func TestHugeLengths(t *testing.T) {
	const huge, large = "81ffffffffffffffff", "801fffffff" // 2^64-1; 512 MiB - 1, within the limit
	for _, n := range []string{huge, large} {
		for name, records := range map[string]string{
			"key": "00" + n, "value": "00016b" + n, "list": "01016b" + n, "list element": "01016b01" + n,
			"packed": "10016b" + n, "quicklist": "12016b" + n, "LZF in": "00016bc3" + n + "05", "LZF out": "00016bc305" + n + "0061e0ff00",
			"hash": "04016b" + n, "zset": "05016b" + n, "stream": "0f016b" + n, "stream groups": "0f016b00000000" + n,
			"stream pending": "0f016b00000000010161000000" + "01" + "0163" + "0000000000000000" + n,
			"aux":            "fa" + n, "module": "07016b0105" + n, "function": "f5" + n, "module aux": "f70105" + n, "array": "1c016b" + n + "00",
		} {
			p := append([]byte("REDIS0012"), unhex(records)...)
			for _, size := range []int64{int64(len(p)), -1} {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				_, err := rdb.Decode(context.Background(), bytes.NewReader(p), size, nothing{})
				runtime.ReadMemStats(&after)
				if !errors.Is(err, corrupt.ErrCorrupt) {
					t.Errorf("%s of %s: %v", name, n, err)
				}
				if bytes := after.TotalAlloc - before.TotalAlloc; bytes > 1<<20 {
					t.Errorf("%s of %s: %d bytes allocated", name, n, bytes)
				}
			}
		}
	}
}
