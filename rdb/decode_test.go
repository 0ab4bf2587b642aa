package rdb_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// The golden files: redis-server 7.0.15 loaded both.
const (
	goldenEmpty = "524544495330303039ff9aac7abcfb0fad74"
	goldenThree = "52 45 44 49 53 30 30 30 39 fe 00 fb 03 01 00 03 66 6f 6f 03 62 61 72 " +
		"fc 00 d8 c3 2c bb 03 00 00 00 01 6e c0 0a 00 01 7a c3 05 40 64 00 61 e0 5a 00 ff " +
		"03 59 ed 59 7e 69 e2 c2"
)

func TestGolden(t *testing.T) {
	if g := mustDecode(t, unhex(goldenEmpty)); len(g.entries) != 0 {
		t.Errorf("empty dump: got\n%s, want no entries", g.list())
	}
	g := mustDecode(t, unhex(goldenThree))
	want := data{entries: []snapshot.Entry{
		str(0, "foo", "bar", 0), str(0, "n", "10", 4102444800000), str(0, "z", strings.Repeat("a", 100), 0),
	}}
	if g.list() != want.list() {
		t.Errorf("got\n%swant\n%s", g.list(), want.list())
	}
	if len(g.hints) != 1 || g.hints[0] != (snapshot.Count{Keys: 3, Expires: 1}) {
		t.Errorf("Expect calls = %v, want 3 keys, 1 with an expiry", g.hints)
	}
}

// TestRecords decodes one record each, and compares the entry after it.
func TestRecords(t *testing.T) {
	const k = "00016b0176" // k = "v"
	for _, c := range []struct {
		name, magic, records, want string
	}{
		{"only a key", "REDIS0001", k, `0 string(0) "k" 76 @0`},
		{"seconds", "REDIS0003", "fd01000000" + k, `0 string(0) "k" 76 @1000`},
		{"seconds before 1970", "REDIS0003", "fdffffffff" + k, `0 string(0) "k" 76 @-1000`},
		{"no second", "REDIS0003", "fd00000000" + k, `0 string(0) "k" 76 @1`},
		{"milliseconds", "REDIS0009", "fc0203000000000000" + k, `0 string(0) "k" 76 @770`},
		{"no millisecond", "REDIS0009", "fc0000000000000000" + k, `0 string(0) "k" 76 @1`},
		{"no expiry", "REDIS0009", "fcffffffffffffffff" + k, `0 string(0) "k" 76 @0`},
		{"before 1970", "REDIS0009", "fcfeffffffffffffff" + k, `0 string(0) "k" 76 @-2`},
		{"the last expiry counts", "REDIS0009", "fd01000000fc0200000000000000" + k, `0 string(0) "k" 76 @2`},
		{"idle before", "REDIS0009", "f805fc0200000000000000" + k, `0 string(0) "k" 76 @2`},
		{"counter after", "REDIS0009", "fc0200000000000000f907" + k, `0 string(0) "k" 76 @2`},
		{"database", "REDIS0009", "fe4100" + k, `256 string(0) "k" 76 @0`},
		{"long lengths", "REDIS0009", "00 80000000016b 81000000000000000176", `0 string(0) "k" 76 @0`},
		{"aux between", "REDIS0009", "fa0178c001 fa016101" + "62" + k, `0 string(0) "k" 76 @0`},
		{"slot", "REDIS0012", "f4010203" + k, `0 string(0) "k" 76 @0`},
		{"slot import", "VALKEY080", "f3016a 02 0102 0304" + k, `0 string(0) "k" 76 @0`},
		{"integers", "REDIS0009", "00 c0ff c10080", `0 string(0) "-1" 2d3332373638 @0`},
		{"integer of 32 bits", "REDIS0009", "00016b c2ffffff7f", `0 string(0) "k" 32313437343833363437 @0`},
		{"empty", "REDIS0009", "000000", `0 string(0) ""  @0`},
		{"empty list", "REDIS0009", "01016b00", `0 list(1) "k" 00 @0`},
		{"hash with times, 7.4 candidate", "REDIS0012", "16016b 01 05 0166 0176", `0 hash(22) "k" 010501660176 @0`},
		{"hash with times, Valkey", "VALKEY080", "16016b 01 0166 0176 ffffffffffffffff",
			`0 hash(278) "k" 0101660176ffffffffffffffff @0`},
		{"old zset", "REDIS0001", "03016b 03 0161 01 33 0163 fe 0164 ff",
			`0 zset(3) "k" 03016101330163fe0164ff @0`},
		{"module", "REDIS0009", "07016b 810102030405060708 02 05 01 07 03 00000000 04 0000000000000000 05 0161 00",
			`0 module(7) "k" 81010203040506070802050107030000000004000000000000000005016100 @0`},
		{"array", "REDIS0014", "1c016b 03 01 09 00 00 0161 01 01 0000000000000000 02 03 0162",
			`0 array(28) "k" 030109000001610101000000000000000002030162 @0`},
	} {
		g, n, err := decode(file(c.magic, strings.ReplaceAll(c.records, " ", "")))
		if err != nil {
			t.Errorf("%s: Decode = %v, want nil", c.name, err)
			continue
		}
		size := int64(len(file(c.magic, strings.ReplaceAll(c.records, " ", ""))))
		if c.magic < "REDIS0005" {
			size -= 8 // no checksum; the bytes after the end do not belong to the dump
		}
		if list := strings.TrimSuffix(g.list(), "\n"); list != c.want || n != size {
			t.Errorf("%s: got %s, %d bytes, want %s, %d", c.name, list, n, c.want, size)
		}
	}
}

// TestDamaged decodes damaged records, the first at offset 9, and checks the offset in the error.
func TestDamaged(t *testing.T) {
	for _, c := range []struct {
		name, magic, records string
		offset               int64
	}{
		{"encoded length", "REDIS0009", "fec0", 10},
		{"length of no kind", "REDIS0009", "00 82", 10},
		{"string of no kind", "REDIS0009", "00 c4", 10},
		{"database number", "REDIS0009", "fe 810000000100000000", 9},
		{"LZF", "REDIS0009", "00016b c3 02 05 0061", 17},
		{"LZF too short", "REDIS0009", "00016b c3 04 05 0061 2001", 17},
		{"LZF within a list", "REDIS0009", "01016b 01 c3 02 05 0061", 18},
		{"list node of no kind", "REDIS0010", "12016b 01 03 00", 13},
		{"listpack, size", "REDIS0010", "10016b 07 06000000 0000 ff", 13},
		{"listpack, end", "REDIS0010", "10016b 07 07000000 0000 fe", 19},
		{"listpack, short", "REDIS0010", "10016b 01 07", 13},
		{"ziplist, tail", "REDIS0009", "0d016b 0b 0b000000 0b000000 0000 ff", 17},
		{"intset, width", "REDIS0009", "0b016b 08 0300000000000000", 13},
		{"intset, count", "REDIS0009", "0b016b 0a 0200000002000000 0100", 17},
		{"zipmap, end", "REDIS0009", "09016b 02 00fe", 14},
		{"module opcode", "REDIS0009", "07016b 01 06", 13},
		{"stream id", "REDIS0009", "0f016b 01 0161 07 070000000000ff", 13},
	} {
		_, _, err := decode(file(c.magic, strings.ReplaceAll(c.records, " ", "")))
		var bad *rdb.CorruptError
		if !errors.As(err, &bad) || !errors.Is(err, corrupt.ErrCorrupt) || bad.Offset != c.offset || bad.Torn {
			t.Errorf("%s: Decode error = %v, want damage at offset %d", c.name, err, c.offset)
		}
	}
}

// TestUnsupported decodes intact records that are not supported.
func TestUnsupported(t *testing.T) {
	for _, c := range []struct{ name, magic, records, what string }{
		{"envelope", "VKCS\x01\x01\x00\x00\x00", "", "VKCS"},
		{"version 0", "REDIS0000", "", "version 0"},
		{"Valkey before 80", "VALKEY079", "", "version 79"},
		{"old module", "REDIS0008", "06016b", "type 6"},
		{"old function", "REDIS0010", "f6", "246"},
		{"path hash", "VALKEY081", "17016b", "type or opcode 23"},
		{"Redis's hash in Valkey's file", "VALKEY080", "18016b", "type or opcode 24"},
		{"update", "VALKEY081", "f2", "242"},
		{"key metadata", "REDIS0013", "f3 01 00000001 0205 00 00016b0176", "243"},
		{"hash template", "REDIS0015", "f2", "template"},
		{"hash by template", "REDIS0015", "1e016b00", "template"},
		{"rate limiter", "REDIS0014", "21016b00", "rate limiter"},
		{"later type", "REDIS0042", "64016b", "100 of RDB 42"},
	} {
		_, _, err := decode(file(c.magic, c.records))
		if !errors.Is(err, rdb.ErrUnsupported) || errors.Is(err, corrupt.ErrCorrupt) || !strings.Contains(err.Error(), c.what) {
			t.Errorf("%s: Decode error = %v, want ErrUnsupported with %q", c.name, err, c.what)
		}
	}
	// A newer version without new records is supported.
	mustDecode(t, file("REDIS0099", "00016b0176"))
}

func TestMagic(t *testing.T) {
	for _, c := range []struct {
		file   string
		offset int64
		torn   bool
	}{
		{"", 0, true}, {"REDIS", 0, true}, {"REDIS000", 0, true}, {"RDIS00099", 0, false}, {"REDIS00x9", 7, false},
		{"VALKEYx80", 6, false}, {"*3\r\n$3\r\nSET", 0, false},
	} {
		_, _, err := decode([]byte(c.file))
		var bad *rdb.CorruptError
		if !errors.As(err, &bad) || bad.Offset != c.offset || bad.Torn != c.torn {
			t.Errorf("Decode(%q) = %v, want damage at offset %d, torn: %v", c.file, err, c.offset, c.torn)
		}
	}
}

func TestChecksum(t *testing.T) {
	p := unhex(goldenThree)
	for i := len(p) - 8; i < len(p); i++ {
		p[i] = 0
	}
	mustDecode(t, p) // zero means no checksum
	p[len(p)-1] = 1
	var bad *rdb.CorruptError
	if _, _, err := decode(p); !errors.As(err, &bad) || bad.Offset != int64(len(p)-8) {
		t.Errorf("Decode error = %v, want damage at the checksum", err)
	}
	mustDecode(t, p, rdb.Checksum(false))
}

// TestTrailing checks that Decode ignores the bytes after a dump.
func TestTrailing(t *testing.T) {
	p := unhex(goldenThree)
	_, n, err := decode(append(bytes.Clone(p), "*1\r\n$4\r\nPING\r\n"...))
	if err != nil || n != int64(len(p)) {
		t.Errorf("Decode = %d, %v, want %d", n, err, len(p))
	}
}

func TestHeader(t *testing.T) {
	want := data{entries: []snapshot.Entry{str(0, "k", "v", 0)}}
	p := mustEncode(t, &want, rdb.AOFBase(true), rdb.UsedMemory(12345))
	var h rdb.Header
	mustDecode(t, p, rdb.HeaderTo(&h))
	if h.Version != "RDB 9" || !h.Checksum || h.Server != "6.2.16" || h.Created.Unix() != 1_700_000_000 ||
		h.UsedMemory != 12345 || !h.AOFBase || len(h.Aux) != 5 {
		t.Errorf("header = %+v, want the version, server, time, and memory that were written", h)
	}
}

func TestMaxValue(t *testing.T) {
	long := strings.Repeat("x", 1000)
	for _, e := range []snapshot.Entry{
		str(0, "k", long, 0),
		str(0, long, "v", 0),
		{Type: 1, Key: []byte("k"), Value: append(unhex("0143e8"), long...)},
		{Type: 1, Key: []byte("k"), Value: bytes.Repeat(unhex("0141"), 501)[:1001:1001]},
	} {
		if e.Type == 1 && e.Value[0] == 1 && e.Value[1] == 0x41 {
			// 500 short elements
			e.Value = append(unhex("41f4"), bytes.Repeat(unhex("0141"), 500)...)
		}
		for _, compress := range []bool{true, false} {
			p := mustEncode(t, &data{entries: []snapshot.Entry{e}}, rdb.Compression(compress))
			if _, _, err := decode(p, rdb.MaxValue(900)); !errors.Is(err, rdb.ErrLimit) {
				t.Errorf("type %d: Decode error = %v, want ErrLimit", e.Type, err)
			}
			if _, _, err := decode(p, rdb.MaxValue(900), rdb.Validate(false)); !errors.Is(err, rdb.ErrLimit) {
				t.Errorf("type %d, without validation: Decode error = %v, want ErrLimit", e.Type, err)
			}
			mustDecode(t, p, rdb.MaxValue(1010))
		}
	}
}

// TestPieces decodes from readers of unknown size that return few bytes at a time.
func TestPieces(t *testing.T) {
	want := someData(200)
	p := mustEncode(t, want)
	for name, r := range map[string]io.Reader{
		"byte by byte": iotest.OneByteReader(bytes.NewReader(p)),
		"halves":       iotest.HalfReader(bytes.NewReader(p)),
		"end at once":  iotest.DataErrReader(bytes.NewReader(p)),
	} {
		g := new(got)
		n, err := rdb.Decode(context.Background(), r, -1, g)
		if err != nil || n != int64(len(p)) || g.list() != want.list() {
			t.Errorf("%s: Decode = %d, %v, want %d and equal data", name, n, err, len(p))
		}
	}
	r := io.MultiReader(bytes.NewReader(p[:100]), iotest.ErrReader(io.ErrClosedPipe))
	if _, err := rdb.Decode(context.Background(), r, -1, new(got)); !errors.Is(err, io.ErrClosedPipe) || errors.Is(err, corrupt.ErrCorrupt) {
		t.Errorf("Decode error = %v, want the error of the reader", err)
	}
}

// TestLongValues decodes values that are longer than the buffer, among short ones.
func TestLongValues(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	want := new(data)
	for i, size := range []int{1, 200_000, 3, 300_000, 5_000_000, 70, 262_144, 1 << 20, 9} {
		value := make([]byte, size)
		for j := range value {
			value[j] = byte(rng.Uint32())
		}
		want.entries = append(want.entries, str(0, strings.Repeat("k", i+1), string(value), int64(i)))
		list := append([]byte{2, 1, 'a', 0x80, byte(size >> 24), byte(size >> 16), byte(size >> 8), byte(size)}, value...)
		want.entries = append(want.entries, snapshot.Entry{Key: []byte{byte(i), '_'}, Type: 1, Value: list})
	}
	p := mustEncode(t, want)
	g := mustDecode(t, p)
	if g.list() != want.list() {
		t.Error("decoded data differs, want the encoded data")
	}
	if len(g.progress) < len(p)>>20/6 || g.progress[len(g.progress)-1] != int64(len(p)) {
		t.Errorf("Progress calls = %v, want the last with %d", g.progress, len(p))
	}
}

func TestLoaderStops(t *testing.T) {
	g := &got{fail: errors.New("enough")}
	_, err := rdb.Decode(context.Background(), bytes.NewReader(unhex(goldenThree)), -1, g)
	if !errors.Is(err, g.fail) || len(g.entries) != 1 {
		t.Errorf("Decode = %v after %d entries, want the error of the Loader after 1", err, len(g.entries))
	}
}

func TestContextEnds(t *testing.T) {
	p := mustEncode(t, &data{entries: []snapshot.Entry{str(0, "k", "v", 0), str(0, "l", string(make([]byte, 9<<20)), 0)}}, rdb.Compression(false))
	ctx, cancel := context.WithCancel(context.Background())
	l := &canceling{cancel: cancel}
	if _, err := rdb.Decode(ctx, bytes.NewReader(p), int64(len(p)), l); !errors.Is(err, context.Canceled) || l.calls != 1 {
		t.Errorf("Decode = %v after %d Progress calls, want context.Canceled after 1", err, l.calls)
	}
}

// canceling is a Loader that cancels its context at the first call of Progress.
type canceling struct {
	got
	cancel context.CancelFunc
	calls  int
}

func (c *canceling) Progress(done, _ int64) {
	if done > 0 {
		c.calls++
		c.cancel()
	}
}

// discard is a Loader that ignores all data.
type discard struct{}

func (discard) Expect(int, int64, int64)   {}
func (discard) Load(snapshot.Entry) error  { return nil }
func (discard) Ordered(string)             {}
func (discard) Extra(snapshot.Extra) error { return nil }
func (discard) Progress(int64, int64)      {}

// TestNoAllocation compares the allocations for a short and a long dump. An entry must not cost an
// allocation.
func TestNoAllocation(t *testing.T) {
	allocations := func(n int) float64 {
		p := mustEncode(t, someData(n))
		return testing.AllocsPerRun(5, func() {
			if _, err := rdb.Decode(context.Background(), bytes.NewReader(p), int64(len(p)), discard{}); err != nil {
				t.Fatal(err)
			}
		})
	}
	few, many := allocations(500), allocations(20_000)
	if many > few+5 { // the garbage collector may empty a pool
		t.Errorf("%v allocations for 20000 entries, want %v as for 500", many, few)
	}
}

// someData returns n entries with every encoding of a string, and some lists, in two databases.
func someData(n int) *data {
	rng := rand.New(rand.NewPCG(9, 10))
	d := new(data)
	for i := range n {
		e := str(i*2/n*3, "key:"+string(rune('a'+i%26))+strings.Repeat("k", i%40)+string(appendInt(nil, i)), "", 0)
		switch i % 7 {
		case 0:
			e.Value = appendInt(nil, int(int32(rng.Uint32())))
		case 1:
			e.Value = bytes.Repeat([]byte{byte('a' + i%26)}, i%300)
		case 2:
			e.ExpireAtMs = 4102444800000 + int64(i)
			e.Value = []byte("plain")
		case 3:
			e.Type = 1
			e.Value = unhex("0301610162c003")
		case 4:
			e.Key = appendInt(nil, i)
		default:
			e.Value = make([]byte, rng.IntN(100))
			for j := range e.Value {
				e.Value[j] = byte(rng.Uint32())
			}
		}
		d.entries = append(d.entries, e)
	}
	return d
}
