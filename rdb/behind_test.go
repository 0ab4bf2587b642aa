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

// TestEncodeWritesBehind encodes some MiB, with values longer and shorter than any buffer.
func TestEncodeWritesBehind(t *testing.T) {
	want, p := large(t)
	if g := mustDecode(t, p); g.list() != want.list() {
		t.Error("other data came back")
	}
}

// failing takes so many bytes, and then fails or panics.
type failing struct {
	left  int
	err   error
	after bool // somebody wrote after an error
}

func (f *failing) Write(p []byte) (int, error) {
	f.after = f.left < 0
	if f.left -= len(p); f.left < 0 {
		if f.err == nil {
			panic("a bug")
		}
		return 0, f.err
	}
	return len(p), nil
}

// TestEncodeFailsBehind has a writer that fails at different places, while the next bytes are made.
func TestEncodeFailsBehind(t *testing.T) {
	d, p := large(t)
	full := errors.New("disk full")
	for _, left := range []int{0, 1000, 300_000, 600_000, len(p) - 9, len(p) - 1} {
		w := &failing{left: left, err: full}
		if _, err := rdb.Encode(context.Background(), w, d, rdb.Compression(false)); err != full || w.after {
			t.Errorf("after %d bytes: %v, written again: %v", left, err, w.after)
		}
	}
	func() {
		defer func() {
			if r := recover(); fmt.Sprint(r) != "a bug" {
				t.Errorf("recovered %v", r)
			}
		}()
		_, err := rdb.Encode(context.Background(), &failing{left: 400_000}, d, rdb.Compression(false))
		t.Errorf("no panic, %v", err)
	}()
}

// TestEncodeEndsBehind ends a view in the middle.
func TestEncodeEndsBehind(t *testing.T) {
	d := &data{}
	for range 100 {
		d.entries = append(d.entries, str(0, "k", strings.Repeat("v", 50_000), 0))
	}
	d.entries = append(d.entries, snapshot.Entry{DB: -1})
	var out bytes.Buffer
	if _, err := rdb.Encode(context.Background(), &out, d, rdb.Compression(false)); err == nil {
		t.Error("no error for a database that cannot be")
	}
}
