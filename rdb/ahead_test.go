package rdb_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// large returns a dump of several MiB, with values longer and shorter than any buffer.
func large(t testing.TB) (*data, []byte) {
	d := &data{}
	for i := range 2000 {
		key := strings.Repeat("k", i%7+1) + string(rune('a'+i%26)) + strings.Repeat("x", i)
		d.entries = append(d.entries, str(0, key, strings.Repeat(string(rune('A'+i%26)), i*i%3000), 0))
	}
	d.entries = append(d.entries, str(0, "huge", strings.Repeat("0123456789", 200_000), 0))
	return d, mustEncode(t, d, rdb.Compression(false))
}

// TestReadAhead decodes a long dump from readers that return pieces of different sizes. Decode
// ignores the bytes after the dump.
func TestReadAhead(t *testing.T) {
	want, p := large(t)
	after := append(bytes.Clone(p), make([]byte, 300_000)...)
	for _, c := range []struct {
		name string
		in   []byte
		from func(io.Reader) io.Reader
	}{
		{"whole", p, func(r io.Reader) io.Reader { return r }},
		{"halves", p, iotest.HalfReader},
		{"EOF with the data", p, iotest.DataErrReader},
		{"trailing bytes", after, func(r io.Reader) io.Reader { return r }},
	} {
		g := &got{}
		n, err := rdb.Decode(context.Background(), c.from(bytes.NewReader(c.in)), int64(len(c.in)), g)
		if err != nil || n != int64(len(p)) {
			t.Errorf("%s: Decode = %d, %v, want %d", c.name, n, err, len(p))
		} else if g.list() != want.list() {
			t.Errorf("%s: decoded data differs, want the encoded data", c.name)
		}
	}
}

// TestReadAheadEnds decodes truncated, failing, and damaged input, and stops a Loader.
func TestReadAheadEnds(t *testing.T) {
	_, p := large(t)
	for _, cut := range []int{1 << 20, 1<<20 + 1, len(p) - 9, len(p) - 1} {
		_, err := rdb.Decode(context.Background(), bytes.NewReader(p[:cut]), int64(cut), discard{})
		if !errors.Is(err, corrupt.ErrTorn) {
			t.Errorf("truncated at %d: Decode error = %v, want ErrTorn", cut, err)
		}
		_, err = rdb.Decode(context.Background(), bytes.NewReader(p[:cut]), int64(len(p)), discard{})
		if !errors.Is(err, corrupt.ErrTorn) {
			t.Errorf("shorter than its size, %d: Decode error = %v, want ErrTorn", cut, err)
		}
		broken := io.MultiReader(bytes.NewReader(p[:cut]), iotest.ErrReader(iotest.ErrTimeout))
		if _, err = rdb.Decode(context.Background(), broken, int64(len(p)), discard{}); !errors.Is(err, iotest.ErrTimeout) {
			t.Errorf("read error at %d: Decode error = %v, want ErrTimeout", cut, err)
		}
	}
	flipped := bytes.Clone(p)
	flipped[len(p)/2] ^= 1
	if _, err := rdb.Decode(context.Background(), bytes.NewReader(flipped), int64(len(p)), discard{}); !errors.Is(err, corrupt.ErrCorrupt) {
		t.Errorf("flipped bit: Decode error = %v, want ErrCorrupt", err)
	}
	stop := &stopping{after: 10}
	if _, err := rdb.Decode(context.Background(), bytes.NewReader(p), int64(len(p)), stop); !errors.Is(err, errEnough) {
		t.Errorf("Decode error = %v, want the error of the Loader", err)
	}
}

var errEnough = errors.New("enough")

// stopping is a Loader that returns an error after a number of entries.
type stopping struct {
	discard
	after int
}

func (s *stopping) Load(snapshot.Entry) error {
	if s.after--; s.after < 0 {
		return errEnough
	}
	return nil
}
