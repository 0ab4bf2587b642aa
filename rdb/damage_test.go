package rdb_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/rdb"
)

// small returns short dumps as seeds.
func small(t testing.TB) map[string][]byte { return fragile(t, 700) }

// fragile returns the dumps to damage, of at most longest bytes: one of each type and encoding,
// with and without records that belong to no key, and those of the corpus.
func fragile(t testing.TB, longest int) map[string][]byte {
	files := map[string][]byte{
		"three": unhex(goldenThree), "strings": mustEncode(t, someData(12)), "attributes": attributed(),
		"slot import": file("VALKEY080", "f3 016a 02 01 02 43e8 43e9", "00016b0176"), "none": file("REDIS0009"),
		"no checksum": append(file("REDIS0004", "00016b0176")[:15:15], 0), "zero checksum": append(file("REDIS0009", "00016b0176")[:15:15], make([]byte, 8)...),
	}
	for _, s := range shapes() {
		magic := "REDIS0014"
		if s.kind.IsValkey() {
			magic = "VALKEY080"
		}
		files[s.name] = file(magic, fmt.Sprintf("00 016b 0176 %02x 0178 %x 00 01 7a c30f20 0a 61 62 63 64 65 66 67 68 69 6a 6b e0 0c 0a", s.kind.RDB(), s.payload))
	}
	for name, p := range corpusFiles(t) {
		if len(p) <= longest {
			files[name] = p
		}
	}
	return files
}

// seenOf prints the records of a dump, with values decoded to the last element. Every entry that a
// Reader yields must be decodable.
func seenOf(t *testing.T, p []byte, size int64, opts ...rdb.Option) (string, error) {
	r, err := rdb.NewReader(bytes.NewReader(p), size, opts...)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for rec, err := range r.Records(context.Background()) {
		if err != nil {
			return "", err
		}
		e, ok := rec.(*rdb.Entry)
		if !ok {
			fmt.Fprintf(&b, "%+v\n", rec)
			continue
		}
		v, err := e.Decode(rdb.Validate(false))
		if err != nil {
			t.Fatalf("Decode at offset %d, type %d = %v, want nil", e.Offset, e.Type, err)
		}
		fmt.Fprintf(&b, "%d %q @%d %v %x %s\n", e.DB, e.Key, e.ExpireAtMs, e.Usage, e.Meta, print(v))
	}
	return b.String(), nil
}

// wantOffset checks that an error about a dump of size bytes has an offset in the dump.
func wantOffset(t *testing.T, what string, err error, size int) {
	t.Helper()
	var bad *rdb.CorruptError
	var unknown *rdb.UnsupportedError
	at := int64(-1)
	switch {
	case errors.As(err, &bad):
		at = bad.Offset
	case errors.As(err, &unknown):
		at = unknown.Offset
	}
	if at < 0 || at > int64(size) || !strings.Contains(err.Error(), fmt.Sprintf("offset %d", at)) {
		t.Fatalf("%s: error = %v, want one with an offset of at most %d", what, err, size)
	}
}

// limitAllocations calls run with 0 to n-1, and reports each call that allocates more than is
// reasonable for size bytes. It measures several calls together, and measures them separately only
// if together they exceed the limit of one call.
func limitAllocations(t *testing.T, what string, size, n int, run func(i int)) {
	t.Helper()
	most := uint64(128*size + 1<<20)
	measure := func(from, to int) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for i := from; i < to; i++ {
			run(i)
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	for from := 0; from < n; from += 9 {
		to := min(from+9, n)
		if measure(from, to) <= most {
			continue
		}
		for i := from; i < to; i++ {
			if got := measure(i, i+1); got > most {
				t.Errorf("%s, run %d: allocated %d bytes, want at most %d for %d bytes", what, i, got, most, size)
			}
		}
	}
}

// TestDamage changes each byte of each dump, and truncates each dump at each byte. With the
// checksum, Decode must return the original data or an error with an offset. Without it, Decode may
// return other data. It must never panic, and its memory use must be proportional to the size of
// the file. The test flips some bits of each byte, and with PERDURE_EVERY=1 each bit and all bits
// at once. With PERDURE_FLIPS=255 it sets each byte to every other value, and uses longer dumps.
func TestDamage(t *testing.T) {
	masks, longest := []byte{1, 8, 128, 255}, 260
	switch {
	case testing.Short():
		masks, longest = []byte{4, 128}, 130
	case os.Getenv("PERDURE_EVERY") != "":
		masks = []byte{1, 2, 4, 8, 16, 32, 64, 128, 255}
	}
	if n, err := strconv.Atoi(os.Getenv("PERDURE_FLIPS")); err == nil && n > 0 {
		masks, longest = nil, 1500
		for mask := range min(n, 255) {
			masks = append(masks, byte(mask+1))
		}
	}
	files := fragile(t, longest)
	t.Logf("%d dumps, %d changes of each byte", len(files), len(masks))
	if len(files) < 30 {
		t.Errorf("%d dumps, want at least 30", len(files))
	}
	for name, p := range files {
		whole, err := seenOf(t, p, int64(len(p)))
		if err != nil && damagedCorpus[name] == 0 {
			t.Fatalf("read %s = %v, want nil", name, err)
		}
		var h rdb.Header
		_, _, err = decode(p, rdb.HeaderTo(&h))
		summed := err == nil && h.Checksum
		p := bytes.Clone(p)
		for at := range p {
			what := fmt.Sprintf("%s, byte %d", name, at)
			limitAllocations(t, what, len(p), len(masks), func(i int) {
				p[at] ^= masks[i]
				defer func() { p[at] ^= masks[i] }()
				got, err := seenOf(t, p, int64(len(p)))
				if err != nil {
					wantOffset(t, what, err, len(p))
				} else if summed && got != whole {
					t.Fatalf("%s, flipped by %02x: got\n%s\nwant an error, or\n%s", what, masks[i], got, whole)
				}
				if _, err := seenOf(t, p, int64(len(p)), rdb.Checksum(false)); err != nil {
					wantOffset(t, what, err, len(p))
				}
				if _, err := seenOf(t, p, int64(len(p)), rdb.Checksum(false), rdb.Databases(99)); err != nil {
					wantOffset(t, what, err, len(p))
				}
			})
		}
		truncateEverywhere(t, name, p, whole)
	}
}

// truncateEverywhere truncates a dump at every byte. Each error must match ErrTorn.
func truncateEverywhere(t *testing.T, name string, p []byte, whole string) {
	_, end, err := decode(p)
	if err != nil {
		return
	}
	cut := func(n int, size int64, opts ...rdb.Option) {
		got, err := seenOf(t, p[:n], size, opts...)
		if err == nil || !errors.Is(err, corrupt.ErrTorn) {
			t.Fatalf("%s truncated at %d of %d: error = %v, want ErrTorn\n%s", name, n, end, err, got)
		}
		wantOffset(t, name, err, n)
	}
	limitAllocations(t, name, len(p), int(end), func(n int) {
		cut(n, int64(n))
		cut(n, int64(n), rdb.Checksum(false))
		cut(n, int64(n), rdb.Databases(99))
	})
	for n := 0; n < int(end); n += 8 {
		cut(n, -1)
		cut(n, -1, rdb.Databases(99))
	}
	if got, err := seenOf(t, p[:end], -1); err != nil || got != whole {
		t.Fatalf("%s of unknown size: got\n%s, %v, want\n%s", name, got, err, whole)
	}
}

// TestDamagedFiles damages files, and checks that errors contain the path.
func TestDamagedFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dump.rdb")
	for name, p := range fragile(t, 0) {
		if len(p) > 200 {
			continue
		}
		for at := range p {
			q := bytes.Clone(p)
			q[at] ^= 0xff
			if at%2 == 1 {
				q = q[:at]
			}
			if err := os.WriteFile(path, q, 0o600); err != nil {
				t.Fatal(err)
			}
			r, err := rdb.OpenReader(path)
			if err != nil {
				t.Fatal(err)
			}
			_, err = entries(r)
			r.Close()
			_, checkErr := rdb.CheckFile(path)
			for _, err := range []error{err, checkErr} {
				if err != nil {
					wantOffset(t, name, err, len(q))
					if !strings.HasPrefix(err.Error(), "perdure: "+path) {
						t.Fatalf("%s: error = %v, want the prefix perdure: %s", name, err, path)
					}
				}
			}
		}
	}
}

// TestHugeLengths checks that no length field leads to a large allocation.
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
				_, err := rdb.Decode(context.Background(), bytes.NewReader(p), size, discard{})
				runtime.ReadMemStats(&after)
				if !errors.Is(err, corrupt.ErrCorrupt) {
					t.Errorf("%s of length %s: Decode error = %v, want ErrCorrupt", name, n, err)
				}
				if bytes := after.TotalAlloc - before.TotalAlloc; bytes > 1<<20 {
					t.Errorf("%s of length %s: Decode allocated %d bytes, want at most %d", name, n, bytes, 1<<20)
				}
			}
		}
	}
}
