package rdb_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// TestEncodeWritesInBackground encodes several MiB, with values longer and shorter than any buffer.
func TestEncodeWritesInBackground(t *testing.T) {
	want, p := large(t)
	if g := mustDecode(t, p); g.list() != want.list() {
		t.Error("decoded data differs, want the encoded data")
	}
}

// failing is a writer that accepts a number of bytes and then fails or panics.
type failing struct {
	left  int
	err   error
	after bool // Write was called after an error
}

func (f *failing) Write(p []byte) (int, error) {
	f.after = f.left < 0
	if f.left -= len(p); f.left < 0 {
		if f.err == nil {
			panic("bug")
		}
		return 0, f.err
	}
	return len(p), nil
}

// TestEncodeReturnsBackgroundError has a writer that fails at different offsets while Encode fills
// the next buffer.
func TestEncodeReturnsBackgroundError(t *testing.T) {
	d, p := large(t)
	full := errors.New("disk full")
	for _, left := range []int{0, 1000, 300_000, 600_000, len(p) - 9, len(p) - 1} {
		w := &failing{left: left, err: full}
		if _, err := rdb.Encode(context.Background(), w, d, rdb.Compression(false)); !errors.Is(err, full) || w.after {
			t.Errorf("writer fails after %d bytes: Encode error = %v, another Write: %v, want disk full, false", left, err, w.after)
		}
	}
	func() {
		defer func() {
			if r := recover(); fmt.Sprint(r) != "bug" {
				t.Errorf("recovered %v, want the panic of the writer", r)
			}
		}()
		_, err := rdb.Encode(context.Background(), &failing{left: 400_000}, d, rdb.Compression(false))
		t.Errorf("Encode = %v, want a panic", err)
	}()
}

// TestEncodeFailsDuringBackgroundWrite encodes a view with an invalid entry.
func TestEncodeFailsDuringBackgroundWrite(t *testing.T) {
	d := &data{}
	for range 100 {
		d.entries = append(d.entries, str(0, "k", strings.Repeat("v", 50_000), 0))
	}
	d.entries = append(d.entries, snapshot.Entry{DB: -1})
	var out bytes.Buffer
	if _, err := rdb.Encode(context.Background(), &out, d, rdb.Compression(false)); err == nil {
		t.Error("Encode of database -1 succeeded, want an error")
	}
}
