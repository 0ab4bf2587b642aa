package integration_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// peakMemory returns the peak resident memory of the process.
func peakMemory(t *testing.T) (n int64) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	ok(t, err)
	for line := range strings.Lines(string(text)) {
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &n); err == nil {
			return n << 10
		}
	}
	t.Skip("/proc/self/status has no peak of memory")
	return 0
}
