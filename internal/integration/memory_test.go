//go:build linux && !perdure_heap

package integration_test

import (
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perduredb/perdure"
)

// rss returns the resident memory of the process.
func rss(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("/proc/self/statm does not exist")
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	ok(t, err)
	return pages * int64(os.Getpagesize())
}

// TestMemoryGoesBack checks the resident memory after a mass deletion and after FlushAll.
func TestMemoryGoesBack(t *testing.T) {
	if testing.Short() {
		t.Skip("many keys take seconds under the race detector")
	}
	synctest.Test(t, func(t *testing.T) {
		s, err := perdure.New()
		ok(t, err)
		defer s.Close()
		debug.FreeOSMemory()
		empty := rss(t)
		held := func() (ram, used int64) {
			settle(10 * time.Second)
			debug.FreeOSMemory()
			return rss(t) - empty, s.Stats().MemoryUsed
		}
		n := 400_000
		if os.Getenv("PERDURE_EVERY") != "" {
			n = 1_000_000
		}
		value := make([]byte, 64)
		key := func(i int) string { return fmt.Sprintf("key:%012d", i) }
		for i := range n {
			ok(t, s.Set(key(i), value))
		}
		full, used := held()
		t.Logf("%d keys: %d KiB in RAM for %d", n, full>>10, used>>10)
		for i := range n {
			if i*7919%10 != 0 {
				_, err := s.Delete(key(i))
				ok(t, err)
			}
		}
		tenth, used := held()
		stats := s.Stats()
		t.Logf("%d keys: %d KiB in RAM for %d, %d entries moved", s.Len(), tenth>>10, used>>10, stats.DefragMoved)
		if tenth > used*5/4+16<<20 || stats.DefragMoved == 0 || stats.DefragRunning {
			t.Errorf("RSS = %d bytes (%d when full) with 1/10 of the keys, want about the %d in use; Stats = %+v", tenth, full, used, stats)
		}
		ok(t, s.FlushAll())
		if flushed, _ := held(); flushed > 12<<20 {
			t.Errorf("RSS after FlushAll = %d bytes of %d, want at most 12 MiB", flushed, full)
		}
	})
}

// TestFlushReleasesMemoryInManyTicks is a regression test of a release that takes more than one
// tick of the loop, on the real clock. Memory that remained after the first tick was not released.
func TestFlushReleasesMemoryInManyTicks(t *testing.T) {
	if testing.Short() {
		t.Skip("needs 400 MiB of memory")
	}
	s, err := perdure.New()
	ok(t, err)
	defer s.Close()
	debug.FreeOSMemory()
	empty := rss(t)
	value := make([]byte, 100<<10)
	for i := range 4000 {
		ok(t, s.Set(strconv.Itoa(i), value))
	}
	full := rss(t) - empty
	ok(t, s.FlushAll())
	if full < 200<<20 {
		t.Fatalf("RSS = %d bytes, want at least 200 MiB", full)
	}
	// The timeout of go test ends the loop if the memory is not released.
	for tick := time.Tick(10 * time.Millisecond); rss(t)-empty > 50<<20; {
		<-tick
	}
}
