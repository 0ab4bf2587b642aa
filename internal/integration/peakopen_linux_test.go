//go:build !perdure_heap

package integration_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
)

// peakDir names the variable with the directory that a child of TestOpenPeakOfLargeValues opens.
const peakDir = "PERDURE_TEST_PEAK_DIR"

// TestOpenPeakOfLargeValues opens values of 32 MB in a separate process, from a log of commands, a
// base, and a dump. The process may use at most 1.2 times the data plus 64 MiB.
func TestOpenPeakOfLargeValues(t *testing.T) {
	if dir := os.Getenv(peakDir); dir != "" {
		s := open(t, dir, perdure.WithReadOnly())
		if s.Len() != largeValues {
			t.Fatalf("%d values, want %d", s.Len(), largeValues)
		}
		fmt.Println("peak", peakMemory(t))
		return
	}
	if testing.Short() {
		t.Skip("writes 600 MB")
	}
	for name, end := range map[string]func(*perdure.Store) error{
		"log":  func(*perdure.Store) error { return nil },
		"base": func(s *perdure.Store) error { return s.Rewrite(t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			closed(t, dir, func(s *perdure.Store) {
				for i := range largeValues {
					ok(t, s.Set(fmt.Sprint(i), bytes.Repeat([]byte{byte(i), 'x', byte(i * 7)}, largeSize/3)))
				}
				ok(t, end(s))
			}, logOnly(aof.AutoRewrite(0, 0))...)
			wantPeak(t, dir)
		})
	}
	t.Run("dump", func(t *testing.T) {
		dir := t.TempDir()
		closed(t, dir, func(s *perdure.Store) {
			for i := range largeValues {
				ok(t, s.Set(fmt.Sprint(i), bytes.Repeat([]byte{byte(i), 'x', byte(i * 7)}, largeSize/3)))
			}
		})
		ok(t, os.RemoveAll(filepath.Join(dir, "appendonlydir")))
		wantPeak(t, dir)
	})
}

const (
	largeValues = 6
	largeSize   = 32 << 20
)

// wantPeak opens a directory in another process and checks its peak memory.
func wantPeak(t *testing.T, dir string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestOpenPeakOfLargeValues$")
	cmd.Env = append(os.Environ(), peakDir+"="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("child = %v, want nil: %s", err, out)
	}
	var peak int64
	if _, err := fmt.Sscanf(string(out), "peak %d", &peak); err != nil {
		t.Fatalf("Sscanf of the child's output = %v, want nil: %s", err, out)
	}
	const data = largeValues * largeSize
	if most := int64(data*12/10 + slack); peak > most {
		t.Errorf("Open took %d MiB for %d MiB of values, want %d at most", peak>>20, data>>20, most>>20)
	} else {
		t.Logf("%d MiB for %d MiB of values, %d allowed", peak>>20, data>>20, most>>20)
	}
}
