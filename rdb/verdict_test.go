package rdb_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/redistest"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// TestVerdictsNameServer checks files that some servers refuse. Check reports the servers and the
// reason, and the values can still be decoded.
func TestVerdictsNameServer(t *testing.T) {
	for name, parts := range map[string][]string{
		"04-hfe-listpack-expiries-not-ascending.rdb":               {"hash of type 25", "Redis 7.4 and later", "order of their expiry"},
		"05-stream-length-not-entries-redis88-refuses.rdb":         {"stream of type 27", "Redis 8.8 and Valkey 9", "length is 9", "1 entries"},
		"06-stream-group-read-more-than-added-redis88-refuses.rdb": {"stream of type 27", "Redis 8.8", "a group has read"},
		"07-stream-added-less-than-length-redis88-refuses.rdb":     {"stream of type 27", "Redis 8.8", "0 entries were added", "length is 1"},
		"08-valkey9-refuses-stream.rdb":                            {"stream of type 21", "Valkey 9", "length is 5"},
		"09-redis70-entriesread-1000.rdb":                          {"stream of type 19", "Redis 8.8", "read 1000 entries, but 1 were added"},
		"02-redis88-plain-stream-no-downgrade.rdb":                 nil,
	} {
		path := filepath.Join("testdata", name)
		r, err := rdb.CheckFile(path)
		if err != nil || r.Odd != 0 || (r.Refused == 1) != (parts != nil) {
			t.Errorf("CheckFile(%s) = %+v, %v, want Refused: %v", name, r, err, parts != nil)
			continue
		}
		for _, w := range parts {
			if !strings.Contains(r.FirstRefused.Error(), w) {
				t.Errorf("%s: FirstRefused = %v, want %q", name, r.FirstRefused, w)
			}
		}
		reader, err := rdb.OpenReader(path)
		if err != nil {
			t.Fatal(err)
		}
		for e, err := range reader.Entries(context.Background()) {
			if err == nil {
				_, err = e.Decode()
			}
			if err != nil {
				t.Errorf("Decode of an entry in %s = %v, want nil", name, err)
			}
		}
		reader.Close()
	}
}

// countedStream returns a stream of type 19 with one entry, one deleted entry, and a group, and
// with the given counts.
func countedStream(length, added, read uint64) []byte {
	pack := listpackOf("1", "1", "1", "f", "0", "3", "0", "0", "v", "4", "2", "1", "0", "v", "4")
	n := func(x uint64) []byte {
		return append([]byte{0x81}, byte(x>>56), byte(x>>48), byte(x>>40), byte(x>>32), byte(x>>24), byte(x>>16), byte(x>>8), byte(x))
	}
	return join(count(1), plainString(make([]byte, 16)), plainString(pack), n(length), count(1), count(0),
		count(1), count(0), count(0), count(0), n(added), count(1), strs("g"), count(1), count(0), n(read), count(0), count(0))
}

func TestVerdictOnCountsOfStream(t *testing.T) {
	const none = ^uint64(0) // -1 means unknown
	for _, c := range []struct {
		length, added, read uint64
		want                string
	}{
		{1, 1, 1, ""}, {1, 2, 1, ""}, {1, 2, none, ""}, {1, 1, 0, ""}, {1, 1<<63 - 1, 1<<63 - 1, ""},
		{2, 2, 1, "length is 2, but it has 1 entries"}, {0, 1, 0, "length is 0"}, {1, 0, none, "0 entries were added"},
		{1, 1 << 63, 0, "out of range"}, {1, 1, 2, "has read 2 entries, but 1 were added"}, {1, 1, none - 1, "has read"}, {1, 1<<63 - 1, 1 << 63, "has read"},
	} {
		p := file("REDIS0010", fmt.Sprintf("13 0173 %x", countedStream(c.length, c.added, c.read)))
		r, err := rdb.Check(context.Background(), bytes.NewReader(p), int64(len(p)))
		got := ""
		if r.FirstRefused != nil {
			got = r.FirstRefused.What
		}
		if err != nil || (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("length %d, added %d, read %d: Check = %q, %v, want %q", c.length, c.added, c.read, got, err, c.want)
		}
	}
}

func TestVerdictOnOrderOfFieldExpiries(t *testing.T) {
	for _, c := range []struct {
		expiries []string
		refused  bool
	}{
		{[]string{"5", "7", "7", "0", "0"}, false}, {[]string{"0", "0"}, false}, {[]string{"5"}, false},
		{[]string{"7", "5"}, true}, {[]string{"0", "5"}, true}, {[]string{"5", "0", "6"}, true},
	} {
		var elements []string
		for i, at := range c.expiries {
			elements = append(elements, fmt.Sprintf("f%d", i), "v", at)
		}
		for _, typ := range []string{"19 016b 0500000000000000", "17 016b"} {
			p := file("REDIS0012", fmt.Sprintf("%s %x", typ, plainString(listpackOf(elements...))))
			r, err := rdb.Check(context.Background(), bytes.NewReader(p), int64(len(p)))
			if err != nil || (r.Refused > 0) != c.refused {
				t.Errorf("expiries %v: FirstRefused = %+v, %v, want refused: %v", c.expiries, r.FirstRefused, err, c.refused)
			}
		}
	}
}

// statedZipmap returns a zipmap of n fields with the given count.
func statedZipmap(stated byte, n int) []byte {
	p := []byte{stated}
	for i := range n {
		name := fmt.Sprint(i)
		p = append(append(append(p, byte(len(name))), name...), 1, 0, 'v')
	}
	return append(p, 0xff)
}

// TestZipmapCountsMatchServer restores zipmaps with every kind of count on a server. DecodeValue
// must fail if and only if the server refuses the zipmap.
func TestZipmapCountsMatchServer(t *testing.T) {
	s := redistest.Start(t, t.TempDir())
	for _, c := range []struct {
		stated byte
		n      int
	}{{0, 0}, {0, 2}, {1, 1}, {1, 2}, {2, 2}, {3, 2}, {252, 252}, {253, 2}, {253, 253}, {253, 300}, {254, 0}, {254, 1}, {254, 253},
		{254, 254}, {254, 300}, {255, 0}, {255, 2}, {255, 254}, {255, 255}, {255, 300}} {
		value := plainString(statedZipmap(c.stated, c.n))
		reply := s.Do("RESTORE", "k", "0", string(rdb.AppendDump(nil, 9, value)), "REPLACE")
		_, err := rdb.DecodeValue(snapshot.Type(9), value)
		if reply.Err != (err != nil) || err != nil && !errors.Is(err, corrupt.ErrCorrupt) {
			t.Errorf("count %d for %d fields: DecodeValue = %v, RESTORE = %s, want agreement", c.stated, c.n, err, reply.Text)
		}
	}
	p, err := os.ReadFile(filepath.Join("testdata", "03-zipmap-count-255-server-refuses.rdb"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := decode(p); !errors.Is(err, corrupt.ErrCorrupt) {
		t.Errorf("Decode of the file = %v, want ErrCorrupt", err)
	}
}
