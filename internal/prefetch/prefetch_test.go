package prefetch_test

import (
	"bytes"
	"testing"

	"github.com/perduredb/perdure/internal/prefetch"
)

// TestBytes fetches slices of all lengths up to some cache lines, and checks that nothing changes.
func TestBytes(t *testing.T) {
	b := bytes.Repeat([]byte{7}, 300)
	prefetch.Bytes(nil)
	for from := range 70 {
		for to := from; to <= len(b); to++ {
			prefetch.Bytes(b[from:to])
		}
	}
	if want := bytes.Repeat([]byte{7}, 300); !bytes.Equal(b, want) {
		t.Errorf("Bytes changed its argument to %x, want %x", b, want)
	}
}
