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

// small gives short dumps, as seeds.
func small(t testing.TB) map[string][]byte { return fragile(t, 700) }

// fragile are the dumps that are damaged: one of each type and encoding, with and without all that
// may stand around keys, and those of others.
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

// seenOf is all that a dump tells, typed to its last element; what is yielded must be whole.
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
			t.Fatalf("key at %d, of type %d, is yielded but cannot be decoded: %v", e.Offset, e.Type, err)
		}
		fmt.Fprintf(&b, "%d %q @%d %v %x %s\n", e.DB, e.Key, e.ExpireAtMs, e.Usage, e.Meta, print(v))
	}
	return b.String(), nil
}

// named checks that an error of a dump of size bytes is one of the codec's that says where.
func named(t *testing.T, what string, err error, size int) {
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
		t.Fatalf("%s: %v", what, err)
	}
}

// allocates runs the function for 0 to n-1, and reports a run that allocates more than size bytes
// explain. Runs are measured together, and one by one only when that is too much for one.
func allocates(t *testing.T, what string, size, n int, run func(i int)) {
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
				t.Errorf("%s, %d: %d bytes allocated, want at most %d for %d", what, i, got, most, size)
			}
		}
	}
}

// TestDamage changes each byte of each dump, and cuts each at each byte: with the checksum the right data
// or an error that says where; without it whatever is there, or such an error; and memory as the
// size of the file explains it, never a panic. Some bits are flipped. PERDURE_EVERY=1 flips every bit,
// and all at once; PERDURE_FLIPS=255 makes each byte all that it was not, and takes longer dumps.
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
	t.Logf("%d dumps, %d values of each byte", len(files), len(masks))
	if len(files) < 30 {
		t.Errorf("only %d dumps", len(files))
	}
	for name, p := range files {
		whole, err := seenOf(t, p, int64(len(p)))
		if err != nil && damagedCorpus[name] == 0 {
			t.Fatalf("%s: %v", name, err)
		}
		var h rdb.Header
		_, _, err = decode(p, rdb.HeaderTo(&h))
		summed := err == nil && h.Checksum
		p := bytes.Clone(p)
		for at := range p {
			what := fmt.Sprintf("%s, byte %d", name, at)
			allocates(t, what, len(p), len(masks), func(i int) {
				p[at] ^= masks[i]
				defer func() { p[at] ^= masks[i] }()
				got, err := seenOf(t, p, int64(len(p)))
				if err != nil {
					named(t, what, err, len(p))
				} else if summed && got != whole {
					t.Fatalf("%s, flipped by %02x: other data\n%s\n%s", what, masks[i], got, whole)
				}
				if _, err := seenOf(t, p, int64(len(p)), rdb.Checksum(false)); err != nil {
					named(t, what, err, len(p))
				}
				if _, err := seenOf(t, p, int64(len(p)), rdb.Checksum(false), rdb.Databases(99)); err != nil {
					named(t, what, err, len(p))
				}
			})
		}
		cutEverywhere(t, name, p, whole)
	}
}

// cutEverywhere cuts a dump at every byte: what is lost is said to be torn off.
func cutEverywhere(t *testing.T, name string, p []byte, whole string) {
	_, end, err := decode(p)
	if err != nil {
		return
	}
	cut := func(n int, size int64, opts ...rdb.Option) {
		got, err := seenOf(t, p[:n], size, opts...)
		if err == nil || !errors.Is(err, corrupt.ErrTorn) {
			t.Fatalf("%s cut at %d of %d: %v\n%s", name, n, end, err, got)
		}
		named(t, name, err, n)
	}
	allocates(t, name, len(p), int(end), func(n int) {
		cut(n, int64(n))
		cut(n, int64(n), rdb.Checksum(false))
		cut(n, int64(n), rdb.Databases(99))
	})
	for n := 0; n < int(end); n += 8 {
		cut(n, -1)
		cut(n, -1, rdb.Databases(99))
	}
	if got, err := seenOf(t, p[:end], -1); err != nil || got != whole {
		t.Fatalf("%s: %v", name, err)
	}
}

// TestDamagedFiles does it to files, whose names must stand in the error.
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
					named(t, name, err, len(q))
					if !strings.HasPrefix(err.Error(), path) {
						t.Fatalf("%s: the error does not name the file: %v", name, err)
					}
				}
			}
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
