package rdb_test

import (
	"bytes"
	"context"
	"testing"

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
