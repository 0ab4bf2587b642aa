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

// read returns a Reader of p with its size.
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

// TestReader compares all fields of entries.
func TestReader(t *testing.T) {
	p := file("REDIS0014", "fa 0161 0162", "fe02", "fc 0500000000000000 f8 43e8 f3 01 00000001 0205 00 00016b0176",
		"f9 07 01016c 01 0161", "10016d c0 05")
	p = p[:len(p)-9-5] // without the last key
	p = append(append(p, 0xff), 0, 0, 0, 0, 0, 0, 0, 0)
	r := read(t, p)
	all, err := entries(r)
	if err != nil || len(all) != 2 {
		t.Fatalf("%d entries, %v, want 2", len(all), err)
	}
	k, l := all[0], all[1]
	if string(k.Key) != "k" || string(k.Value) != "v" || k.DB != 2 || k.ExpireAtMs != 5 || k.Type != 0 {
		t.Errorf("first entry = %+v, want k = v in database 2 with expiry 5", k)
	}
	if k.Usage != (rdb.Usage{HasIdle: true, Idle: 1000}) || !bytes.Equal(k.Meta, unhex("0100000001020500")) {
		t.Errorf("Usage = %+v, Meta = %x, want Idle 1000 and the metadata", k.Usage, k.Meta)
	}
	if k.Offset != 9+5+2 || k.ValueOffset != k.Offset+9+3+9+3 || k.Size != 26 {
		t.Errorf("Offset = %d, ValueOffset = %d, Size = %d, want 16, 40, 26", k.Offset, k.ValueOffset, k.Size)
	}
	if l.Usage != (rdb.Usage{HasFreq: true, Freq: 7}) || l.Meta != nil || l.ExpireAtMs != 0 || l.DB != 2 ||
		l.Offset != k.Offset+k.Size || l.Size != 8 || !bytes.Equal(p[l.ValueOffset:l.ValueOffset+3], l.Value) {
		t.Errorf("second entry = %+v, want Freq 7 directly after the first", l)
	}
	if v, err := l.Decode(); err != nil || print(v) != `list "a"` {
		t.Errorf("Decode = %v, %v, want the list", v, err)
	}
	if r.Offset() != int64(len(p)) {
		t.Errorf("Offset() = %d, want %d", r.Offset(), len(p))
	}
}

// TestReaderRecords reads the records that belong to no key.
func TestReaderRecords(t *testing.T) {
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
		t.Errorf("Header = %+v, %v, want RDB 13 with a checksum and one aux field", h, err)
	}
	p = file("VALKEY080", "f3 016a 02 01 02 43e8 43e9")
	for rec, err := range read(t, p).Records(context.Background()) {
		if s, ok := rec.(*rdb.SlotImport); err != nil || !ok || string(s.Job) != "j" || fmt.Sprint(s.Ranges) != "[{1 2} {1000 1001}]" {
			t.Errorf("record = %v, %v, want the slot import", rec, err)
		}
	}
}

// everyShape returns a dump with a key of each type and encoding, and strings between them.
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

// TestSkip skips values of every type. The Reader must find the key after them, and must still
// compare the checksum.
func TestSkip(t *testing.T) {
	files := map[string][]byte{"every type": everyShape("REDIS0014", false), "Valkey's types": everyShape("VALKEY080", true)}
	for name, p := range files {
		all, err := entries(read(t, p))
		if err != nil || len(all) < 25*5/2 {
			t.Fatalf("%s: %d entries, %v, want at least 62", name, len(all), err)
		}
		loose, err := entries(read(t, p, rdb.Validate(false)))
		if !slices.EqualFunc(loose, all, func(a, b *rdb.Entry) bool { return a.Offset == b.Offset && bytes.Equal(a.Value, b.Value) }) {
			t.Errorf("%s: %d entries without validation, %v, want the %d with validation",
				name, len(loose), err, len(all))
		}
		for _, want := range all {
			for _, size := range []int64{int64(len(p)), -1} {
				r, err := rdb.NewReader(iotest.HalfReader(bytes.NewReader(p)), size, rdb.Where(func(e *rdb.Entry) bool {
					if e.Value != nil || e.Size != 0 {
						t.Errorf("Where(%q) got a value of %d bytes, want none", e.Key, e.Size)
					}
					return bytes.Equal(e.Key, want.Key)
				}))
				if err != nil {
					t.Fatal(err)
				}
				got, err := entries(r)
				if err != nil || len(got) != 1 || got[0].Offset != want.Offset || !bytes.Equal(got[0].Value, want.Value) {
					t.Fatalf("%s: found %d entries for %q, %v, want 1", name, len(got), want.Key, err)
				}
			}
		}
		p[len(p)-1] ^= 1
		if _, err := entries(read(t, p, rdb.Databases(1))); !errors.Is(err, corrupt.ErrCorrupt) {
			t.Errorf("%s: error = %v with a wrong checksum, want ErrCorrupt", name, err)
		}
	}
	for name, p := range corpusFiles(t) {
		if _, damaged := damagedCorpus[name]; damaged {
			continue
		}
		if keys := names(t, p, rdb.Databases(99)); keys != "" {
			t.Errorf("%s: keys in database 99 = %s, want none", name, keys)
		}
	}
}

// TestSkipBoundsMemory skips values of many megabytes without allocating memory for them.
func TestSkipBoundsMemory(t *testing.T) {
	const size = 64 << 20
	head := append([]byte("REDIS0009"), 0, 1, 'k', 0x80, size>>24, size>>16&255, 0, 0)
	huge := unhex("01016c 01 c3 05 8040000000 0061e0ff00") // a string of 1 GiB after decompression
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
		t.Errorf("%d entries, %v, want 1", len(all), err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("skipping allocated %d bytes, want at most %d", n, 1<<20)
	}
}

// zeros is an endless reader of zero bytes.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// TestFilters selects keys with every filter option.
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
			t.Errorf("keys = %s, want %s", got, c.want)
		}
	}
	for _, o := range []rdb.Option{{}, rdb.Databases(-1), rdb.Types("zet"), rdb.Where(nil), rdb.Version(9)} {
		if _, err := rdb.NewReader(bytes.NewReader(p), -1, o); !errors.Is(err, rdb.ErrOption) {
			t.Errorf("NewReader = %v, want ErrOption", err)
		}
	}
	if _, _, err := decode(p, rdb.Databases(0)); !errors.Is(err, rdb.ErrOption) {
		t.Errorf("Decode with a filter = %v, want ErrOption", err)
	}
}

// TestReaderContinuesAfterBreak breaks loops over entries and continues them, reads the header in
// between, and gets an equal error twice.
func TestReaderContinuesAfterBreak(t *testing.T) {
	p := mustEncode(t, someData(50))
	want, err := entries(read(t, p))
	if err != nil || len(want) != 50 {
		t.Fatalf("%d entries, %v, want 50", len(want), err)
	}
	r := read(t, p)
	h, err := r.Header(context.Background())
	if err != nil || h.Version != "RDB 9" || h.Server == "" || h.Checksum {
		t.Errorf("Header before the end = %+v, %v, want RDB 9 with a server and no checksum", h, err)
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
			t.Fatalf("entry %d = offset %d, %d bytes, want offset %d, %d bytes",
				i, e.Offset, len(e.Value), want[i].Offset, len(want[i].Value))
		}
	}
	if more, err := entries(r); len(more) > 0 || err != nil {
		t.Errorf("%d entries after the end, %v, want none", len(more), err)
	}
	if h, err := r.Header(context.Background()); err != nil || !h.Checksum {
		t.Errorf("Header after the end = %+v, %v, want a checksum", h, err)
	}

	r = read(t, p[:len(p)/2])
	_, first := entries(r)
	_, second := entries(r)
	if h, err := r.Header(context.Background()); !errors.Is(first, corrupt.ErrTorn) || first != second || err != first || h.Version == "" {
		t.Errorf("errors = %v, %v, Header error = %v, want equal ErrTorn", first, second, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, err := range read(t, p).Entries(ctx) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Entries = %v, want context.Canceled", err)
		}
	}
}

// TestOpenReader reads a file, and checks that errors contain its path.
func TestOpenReader(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dump.rdb")
	if _, err := rdb.OpenReader(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("OpenReader of a missing file = %v, want ErrNotExist", err)
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
		t.Errorf("%d entries, %v, want 1 and damage at offset 20", len(all), err)
	}
	if err := errors.Join(r.Close(), r.Close()); err != nil {
		t.Errorf("Close twice = %v, want nil", err)
	}
	if _, err := rdb.OpenReader(path, rdb.Version(9)); !errors.Is(err, rdb.ErrOption) {
		t.Errorf("OpenReader with Version = %v, want ErrOption", err)
	}
	// Damage in a value is reported with its offset in the file.
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
			t.Errorf("Decode = %v, want damage at offset 20 of %s", err, path)
		}
	}
	r.Close()
	if _, err := entries(r); err != nil {
		t.Error(err)
	}
}

// TestReaderDoesNotAllocate compares the allocations for a short and a long dump, with entries that
// are read or skipped.
func TestReaderDoesNotAllocate(t *testing.T) {
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
			t.Errorf("%v allocations for 20000 entries, want %v as for 500", many, few)
		}
	}
}

// TestReaderMatchesDecode compares Reader and Decode for every dump of the corpus.
func TestReaderMatchesDecode(t *testing.T) {
	for name, p := range corpusFiles(t) {
		loaded, _, loadErr := decode(p)
		all, err := entries(read(t, p))
		if fmt.Sprint(err) != fmt.Sprint(loadErr) {
			t.Errorf("%s: Entries = %v, want %v as from Decode", name, err, loadErr)
		}
		if !slices.EqualFunc(all, loaded.entries, func(a *rdb.Entry, b snapshot.Entry) bool {
			return a.DB == b.DB && a.Type == b.Type && a.ExpireAtMs == b.ExpireAtMs && bytes.Equal(a.Key, b.Key) && bytes.Equal(a.Value, b.Value)
		}) {
			t.Errorf("%s: entries differ, want those of Decode", name)
		}
	}
}
