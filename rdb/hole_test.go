package rdb_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// TestCheckOfSparseFileBoundsMemory checks a dump whose strings are holes of a sparse file, in 16
// databases with a stated size of 2^40 keys each.
func TestCheckOfSparseFileBoundsMemory(t *testing.T) {
	const hole = 100 << 20
	path := filepath.Join(t.TempDir(), "sparse.rdb")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	put := func(p []byte, skip int64) {
		if _, err := f.Write(p); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Seek(skip, io.SeekCurrent); err != nil {
			t.Fatal(err)
		}
	}
	put([]byte("REDIS0004"), 0)
	for db := range 16 {
		put(append([]byte{0xfe, byte(db)}, unhex("fb 81 0000010000000000 81 0000010000000000")...), 0)
		if db%8 == 0 {
			put(unhex("00 016b 80 06400000"), hole)
			put(unhex("00 00 81 0000000006400000"), hole)
		}
	}
	put([]byte{0xff}, 0)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r, err := rdb.CheckFile(path)
	runtime.ReadMemStats(&after)
	if err != nil || r.Keys != 4 || r.Trailing != 0 {
		t.Errorf("CheckFile = %d keys, %d trailing bytes, %v, want 4 keys and no trailing bytes", r.Keys, r.Trailing, err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 4<<20 {
		t.Errorf("CheckFile allocated %d bytes, want at most %d", n, 4<<20)
	}
}

// TestCheckMatchesDecodeForLongStrings truncates a dump with a long string at many offsets. Check
// does not hold the string in memory, but must return the error of Decode.
func TestCheckMatchesDecodeForLongStrings(t *testing.T) {
	p := mustEncode(t, &data{entries: []snapshot.Entry{str(0, "a", "1", 0), str(0, "long", string(make([]byte, 3<<20)), 5), str(0, "b", "2", 0)}}, rdb.Compression(false))
	for _, n := range []int{5, 60, 100, 120, 130, 1 << 20, len(p) / 2, len(p) - 200, len(p) - 9, len(p) - 1, len(p)} {
		for _, size := range []int64{int64(n), -1} {
			_, want := rdb.Decode(context.Background(), bytes.NewReader(p[:n]), size, new(got))
			_, err := rdb.Check(context.Background(), bytes.NewReader(p[:n]), size)
			if (err == nil) != (want == nil) || err != nil && err.Error() != want.Error() {
				t.Errorf("%d of %d bytes, size %d: Check = %v, want %v", n, len(p), size, err, want)
			}
		}
	}
	flipped := bytes.Clone(p)
	flipped[2<<20] ^= 1
	if _, err := rdb.Check(context.Background(), bytes.NewReader(flipped), int64(len(p))); err == nil {
		t.Error("Check with a flipped bit in a long string = nil, want an error")
	}
}
