package main

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// zeros is a reader of n zero bytes.
type zeros struct{ n int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.n == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), z.n)
	clear(p[:n])
	z.n -= n
	return int(n), nil
}

// TestMaxValueBoundsMemory reads values that are large only after decompression, from a dump and
// from JSON lines. --max-value refuses them before they are in memory.
func TestMaxValueBoundsMemory(t *testing.T) {
	const size = 200 << 20
	dir := t.TempDir()
	dump, lines := filepath.Join(dir, "x.rdb.zst"), filepath.Join(dir, "x.jsonl.zst")
	for path, content := range map[string]io.Reader{
		dump:  io.MultiReader(strings.NewReader("REDIS0004\x00\x01k\x80\x0c\x80\x00\x00"), &zeros{size}, strings.NewReader("\xff")),
		lines: io.MultiReader(strings.NewReader(`{"db":0,"key":"`), &zeros{size}),
	} {
		f, err := os.Create(path)
		check(t, err)
		check(t, zip(f, func(w io.Writer) error { _, err := io.Copy(w, content); return err }))
		check(t, f.Close())
		for _, order := range []string{"--unsorted", "--unsorted=false"} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			want(t, exitDamaged, "dump", order, "--max-value", "1000000", path).wants(t, "offset")
			runtime.ReadMemStats(&after)
			if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 {
				t.Errorf("dump %s allocated %d bytes, want at most %d", path, n, 64<<20)
			}
		}
	}
}

func TestUnsortedHasSameKeys(t *testing.T) {
	dir := store(t)
	for _, path := range []string{dir, filepath.Join(dir, dumpName)} {
		sorted := strings.Split(want(t, exitGood, "dump", path).stdout, "\n")
		unsorted := want(t, exitGood, "dump", "--unsorted", path).stdout
		for _, line := range sorted {
			if !strings.Contains(unsorted, line) {
				t.Errorf("dump --unsorted %s lacks the line %s, want all lines of dump", path, line)
			}
		}
		if n := strings.Count(unsorted, "\n"); n != len(sorted)-1 {
			t.Errorf("dump --unsorted %s printed %d lines, want %d", path, n, len(sorted)-1)
		}
	}
	want(t, exitUsage, "dump", "--max-value", "0", dir)
}
