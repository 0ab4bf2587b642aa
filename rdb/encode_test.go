package rdb_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

func appendInt(dst []byte, n int) []byte { return strconv.AppendInt(dst, int64(n), 10) }

// TestStringEncodings encodes one value each and compares its bytes.
func TestStringEncodings(t *testing.T) {
	for _, c := range []struct{ value, want string }{
		{"", "00"},
		{"0", "c000"},
		{"-1", "c0ff"},
		{"127", "c07f"},
		{"-128", "c080"},
		{"128", "c18000"},
		{"-32768", "c10080"},
		{"32768", "c200800000"},
		{"2147483647", "c2ffffff7f"},
		{"-2147483648", "c200000080"},
		{"2147483648", "0a32313437343833363438"},
		{"00", "023030"}, {"-0", "022d30"}, {"+1", "022b31"}, {"01", "023031"}, {"-", "012d"}, {" 1", "022031"}, {"1 ", "023120"},
		{strings.Repeat("a", 20), "14" + strings.Repeat("61", 20)},
		{strings.Repeat("a", 21), "c3 05 15 0061 e00b00"},
		{strings.Repeat("a", 100), "c3 05 4064 0061 e05a00"},
		{"abcdefghijklmnopqrstuvwxyz", "1a" + "6162636465666768696a6b6c6d6e6f707172737475767778797a"},
	} {
		p := mustEncode(t, &data{entries: []snapshot.Entry{str(0, "k", c.value, 0)}})
		if !bytes.Contains(p, append(unhex("fe00fb010000016b"), append(unhex(c.want), 0xff)...)) {
			t.Errorf("Encode(%q) = %x, want a value of %s", c.value, p, c.want)
		}
	}
}

// TestLengths encodes lengths at the limits of the length encodings.
func TestLengths(t *testing.T) {
	for _, size := range []int{0, 1, 63, 64, 65, 16383, 16384, 70_000, 300_000} {
		value := strings.Repeat("\x00\xff", size)[:size]
		for _, compress := range []bool{true, false} {
			want := data{entries: []snapshot.Entry{str(0, value, value, 0)}}
			if g := mustDecode(t, mustEncode(t, &want, rdb.Compression(compress))); g.list() != want.list() {
				t.Errorf("%d bytes, compression %v: Decode differs, want the value", size, compress)
			}
		}
	}
}

// TestLayout encodes entries that return to an earlier database, and extreme expiries.
func TestLayout(t *testing.T) {
	want := data{
		entries: []snapshot.Entry{
			str(3, "a", "1", 0), str(3, "b", "2", 5), str(0, "c", "3", -7), str(3, "d", "4", math.MaxInt64), str(70, "e", "5", 1),
		},
		extras: []snapshot.Extra{{Opcode: 245, Payload: unhex("03616263")}, {Opcode: 247, Payload: unhex("05 02 02 01 07 00")},
			{Opcode: 247, Payload: unhex("06 02 01 00")}},
	}
	p := mustEncode(t, &want, rdb.Checksum(false))
	if !bytes.HasSuffix(p, unhex("f7 05 02 02 01 07 00 ff 00 00 00 00 00 00 00 00")) {
		t.Errorf("dump = %x, want module data after the keys, and no checksum", p)
	}
	if n := bytes.Count(p, unhex("fe03")); n != 2 {
		t.Errorf("dump selects database 3 %d times, want 2", n)
	}
	g := mustDecode(t, p)
	want.extras[1], want.extras[2] = want.extras[2], want.extras[1] // in the order of the file
	if g.list() != want.list() {
		t.Errorf("got\n%swant\n%s", g.list(), want.list())
	}
	if len(g.hints) != 3 || g.hints[0] != (snapshot.Count{DB: 3, Keys: 3, Expires: 2}) {
		t.Errorf("Expect calls = %v, want 3, first for database 3 with 3 keys", g.hints)
	}
}

// TestExpiryMinusOne encodes the expiry -1, which means no expiry in a dump.
func TestExpiryMinusOne(t *testing.T) {
	g := mustDecode(t, mustEncode(t, &data{entries: []snapshot.Entry{str(0, "k", "v", -1)}}))
	if g.entries[0].ExpireAtMs != -2 {
		t.Errorf("expiry -1 was decoded as %d, want -2", g.entries[0].ExpireAtMs)
	}
}

func TestVersions(t *testing.T) {
	const valkeyHash = snapshot.Valkey | 22
	for _, c := range []struct {
		name  string
		types []snapshot.Type
		asked int
		magic string // "" if Encode must fail
	}{
		{"strings", nil, 0, "REDIS0009"},
		{"strings, asked", nil, 11, "REDIS0011"},
		{"old types", []snapshot.Type{1, 5, 7, 9, 14, 15}, 9, "REDIS0009"},
		{"7.0", []snapshot.Type{16, 17, 18, 19}, 0, "REDIS0010"},
		{"7.0 in 9", []snapshot.Type{16, 17, 18, 20}, 9, "REDIS0009"},
		{"streams of 7.0 in 9", []snapshot.Type{19}, 9, ""},
		{"7.2", []snapshot.Type{1, 20, 16}, 0, "REDIS0011"},
		{"7.2 in 10", []snapshot.Type{21}, 10, ""},
		{"7.4", []snapshot.Type{24}, 0, "REDIS0012"},
		{"7.4 in 11", []snapshot.Type{25}, 11, ""},
		{"8.6", []snapshot.Type{26}, 0, "REDIS0013"},
		{"8.8", []snapshot.Type{28}, 0, "REDIS0014"},
		{"Valkey", []snapshot.Type{valkeyHash, 20}, 0, "VALKEY080"},
		{"Valkey in 11", []snapshot.Type{valkeyHash}, 11, ""},
		{"both", []snapshot.Type{valkeyHash, 24}, 0, ""},
		{"unknown", []snapshot.Type{40}, 0, ""},
		{"before modules were readable", []snapshot.Type{6}, 0, ""},
	} {
		v := typed{types: c.types}
		var b bytes.Buffer
		_, err := rdb.Encode(context.Background(), &b, &v, rdb.Version(c.asked))
		if (err == nil) != (c.magic != "") || !strings.HasPrefix(b.String(), c.magic) || err != nil && b.Len() != 0 {
			t.Errorf("%s: Encode = %q, %v, want %q", c.name, b.String()[:min(b.Len(), 9)], err, c.magic)
		}
	}
	v := data{entries: []snapshot.Entry{{Key: []byte("k"), Type: 20, Value: unhex("07 070000000000ff")}}}
	if _, err := rdb.Encode(context.Background(), new(bytes.Buffer), &typed{data: v}); !errors.Is(err, rdb.ErrUnsupported) {
		t.Errorf("Encode of a type that Types omits = %v, want ErrUnsupported", err)
	}
}

// typed is a View with a separate list of types.
type typed struct {
	data
	types []snapshot.Type
}

func (t *typed) Types() []snapshot.Type { return t.types }

func TestOptions(t *testing.T) {
	for _, o := range []rdb.Option{{}, rdb.Version(8), rdb.Version(15), rdb.Version(79), rdb.Version(81), rdb.Filename("x"), rdb.MaxValue(5), rdb.HeaderTo(nil)} {
		if _, err := rdb.Encode(context.Background(), new(bytes.Buffer), new(data), o); !errors.Is(err, rdb.ErrOption) {
			t.Errorf("Encode = %v, want ErrOption", err)
		}
	}
	for _, o := range []rdb.Option{{}, rdb.Version(9), rdb.Compression(true), rdb.MaxValue(0), rdb.MaxValue(math.MaxInt64), rdb.HeaderTo(nil)} {
		if _, _, err := decode(unhex(goldenEmpty), o); !errors.Is(err, rdb.ErrOption) {
			t.Errorf("Decode = %v, want ErrOption", err)
		}
	}
}

func TestEncodeFails(t *testing.T) {
	boom := errors.New("boom")
	if _, err := rdb.Encode(context.Background(), new(bytes.Buffer), &data{fail: boom}); !errors.Is(err, boom) {
		t.Errorf("Encode = %v, want the error of the view", err)
	}
	big := &data{entries: []snapshot.Entry{str(0, "k", strings.Repeat("0", 3<<20), 0)}}
	for _, left := range []int{0, 5, 300_000, 3<<20 + 70} {
		if _, err := rdb.Encode(context.Background(), &full{left, boom}, big, rdb.Compression(false)); !errors.Is(err, boom) {
			t.Errorf("writer fails after %d bytes: Encode = %v, want boom", left, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := rdb.Encode(ctx, new(bytes.Buffer), big); !errors.Is(err, context.Canceled) {
		t.Errorf("Encode with a canceled context = %v, want context.Canceled", err)
	}
}

// full is a writer that accepts a number of bytes and then fails.
type full struct {
	left int
	err  error
}

func (f *full) Write(p []byte) (int, error) {
	if len(p) > f.left {
		return f.left, f.err
	}
	f.left -= len(p)
	return len(p), nil
}

// TestOldVersionHasPlainTypes encodes packed collections in a version that lacks their types.
func TestOldVersionHasPlainTypes(t *testing.T) {
	for _, s := range shapes() {
		if s.kind != 16 && s.kind != 17 && s.kind != 18 && s.kind != 20 {
			continue
		}
		v := &typed{data{entries: []snapshot.Entry{{Key: []byte("k"), Type: s.kind, Value: s.payload}}}, []snapshot.Type{s.kind}}
		e := mustDecode(t, mustEncode(t, v, rdb.Version(9))).entries[0]
		if e.Type == s.kind {
			t.Errorf("%s: type %d in version 9, want an older one", s.name, e.Type)
		}
		value, err := rdb.DecodeValue(e.Type, e.Value)
		if err != nil {
			t.Fatalf("%s: DecodeValue = %v, want nil", s.name, err)
		}
		if got := pairs(s.want, print(value)); got != s.want {
			t.Errorf("%s: value in version 9 =\n%s, want\n%s", s.name, got, s.want)
		}
	}
}

// TestFunctionsNeedVersion10 checks that a dump with a function library is not written in a version
// that does not support it.
func TestFunctionsNeedVersion10(t *testing.T) {
	d := &data{entries: []snapshot.Entry{str(0, "k", "v", 0)}, extras: []snapshot.Extra{rdb.NewFunction([]byte("#!lua name=l")).Extra}}
	if p := mustEncode(t, d); !bytes.HasPrefix(p, []byte("REDIS0010")) {
		t.Errorf("header = %s, want REDIS0010", p[:9])
	}
	if _, err := rdb.Encode(context.Background(), new(bytes.Buffer), d, rdb.Version(9)); !errors.Is(err, rdb.ErrOption) {
		t.Errorf("Encode in version 9 = %v, want ErrOption", err)
	}
	w, err := rdb.NewWriter(new(bytes.Buffer))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(rdb.NewFunction([]byte("x"))); !errors.Is(err, rdb.ErrUnsupported) || !strings.Contains(err.Error(), "function library") {
		t.Errorf("Write of a function library = %v, want ErrUnsupported", err)
	}
}

// TestIncompressibleValues encodes random values. After them, only some short values are
// compressed. Compression resumes after a value that shrinks. Long values are always compressed.
func TestIncompressibleValues(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	random := func(n int) []byte {
		p := make([]byte, n)
		for i := range p {
			p[i] = byte(rng.Uint32())
		}
		return p
	}
	short, long := bytes.Repeat([]byte("ab"), 50), bytes.Repeat([]byte("ab"), 600)
	d := &data{}
	add := func(n int, value func() []byte) {
		for range n {
			key := []byte("key" + strconv.Itoa(len(d.entries)))
			d.entries = append(d.entries, snapshot.Entry{Key: key, Value: value()})
		}
	}
	add(1000, func() []byte { return random(64) })
	add(1, func() []byte { return long })
	add(100, func() []byte { return short })
	add(63, func() []byte { return random(64) })
	add(1, func() []byte { return short })
	dump := mustEncode(t, d)
	plain := bytes.Count(dump, short)
	if plain > 7 {
		t.Errorf("%d of 101 compressible values are not compressed, want at most 7", plain)
	}
	if bytes.Contains(dump, long) {
		t.Error("dump contains a long value uncompressed, want it compressed")
	}
	for i, e := range mustDecode(t, dump).entries {
		if want := d.entries[i]; !bytes.Equal(e.Key, want.Key) || !bytes.Equal(e.Value, want.Value) {
			t.Fatalf("entry %d = %q, %d bytes, want %q, %d bytes",
				i, e.Key, len(e.Value), want.Key, len(want.Value))
		}
	}
}
