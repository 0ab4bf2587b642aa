package rdb_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// FuzzDecode decodes arbitrary bytes. Decoded data must survive encoding and decoding.
func FuzzDecode(f *testing.F) {
	f.Add(unhex(goldenThree))
	f.Add(file("REDIS0009", "01016b0201610162"))
	f.Add(file("REDIS0011", "15016b00000000000000000000"))
	f.Add(file("VALKEY080", "16016b 01 0166 0176 ffffffffffffffff"))
	f.Add(file("REDIS0014", "1c016b0101090000016100"))
	for _, p := range small(f) {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		var err error
		bounded(t, len(p), func() { _, _, err = decode(p, rdb.Checksum(false), rdb.MaxValue(1<<20)) })
		_, readErr := seenOf(t, p, int64(len(p)), rdb.Checksum(false), rdb.MaxValue(1<<20))
		_, skipErr := seenOf(t, p, int64(len(p)), rdb.Checksum(false), rdb.Where(func(*rdb.Entry) bool { return false }))
		if err != nil {
			wantOffset(t, "loading", err, len(p))
			if readErr != nil && skipErr != nil {
				wantOffset(t, "reading", readErr, len(p))
				wantOffset(t, "skipping", skipErr, len(p))
			}
			return
		}
		if readErr != nil || skipErr != nil {
			t.Fatalf("Reader = %v, and %v if it skips, want nil as from Decode: %x", readErr, skipErr, p)
		}
		first, n, err := decode(p, rdb.Checksum(false), rdb.MaxValue(1<<20))
		loose, n2, err2 := decode(p, rdb.Checksum(false), rdb.MaxValue(1<<20), rdb.Validate(false))
		if err != nil || err2 != nil || n != n2 || first.list() != loose.list() {
			t.Fatalf("Decode = %d, %v, want the data without validation: %d, %v", n, err, n2, err2)
		}
		if n > int64(len(p)) {
			t.Fatalf("Decode = %d bytes, want at most %d", n, len(p))
		}
		var b bytes.Buffer
		if _, err := rdb.Encode(context.Background(), &b, first); err != nil {
			t.Fatal(err)
		}
		second, _, err := decode(b.Bytes())
		if err != nil || len(first.entries) != len(second.entries) {
			t.Fatalf("second Decode = %d entries, %v, want %d\n%x\nencoded as\n%x",
				len(second.entries), err, len(first.entries), p, b.Bytes())
		}
		if len(first.extras) == 0 && first.list() != second.list() {
			t.Fatalf("got\n%swant\n%s", second.list(), first.list())
		}
	})
}

// bounded calls run, which decodes size bytes and must not allocate much more.
func bounded(t *testing.T, size int, run func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	run()
	runtime.ReadMemStats(&after)
	if got, most := after.TotalAlloc-before.TotalAlloc, uint64(128*size+1<<20); got > most {
		t.Fatalf("allocated %d bytes for %d, want at most %d", got, size, most)
	}
}

// FuzzParseDump parses arbitrary bytes as the payload of RESTORE, with a correct checksum.
func FuzzParseDump(f *testing.F) {
	f.Add([]byte{0, 1, 'v'}, 9)
	f.Add(unhex("00c00a"), 10)
	f.Add(unhex("0103016101620163"), 11)
	f.Add(unhex("16 01 0166 0176 ffffffffffffffff"), 80)
	f.Fuzz(func(t *testing.T, body []byte, version int) {
		rdb.ParseDump(body)
		kind, value, err := rdb.ParseDump(payload(body, version))
		if err != nil {
			return
		}
		again, value2, err := rdb.ParseDump(rdb.AppendDump(nil, kind, value))
		if err != nil || again != kind || !bytes.Equal(value, value2) {
			t.Fatalf("second ParseDump = %d %x, %v, want %d %x", again, value2, err, kind, value)
		}
	})
}

// FuzzString encodes and decodes a key and a value, compressed or not, and decodes arbitrary bytes
// as a string.
func FuzzString(f *testing.F) {
	for _, s := range []string{"", "0", "-128", "2147483648", "-0", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "\x00\xff",
		"\xc0\x05", "\xc3\x05\x40\x64\x00a\xe0\x5a\x00", "\x81\xff\xff\xff\xff\xff\xff\xff\xff"} {
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, p []byte, compress bool) {
		want := data{entries: []snapshot.Entry{{Key: p, Value: p}}}
		if g := mustDecode(t, mustEncode(t, &want, rdb.Compression(compress))); g.list() != want.list() {
			t.Fatalf("got\n%swant\n%s", g.list(), want.list())
		}
		dump := append(append([]byte("REDIS0009\x00\x01k"), p...), 0xff, 0, 0, 0, 0, 0, 0, 0, 0)
		var err error
		bounded(t, len(dump), func() { _, _, err = decode(dump) })
		if err != nil {
			wantOffset(t, "a string", err, len(dump))
		}
	})
}

// fuzzForm decodes arbitrary bytes as a packed form of each type, plain and compressed.
func fuzzForm(f *testing.F, seeds [][]byte, kinds ...snapshot.Type) {
	for _, p := range seeds {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		for _, kind := range kinds {
			bounded(t, len(p), func() { rdb.DecodeValue(kind, plainString(p)) })
			plain, err := damaged(t, "plain", kind, plainString(p))
			packed, err2 := damaged(t, "compressed", kind, lzfString(p))
			if plain != packed || (err == nil) != (err2 == nil) {
				t.Fatalf("type %d: compressed %q, %v, want %q, %v as plain", kind, packed, err2, plain, err)
			}
		}
	})
}

func FuzzListpack(f *testing.F) {
	fuzzForm(f, [][]byte{
		listpackOf(), listpackOf("a", "1"), listpackOf("a", "1", "b", "-4096", "c", "inf"),
		listpackOf("a", "b", "0"), listpackOf(oddStrings()...),
	}, 16, 17, 20)
}

func FuzzZiplist(f *testing.F) {
	fuzzForm(f, [][]byte{
		ziplistOf(), ziplistOf("a", "1"), ziplistOf("a", "1", "b", "-4096", "c", "inf"), ziplistOf(oddStrings()...),
	}, 10, 12, 13)
}

func FuzzIntset(f *testing.F) {
	fuzzForm(f, [][]byte{intsetOf(2, 1, 2), intsetOf(4, -70000), intsetOf(8, 1<<60)}, 11)
}

func FuzzZipmap(f *testing.F) {
	fuzzForm(f, [][]byte{
		zipmapOf(0), zipmapOf(0, "a", "1"), zipmapOf(3, "a", "1", "b", ""), zipmapOf(1, string(make([]byte, 300)), "x"),
	}, 9)
}

func FuzzStream(f *testing.F) {
	for _, kind := range []snapshot.Type{15, 19, 21, 26, 27} {
		f.Add(streamOf(kind))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		for _, kind := range []snapshot.Type{15, 19, 21, 26, 27} {
			bounded(t, len(p), func() { rdb.DecodeValue(kind, p) })
			damaged(t, "stream", kind, p)
		}
	})
}

// FuzzModule decodes arbitrary bytes as a module value, and as auxiliary module data, which has the
// same format.
func FuzzModule(f *testing.F) {
	for _, s := range shapes() {
		if s.kind == 7 {
			f.Add(s.payload)
		}
	}
	f.Add(unhex("05 02 02 05 c30561 00"))
	f.Add(unhex("81ffffffffffffffff 01 81ffffffffffffffff 00"))
	f.Fuzz(func(t *testing.T, p []byte) {
		bounded(t, len(p), func() { rdb.DecodeValue(7, p) })
		text, err := damaged(t, "module", 7, p)
		dump := append(append([]byte("REDIS0009\xf7"), p...), 0xff, 0, 0, 0, 0, 0, 0, 0, 0)
		aux := ""
		for rec, auxErr := range read(t, dump).Records(context.Background()) {
			if auxErr != nil {
				if err == nil {
					t.Fatalf("Records of a valid value as auxiliary data = %v, want nil", auxErr)
				}
				return
			}
			if x, ok := rec.(*rdb.Extra); ok && aux == "" {
				m, ok := x.Module()
				if !ok {
					t.Fatal("Module = false for auxiliary data, want true")
				}
				aux = print(m)
			}
		}
		if err == nil && aux != text {
			t.Fatalf("got %s, want %s", aux, text)
		}
	})
}

// FuzzLength decodes arbitrary bytes as lengths, and encodes and decodes arbitrary numbers.
func FuzzLength(f *testing.F) {
	for _, n := range []uint64{0, 63, 64, 16383, 16384, 1<<32 - 1, 1 << 32, 1<<63 - 1} {
		f.Add(n, unhex("80ffffffff"))
	}
	f.Add(uint64(5), unhex("c0"))
	f.Fuzz(func(t *testing.T, n uint64, p []byte) {
		n &= 1<<63 - 1
		var b bytes.Buffer
		w, err := rdb.NewWriter(&b)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(&rdb.Sizes{Count: snapshot.Count{DB: int(n & 0x7fffffff), Keys: int64(n), Expires: int64(n >> 7)}}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if got, want := recordsOf(t, b.Bytes()), fmt.Sprintf("*rdb.Sizes &{Count:{DB:%d Keys:%d Expires:%d}}", n&0x7fffffff, n, n>>7); len(got) != 1 || got[0] != want {
			t.Fatalf("got %s, want %s", got, want)
		}
		dump := append(append([]byte("REDIS0009\xfb\x00"), p...), 0xff, 0, 0, 0, 0, 0, 0, 0, 0)
		want, ok := simpleLength(dump[len("REDIS0009")+2:])
		for rec, err := range read(t, dump).Records(context.Background()) {
			if s, is := rec.(*rdb.Sizes); err == nil && (!is || !ok || uint64(s.Expires) != min(want, 1<<63-1)) || err != nil && ok {
				t.Fatalf("length %x = %+v, %v, want %d", p, rec, err, want)
			}
			break
		}
	})
}

// simpleLength decodes the length at the start of p, independently of the package.
func simpleLength(p []byte) (n uint64, ok bool) {
	wide := map[byte]int{0x80: 4, 0x81: 8}[p[0]]
	switch {
	case p[0] < 0x40:
		return uint64(p[0]), true
	case p[0] < 0x80 && len(p) > 1:
		return uint64(p[0]-0x40)*256 + uint64(p[1]), true
	case wide > 0 && len(p) > wide:
		for _, b := range p[1 : 1+wide] {
			n = n*256 + uint64(b)
		}
		return n, true
	}
	return 0, false
}

// FuzzEncodeValue encodes each decodable value in every version, and decodes the result.
func FuzzEncodeValue(f *testing.F) {
	for _, s := range shapes() {
		f.Add(uint16(s.kind), s.payload)
	}
	f.Fuzz(func(t *testing.T, number uint16, p []byte) {
		v, err := rdb.DecodeValue(snapshot.Type(number), p)
		if err != nil {
			return
		}
		for _, version := range []int{9, 10, 11, 12, 13, 14, 80} {
			kind, payload, err := rdb.EncodeValue(v, version)
			if err != nil {
				if !errors.Is(err, rdb.ErrUnsupported) {
					t.Fatalf("EncodeValue in version %d = %v, want ErrUnsupported", version, err)
				}
				continue
			}
			again, err := rdb.DecodeValue(kind, payload)
			if err != nil {
				t.Fatalf("DecodeValue of version %d, type %d = %v, want nil", version, kind, err)
			}
			if s, ok := v.(*rdb.Stream); ok {
				if got := again.(*rdb.Stream); got.Len() != s.Len() || got.LastID != s.LastID || len(got.Groups) != len(s.Groups) {
					t.Fatalf("version %d, type %d: %d entries, last %v, %d groups, want %d, %v, %d",
						version, kind, got.Len(), got.LastID, len(got.Groups),
						s.Len(), s.LastID, len(s.Groups))
				}
			} else if print(again) != print(v) {
				t.Fatalf("version %d, type %d: got\n%s\nwant\n%s", version, kind, print(again), print(v))
			}
		}
	})
}

// FuzzDecodeValue decodes arbitrary bytes as any type. A valid value must also decode without
// validation, to the same result, and survive ParseDump.
func FuzzDecodeValue(f *testing.F) {
	for _, s := range shapes() {
		f.Add(uint16(s.kind), s.payload)
	}
	f.Fuzz(func(t *testing.T, number uint16, p []byte) {
		kind := snapshot.Type(number)
		var v rdb.Value
		var err error
		bounded(t, len(p), func() { v, err = rdb.DecodeValue(kind, p) })
		if err != nil {
			if !errors.Is(err, rdb.ErrUnsupported) && !errors.Is(err, corrupt.ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		lenient, err := rdb.DecodeValue(kind, p, rdb.Validate(false))
		if err != nil || print(lenient) != print(v) {
			t.Fatalf("DecodeValue without validation = %v, %v, want %v", lenient, err, v)
		}
		if again, value, err := rdb.ParseDump(rdb.AppendDump(nil, kind, p)); err != nil || again != kind || !bytes.Equal(value, p) {
			t.Fatalf("ParseDump = type %d, %v, want type %d", again, err, kind)
		}
	})
}
