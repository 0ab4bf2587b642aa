package rdb_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// FuzzDecode reads anything. What can be read must come back from what is written of it.
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
		first, n, err := decode(p, rdb.Checksum(false), rdb.MaxValue(1<<20))
		if err != nil {
			return
		}
		if n > int64(len(p)) {
			t.Fatalf("took %d bytes of %d", n, len(p))
		}
		var b bytes.Buffer
		if _, err := rdb.Encode(context.Background(), &b, first); err != nil {
			t.Fatal(err)
		}
		second, _, err := decode(b.Bytes())
		if err != nil || len(first.entries) != len(second.entries) {
			t.Fatalf("%v\n%x\nwas written as\n%x", err, p, b.Bytes())
		}
		if len(first.extras) == 0 && first.list() != second.list() {
			t.Fatalf("got\n%swant\n%s", second.list(), first.list())
		}
	})
}

// FuzzParseDump reads anything as the payload of RESTORE, with a checksum put right.
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
			t.Fatalf("%d %x became %d %x, %v", kind, value, again, value2, err)
		}
	})
}

// FuzzString writes a key and a value, compressed or not, and reads them.
func FuzzString(f *testing.F) {
	for _, s := range []string{"", "0", "-128", "2147483648", "-0", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "\x00\xff"} {
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, p []byte, compress bool) {
		want := data{entries: []snapshot.Entry{{Key: p, Value: p}}}
		if g := mustDecode(t, mustEncode(t, &want, rdb.Compression(compress))); g.list() != want.list() {
			t.Fatalf("got\n%swant\n%s", g.list(), want.list())
		}
	})
}

// fuzzForm fuzzes a packed form: p as the one string of a value of each of the types.
func fuzzForm(f *testing.F, seeds [][]byte, kinds ...snapshot.Type) {
	for _, p := range seeds {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		for _, kind := range kinds {
			plain, err := damaged(t, "plain", kind, plainString(p))
			packed, err2 := damaged(t, "compressed", kind, lzfString(p))
			if plain != packed || (err == nil) != (err2 == nil) {
				t.Fatalf("type %d: %q, %v; compressed %q, %v", kind, plain, err, packed, err2)
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
			damaged(t, "stream", kind, p)
		}
	})
}

// FuzzDecodeValue decodes anything as any type. What is taken strictly is taken leniently, says the
// same twice, and passes through a dump.
func FuzzDecodeValue(f *testing.F) {
	for _, s := range shapes() {
		f.Add(uint16(s.kind), s.payload)
	}
	f.Fuzz(func(t *testing.T, number uint16, p []byte) {
		kind := snapshot.Type(number)
		v, err := rdb.DecodeValue(kind, p)
		if err != nil {
			if !errors.Is(err, rdb.ErrUnsupported) && !errors.Is(err, corrupt.ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		lenient, err := rdb.DecodeValue(kind, p, rdb.Validate(false))
		if err != nil || print(lenient) != print(v) {
			t.Fatalf("leniently %v", err)
		}
		if again, value, err := rdb.ParseDump(rdb.AppendDump(nil, kind, p)); err != nil || again != kind || !bytes.Equal(value, p) {
			t.Fatalf("as a payload of RESTORE: %d, %v", again, err)
		}
	})
}
