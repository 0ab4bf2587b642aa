package rdb_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// read returns a Reader of p that knows the size.
func read(t testing.TB, p []byte, opts ...rdb.Option) *rdb.Reader {
	t.Helper()
	r, err := rdb.NewReader(bytes.NewReader(p), int64(len(p)), opts...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// entries returns copies of all that r yields.
func entries(r *rdb.Reader) (all []*rdb.Entry, err error) {
	for e, err := range r.Entries(context.Background()) {
		if err != nil {
			return all, err
		}
		all = append(all, e.Clone())
	}
	return all, nil
}

// names returns the keys that a dump yields with opts.
func names(t *testing.T, p []byte, opts ...rdb.Option) string {
	t.Helper()
	all, err := entries(read(t, p, opts...))
	if err != nil {
		t.Error(err)
	}
	var keys []string
	for _, e := range all {
		keys = append(keys, string(e.Key))
	}
	return strings.Join(keys, " ")
}

// TestReader reads everything that an entry says.
func TestReader(t *testing.T) {
	p := file("REDIS0014", "fa 0161 0162", "fe02", "fc 0500000000000000 f8 43e8 f3 01 00000001 0205 00 00016b0176",
		"f9 07 01016c 01 0161", "10016d c0 05")
	p = p[:len(p)-9-5] // without the last key, which is for another test
	p = append(append(p, 0xff), 0, 0, 0, 0, 0, 0, 0, 0)
	r := read(t, p)
	all, err := entries(r)
	if err != nil || len(all) != 2 {
		t.Fatal(len(all), err)
	}
	k, l := all[0], all[1]
	if string(k.Key) != "k" || string(k.Value) != "v" || k.DB != 2 || k.ExpireAtMs != 5 || k.Type != 0 {
		t.Errorf("%+v", k)
	}
	if k.Usage != (rdb.Usage{HasIdle: true, Idle: 1000}) || !bytes.Equal(k.Meta, unhex("0100000001020500")) {
		t.Errorf("%+v %x", k.Usage, k.Meta)
	}
	if k.Offset != 9+5+2 || k.ValueOffset != k.Offset+9+3+9+3 || k.Size != 26 {
		t.Errorf("at %d, value at %d, %d bytes", k.Offset, k.ValueOffset, k.Size)
	}
	if l.Usage != (rdb.Usage{HasFreq: true, Freq: 7}) || l.Meta != nil || l.ExpireAtMs != 0 || l.DB != 2 ||
		l.Offset != k.Offset+k.Size || l.Size != 8 || !bytes.Equal(p[l.ValueOffset:l.ValueOffset+3], l.Value) {
		t.Errorf("%+v", l)
	}
	if v, err := l.Decode(); err != nil || print(v) != `list "a"` {
		t.Error(v, err)
	}
	if r.Offset() != int64(len(p)) {
		t.Errorf("%d bytes of %d", r.Offset(), len(p))
	}
}

// TestRecordsOfAReader reads what belongs to no key.
func TestRecordsOfAReader(t *testing.T) {
	long := strings.Repeat("x", 300)
	p := append(file("REDIS0013", "fa0161", fmt.Sprintf("412c%x", long), "f50166", "f7 05 02 02 05 0161 00", "fe01 fb0302 f4 05 06 07"),
		"rest"...)
	r := read(t, p)
	var got []string
	for rec, err := range r.Records(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		switch rec := rec.(type) {
		case *rdb.Extra:
			source, isFunction := rec.Function()
			m, isModule := rec.Module()
			got = append(got, fmt.Sprintf("%d at %d %q %v %v", rec.Opcode, rec.Offset, source, isFunction, isModule))
			if isModule {
				got = append(got, print(m))
			}
		default:
			got = append(got, fmt.Sprintf("%+v", rec))
		}
	}
	same(t, "records", got, []string{
		"&{Name:a Value:" + long + "}", `245 at 314 "f" true false`, `247 at 317 "" false true`, "module AAAAAAAAA 5 uint64 2 []uint8 [97]",
		"&{Count:{DB:1 Keys:3 Expires:2}}", "&{Slot:5 Keys:6 Expires:7}",
	})
	h, err := r.Header(context.Background())
	if err != nil || h.Version != "RDB 13" || !h.Checksum || len(h.Aux) != 1 || len(h.Aux[0].Value) != 256 {
		t.Errorf("%+v, %v", h, err)
	}
	p = file("VALKEY080", "f3 016a 02 01 02 43e8 43e9")
	for rec, err := range read(t, p).Records(context.Background()) {
		if s, ok := rec.(*rdb.SlotImport); err != nil || !ok || string(s.Job) != "j" || fmt.Sprint(s.Ranges) != "[{1 2} {1000 1001}]" {
			t.Error(rec, err)
		}
	}
}

// everyShape is a dump with a key of each type and encoding, and strings of each between them.
func everyShape(magic string, valkey bool) []byte {
	var records []string
	for i, s := range shapes() {
		if s.kind.IsValkey() != valkey && s.kind > 21 {
			continue
		}
		records = append(records, fmt.Sprintf("%02x%x%x", s.kind.RDB(), plainString([]byte(fmt.Sprintf("%s:%d", rdb.TypeName(s.kind), i))), s.payload))
		records = append(records, fmt.Sprintf("00 %x %x", strs("string:"+fmt.Sprint(i)), lzfString([]byte("text"))),
			fmt.Sprintf("00 %x c0ff", strs("int8:"+fmt.Sprint(i))), fmt.Sprintf("00 %x c1ffff", strs("int16:"+fmt.Sprint(i))),
			fmt.Sprintf("00 %x c2ffff0000", strs("int32:"+fmt.Sprint(i))))
	}
	return file(magic, records...)
}

// TestSkip passes over values of every type: what is behind them must be found, and the checksum
// still be compared.
func TestSkip(t *testing.T) {
	files := map[string][]byte{"every type": everyShape("REDIS0014", false), "Valkey's types": everyShape("VALKEY080", true)}
	for name, p := range files {
		all, err := entries(read(t, p))
		if err != nil || len(all) < 25*5/2 {
			t.Fatal(name, len(all), err)
		}
		loose, err := entries(read(t, p, rdb.Validate(false)))
		if !slices.EqualFunc(loose, all, func(a, b *rdb.Entry) bool { return a.Offset == b.Offset && bytes.Equal(a.Value, b.Value) }) {
			t.Errorf("%s: structure alone gives other values, %v", name, err)
		}
		for _, want := range all {
			for _, size := range []int64{int64(len(p)), -1} {
				r, err := rdb.NewReader(iotest.HalfReader(bytes.NewReader(p)), size, rdb.Where(func(e *rdb.Entry) bool {
					if e.Value != nil || e.Size != 0 {
						t.Errorf("%q has a value already", e.Key)
					}
					return bytes.Equal(e.Key, want.Key)
				}))
				if err != nil {
					t.Fatal(err)
				}
				got, err := entries(r)
				if err != nil || len(got) != 1 || got[0].Offset != want.Offset || !bytes.Equal(got[0].Value, want.Value) {
					t.Fatalf("%s: looking for %q: %d found, %v", name, want.Key, len(got), err)
				}
			}
		}
		p[len(p)-1] ^= 1
		if _, err := entries(read(t, p, rdb.Databases(1))); !errors.Is(err, corrupt.ErrCorrupt) {
			t.Errorf("%s: the checksum is not compared: %v", name, err)
		}
	}
	for name, p := range corpusFiles(t) {
		if _, damaged := damagedCorpus[name]; damaged {
			continue
		}
		if keys := names(t, p, rdb.Databases(99)); keys != "" {
			t.Errorf("%s: %s", name, keys)
		}
	}
}

// TestSkipHolds passes over values of many megabytes without taking memory for them, whatever is
// in there.
func TestSkipHolds(t *testing.T) {
	const size = 64 << 20
	head := append([]byte("REDIS0009"), 0, 1, 'k', 0x80, size>>24, size>>16&255, 0, 0)
	huge := unhex("01016c 01 c3 05 8040000000 0061e0ff00") // a string of a GiB, when decompressed
	tail := append(huge, 0, 1, 'l', 1, 'v', 0xff, 0, 0, 0, 0, 0, 0, 0, 0)
	src := io.MultiReader(bytes.NewReader(head), io.LimitReader(zeros{}, size), bytes.NewReader(tail))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r, err := rdb.NewReader(src, -1, rdb.Keys("l"), rdb.Types("string"))
	if err != nil {
		t.Fatal(err)
	}
	all, err := entries(r)
	runtime.ReadMemStats(&after)
	if err != nil || len(all) != 1 || string(all[0].Value) != "v" {
		t.Error(len(all), err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("%d bytes allocated", n)
	}
}

// zeros gives zeros for ever.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// TestFilters chooses keys in every way.
func TestFilters(t *testing.T) {
	p := file("REDIS0011", "0003613a310131", "0003623a310132", "02016c 01 0161", "fe03", "0003613a320133", "14 016d", fmt.Sprintf("%x", plainString(listpackOf("a"))),
		"10 016e", fmt.Sprintf("%x", plainString(listpackOf("a", "b"))))
	for _, c := range []struct {
		opts []rdb.Option
		want string
	}{
		{nil, "a:1 b:1 l a:2 m n"},
		{[]rdb.Option{rdb.Databases(3)}, "a:2 m n"},
		{[]rdb.Option{rdb.Databases(0), rdb.Databases(3, 4)}, "a:1 b:1 l a:2 m n"},
		{[]rdb.Option{rdb.Databases()}, "a:1 b:1 l a:2 m n"},
		{[]rdb.Option{rdb.Keys("a:*")}, "a:1 a:2"},
		{[]rdb.Option{rdb.Keys("[lm]"), rdb.Keys("?:1")}, "a:1 b:1 l m"},
		{[]rdb.Option{rdb.Types("set")}, "l m"},
		{[]rdb.Option{rdb.Types("string", "hash")}, "a:1 b:1 a:2 n"},
		{[]rdb.Option{rdb.Types("set"), rdb.Databases(3), rdb.Keys("*")}, "m"},
		{[]rdb.Option{rdb.Where(func(e *rdb.Entry) bool { return e.DB == 0 }), rdb.Types("string")}, "a:1 b:1"},
	} {
		if got := names(t, p, c.opts...); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
	for _, o := range []rdb.Option{{}, rdb.Databases(-1), rdb.Types("zet"), rdb.Where(nil), rdb.Version(9)} {
		if _, err := rdb.NewReader(bytes.NewReader(p), -1, o); !errors.Is(err, rdb.ErrOption) {
			t.Error(err)
		}
	}
	if _, _, err := decode(p, rdb.Databases(0)); !errors.Is(err, rdb.ErrOption) {
		t.Error("a store's load takes a filter", err)
	}
}

// TestReaderGoesOn leaves loops in the middle, asks for the header in between, and meets an error twice.
func TestReaderGoesOn(t *testing.T) {
	p := mustEncode(t, someData(50))
	want, err := entries(read(t, p))
	if err != nil || len(want) != 50 {
		t.Fatal(len(want), err)
	}
	r := read(t, p)
	h, err := r.Header(context.Background())
	if err != nil || h.Version != "RDB 9" || h.Server == "" || h.Checksum {
		t.Errorf("%+v, %v", h, err)
	}
	var got []*rdb.Entry
	for len(got) < len(want) {
		for e, err := range r.Entries(context.Background()) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, e.Clone())
			if len(got)%7 == 0 {
				break
			}
		}
	}
	for i, e := range got {
		if e.Offset != want[i].Offset || !bytes.Equal(e.Value, want[i].Value) {
			t.Fatalf("entry %d is another", i)
		}
	}
	if more, err := entries(r); len(more) > 0 || err != nil {
		t.Error(len(more), err)
	}
	if h, err := r.Header(context.Background()); err != nil || !h.Checksum {
		t.Error(h, err)
	}

	r = read(t, p[:len(p)/2])
	_, first := entries(r)
	_, second := entries(r)
	if h, err := r.Header(context.Background()); !errors.Is(first, corrupt.ErrTorn) || first != second || err != first || h.Version == "" {
		t.Error(first, second, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, err := range read(t, p).Entries(ctx) {
		if err != context.Canceled {
			t.Error(err)
		}
	}
}

// TestOpenReader reads a file, and names it in errors.
func TestOpenReader(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dump.rdb")
	if _, err := rdb.OpenReader(path); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	p := file("REDIS0009", "00016b0176", "02016c 02 0161 0161")
	if err := os.WriteFile(path, p, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := rdb.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	all, err := entries(r)
	var bad *rdb.CorruptError
	if len(all) != 1 || !errors.As(err, &bad) || bad.File != path || bad.Offset != 20 {
		t.Error(len(all), err)
	}
	if err := errors.Join(r.Close(), r.Close()); err != nil {
		t.Error(err)
	}
	if _, err := rdb.OpenReader(path, rdb.Version(9)); !errors.Is(err, rdb.ErrOption) {
		t.Error(err)
	}
	// What a value is damaged by is found where it stands in the file.
	r, err = rdb.OpenReader(path, rdb.Validate(false))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for e, err := range r.Entries(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Decode(); e.Type == 2 && (!errors.As(err, &bad) || bad.Offset != 20 || bad.File != path) {
			t.Error(err)
		}
	}
	r.Close()
	if _, err := entries(r); err != nil {
		t.Error(err)
	}
}

// TestReaderAllocates nothing for an entry, read or passed over.
func TestReaderAllocates(t *testing.T) {
	for _, opts := range [][]rdb.Option{nil, {rdb.Keys("key:a*")}} {
		allocations := func(n int) float64 {
			p := mustEncode(t, someData(n))
			return testing.AllocsPerRun(5, func() {
				for _, err := range read(t, p, opts...).Entries(context.Background()) {
					if err != nil {
						t.Fatal(err)
					}
				}
			})
		}
		few, many := allocations(500), allocations(20_000)
		if many > few+5 {
			t.Errorf("%v allocations for 500 entries, %v for 20000", few, many)
		}
	}
}

// TestReaderIsDecode gives the same as Decode of every dump of others.
func TestReaderIsDecode(t *testing.T) {
	for name, p := range corpusFiles(t) {
		loaded, _, loadErr := decode(p)
		all, err := entries(read(t, p))
		if fmt.Sprint(err) != fmt.Sprint(loadErr) {
			t.Errorf("%s: %v, Decode says %v", name, err, loadErr)
		}
		if !slices.EqualFunc(all, loaded.entries, func(a *rdb.Entry, b snapshot.Entry) bool {
			return a.DB == b.DB && a.Type == b.Type && a.ExpireAtMs == b.ExpireAtMs && bytes.Equal(a.Key, b.Key) && bytes.Equal(a.Value, b.Value)
		}) {
			t.Errorf("%s: other entries", name)
		}
	}
}
