package rdb_test

// Test helpers: a data set as a View, and a Loader that records its calls.

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perduredb/perdure/internal/crc64"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// data is a View of its entries.
type data struct {
	entries       []snapshot.Entry
	extras        []snapshot.Extra
	hints         []snapshot.Count
	time          time.Time
	order, origin string
	fail          error // the error at the end of All
}

func (d *data) All(ctx context.Context) iter.Seq2[snapshot.Entry, error] {
	return func(yield func(snapshot.Entry, error) bool) {
		for _, e := range d.entries {
			if !yield(e, ctx.Err()) {
				return
			}
		}
		if d.fail != nil {
			yield(snapshot.Entry{}, d.fail)
		}
	}
}

func (d *data) Counts() (counts []snapshot.Count) {
	for _, e := range d.entries {
		i := slices.IndexFunc(counts, func(c snapshot.Count) bool { return c.DB == e.DB })
		if i < 0 {
			i = len(counts)
			counts = append(counts, snapshot.Count{DB: e.DB})
		}
		counts[i].Keys++
		if e.ExpireAtMs != 0 {
			counts[i].Expires++
		}
	}
	return counts
}

func (d *data) Types() (types []snapshot.Type) {
	for _, e := range d.entries {
		if e.Type != snapshot.String && !slices.Contains(types, e.Type) {
			types = append(types, e.Type)
		}
	}
	return types
}

func (d *data) Order() string            { return d.order }
func (d *data) Origin() string           { return d.origin }
func (d *data) Extras() []snapshot.Extra { return d.extras }

func (d *data) Time() time.Time {
	if d.time.IsZero() {
		return time.Unix(1_700_000_000, 0)
	}
	return d.time
}

// got is a Loader that keeps a copy of everything.
type got struct {
	data
	progress []int64
	fail     error
}

func (g *got) Expect(db int, keys, expires int64) {
	g.hints = append(g.hints, snapshot.Count{DB: db, Keys: keys, Expires: expires})
}

func (g *got) Load(e snapshot.Entry) error {
	e.Key, e.Value = bytes.Clone(e.Key), bytes.Clone(e.Value)
	g.entries = append(g.entries, e)
	return g.fail
}

func (g *got) Ordered(name string)          { g.order = name }
func (g *got) Extra(x snapshot.Extra) error { g.extras = append(g.extras, x); return nil }

func (g *got) Progress(done, _ int64) { g.progress = append(g.progress, done) }

// list prints a data set, one line for each entry.
func (d *data) list() string {
	var b strings.Builder
	for _, x := range d.extras {
		fmt.Fprintf(&b, "extra %d %x\n", x.Opcode, x.Payload)
	}
	for _, e := range d.entries {
		fmt.Fprintf(&b, "%d %s(%d) %q %x @%d\n", e.DB, rdb.TypeName(e.Type), e.Type, e.Key, e.Value, e.ExpireAtMs)
	}
	return b.String()
}

// decode reads a whole dump of known size.
func decode(p []byte, opts ...rdb.Option) (*got, int64, error) {
	g := new(got)
	n, err := rdb.Decode(context.Background(), bytes.NewReader(p), int64(len(p)), g, opts...)
	return g, n, err
}

func mustDecode(t *testing.T, p []byte, opts ...rdb.Option) *got {
	t.Helper()
	g, n, err := decode(p, opts...)
	if err != nil {
		t.Fatal(err)
	}
	if n != int64(len(p)) {
		t.Fatalf("Decode = %d bytes, want %d", n, len(p))
	}
	return g
}

func mustEncode(t testing.TB, v snapshot.View, opts ...rdb.Option) []byte {
	t.Helper()
	var b bytes.Buffer
	info, err := rdb.Encode(context.Background(), &b, v, opts...)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size != int64(b.Len()) {
		t.Fatalf("Encode: Size = %d, want %d", info.Size, b.Len())
	}
	return b.Bytes()
}

func str(db int, key, value string, expireAtMs int64) snapshot.Entry {
	return snapshot.Entry{DB: db, Key: []byte(key), Value: []byte(value), ExpireAtMs: expireAtMs}
}

// file returns a dump with a magic and records in hex, and with its end record and checksum.
func file(magic string, records ...string) []byte {
	p := append([]byte(magic), unhex(strings.Join(records, ""))...)
	p = append(p, 0xff)
	sum := crc64.Checksum(p)
	for range 8 {
		p = append(p, byte(sum))
		sum >>= 8
	}
	return p
}

func unhex(s string) []byte {
	p, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return p
}
