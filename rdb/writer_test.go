package rdb_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// recordsOf prints the records of a dump without their offsets.
func recordsOf(t testing.TB, p []byte) (all []string) {
	t.Helper()
	for rec, err := range read(t, p).Records(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		switch rec := rec.(type) {
		case *rdb.Entry:
			all = append(all, fmt.Sprintf("%d %q type %d %x @%d %+v %x", rec.DB, rec.Key, rec.Type, rec.Value, rec.ExpireAtMs, rec.Usage, rec.Meta))
		case *rdb.Extra:
			all = append(all, fmt.Sprintf("%+v", rec.Extra))
		default:
			all = append(all, fmt.Sprintf("%T %+v", rec, rec))
		}
	}
	return all
}

// rewrite copies a dump record by record.
func rewrite(t testing.TB, p []byte, opts ...rdb.Option) ([]byte, error) {
	t.Helper()
	var b bytes.Buffer
	w, err := rdb.NewWriter(&b, opts...)
	if err != nil {
		return nil, err
	}
	for rec, err := range read(t, p).Records(context.Background()) {
		if err == nil {
			err = w.Write(rec)
		}
		if err != nil {
			return nil, err
		}
	}
	info, err := w.Close()
	if err != nil || info.Size != int64(b.Len()) {
		t.Errorf("Close: Size = %d, %v, want %d", info.Size, err, b.Len())
	}
	return b.Bytes(), nil
}

// typesOf returns the types in a dump, for Holding.
func typesOf(t testing.TB, p []byte) []snapshot.Type {
	t.Helper()
	r, err := rdb.Check(context.Background(), bytes.NewReader(p), int64(len(p)))
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(maps.Keys(r.Types))
}

// attributed returns a dump with all attributes of keys and all records that belong to no key.
func attributed() []byte {
	return file("REDIS0013", "fa 0161 0162", "f5 0166", "f7 05 02 01 05 0161 00", "fe01 fb0302 f4 05 06 07",
		"fc 0500000000000000 f8 43e8 f3 01 00000001 0205 00 00016b0176", "f9 07 01016c 01 0161", "f8 00 fd 01000000 00016d0176", "fe00 00016b0176",
		"f7 05 02 02 05 0161 00")
}

// TestWriterCopies copies dumps of every kind from a Reader to a Writer.
func TestWriterCopies(t *testing.T) {
	files := map[string][]byte{"every type": everyShape("REDIS0014", false), "Valkey's types": everyShape("VALKEY080", true),
		"slot import": file("VALKEY080", "f3 016a 02 01 02 43e8 43e9"), "attributes": attributed()}
	maps.Copy(files, corpusFiles(t))
	for name, p := range files {
		if _, damaged := damagedCorpus[name]; damaged {
			continue
		}
		types := typesOf(t, p)
		if name == "slot import" {
			types = []snapshot.Type{valkeyHash}
		}
		if name == "attributes" {
			types = append(types, 26) // to get a version with metadata of keys and slots
		}
		if strings.HasPrefix(string(p), "REDIS001") {
			types = append(types, 16) // to get a version with function libraries
		}
		for _, compress := range []bool{true, false} {
			again, err := rewrite(t, p, rdb.Holding(types...), rdb.Compression(compress))
			if err != nil {
				t.Errorf("copy of %s = %v, want nil", name, err)
				continue
			}
			same(t, name, recordsOf(t, again), recordsOf(t, p))
		}
	}
}

// TestWriterVersions writes a value of each type in each version: unchanged if the version has the
// type, and re-encoded if the version can store the value.
func TestWriterVersions(t *testing.T) {
	since := map[snapshot.Type]int{16: 10, 17: 10, 18: 10, 19: 10, 20: 11, 21: 11}
	for _, version := range []int{9, 10, 11} {
		for _, s := range shapes() {
			has := s.kind <= 15 || since[s.kind] > 0 && since[s.kind] <= version
			var b bytes.Buffer
			w, err := rdb.NewWriter(&b, rdb.Version(version))
			if err != nil || w.Version() != version {
				t.Fatal(err)
			}
			e := &rdb.Entry{Entry: snapshot.Entry{DB: 3, Key: []byte("k"), Type: s.kind, Value: s.payload}}
			err = w.Write(e)
			if (err == nil) != has || err != nil && (!errors.Is(err, rdb.ErrUnsupported) || !strings.Contains(err.Error(), fmt.Sprintf("(type %d) in RDB %d", s.kind.RDB(), version))) {
				t.Errorf("version %d, %s: Write = %v, want success: %v", version, s.name, err, has)
			}
			v, err := rdb.DecodeValue(s.kind, s.payload)
			if err != nil {
				t.Fatal(err)
			}
			e.Key = []byte("typed")
			err = w.WriteValue(e, v)
			// Versions 9 to 11 cannot store expiries of fields, producers, and arrays.
			lacks := s.kind == 28 || s.kind.IsValkey() || s.kind >= 22 && s.kind <= 27
			if (err != nil) != lacks || err != nil && !errors.Is(err, rdb.ErrUnsupported) {
				t.Errorf("version %d, %s: WriteValue = %v, want an error: %v", version, s.name, err, lacks)
			}
			if _, err := w.Close(); err != nil {
				t.Fatal(err)
			}
			all, err := entries(read(t, b.Bytes()))
			if err != nil {
				t.Errorf("version %d, %s: read = %v, want nil", version, s.name, err)
			}
			for _, e := range all {
				v, err := e.Decode()
				if err != nil || s.kind.RDB() < 15 && print(v) != pairsBack(s.want) || e.DB != 3 {
					t.Errorf("version %d, %s: Decode = %s, %v, want\n%s", version, s.name, print(v), err, s.want)
				}
			}
		}
	}
}

// pairsBack converts a hash printed by show to the format of print.
func pairsBack(want string) string {
	kind, rest, _ := strings.Cut(want, " ")
	if kind != "hash" || strings.Contains(rest, "=") {
		return want
	}
	for i, part := range strings.Split(rest, " ") {
		if i%2 == 0 {
			kind += " " + part
		} else {
			kind += "=" + part
		}
	}
	return kind
}

// TestEncodeValue encodes each shape in each version, decodes it, and compares the properties that
// the version can store.
func TestEncodeValue(t *testing.T) {
	for _, s := range shapes() {
		v, err := rdb.DecodeValue(s.kind, s.payload)
		if err != nil {
			t.Fatal(err)
		}
		for _, version := range []int{9, 10, 11, 12, 13, 14, 80} {
			kind, payload, err := rdb.EncodeValue(v, version)
			if err != nil {
				if !errors.Is(err, rdb.ErrUnsupported) || version == 14 {
					t.Errorf("%s in version %d: EncodeValue = %v, want nil or ErrUnsupported",
						s.name, version, err)
				}
				continue
			}
			got, err := rdb.DecodeValue(kind, payload)
			if err != nil {
				t.Errorf("%s in version %d: DecodeValue = %v, want nil", s.name, version, err)
				continue
			}
			text, want := print(got), print(v)
			if st, ok := v.(*rdb.Stream); ok { // every version stores entries and groups
				text, _, _ = strings.Cut(text[strings.Index(text, ` 5-2 "f"`):], " group")
				want, _, _ = strings.Cut(want[strings.Index(want, ` 5-2 "f"`):], " group")
				g := got.(*rdb.Stream)
				if len(g.Groups) != 2 || len(g.Groups[0].Consumers) != 2 || g.Groups[0].Pending[1] != st.Groups[0].Pending[1] ||
					s.kind >= 19 && version >= 10 && (g.EntriesAdded != 5 || g.Groups[0].EntriesRead != 3) ||
					s.kind >= 21 && version >= 11 && g.Groups[0].Consumers[1].ActiveAtMs != -1 {
					t.Errorf("%s in version %d: groups = %+v, want those of the original", s.name, version, g.Groups)
				}
			}
			if pairs(s.want, text) != pairs(s.want, want) {
				t.Errorf("%s in version %d, type %d: got\n%s\nwant\n%s", s.name, version, kind, text, want)
			}
			if kinds := map[int]snapshot.Type{9: 15, 10: 19, 11: 21, 12: 21, 13: 26, 14: 27, 80: 21}; rdb.TypeName(kind) == "stream" && kind != kinds[version] {
				t.Errorf("%s in version %d: type = %d, want %d", s.name, version, kind, kinds[version])
			}
			plain := map[string]snapshot.Type{"list": 1, "set": 2, "zset": 5, "hash": 4, "module": 7, "array": 28, "stream": kind}
			if want := plain[rdb.TypeName(kind)]; kind != want && !strings.Contains(text, "@") {
				t.Errorf("%s in version %d: type = %d, want %d", s.name, version, kind, want)
			}
		}
	}
	if _, _, err := rdb.EncodeValue(nil, 9); !errors.Is(err, rdb.ErrUnsupported) {
		t.Errorf("EncodeValue(nil) = %v, want ErrUnsupported", err)
	}
}

// TestNewValues creates values, and checks the errors of the constructors.
func TestNewValues(t *testing.T) {
	b := func(s string) []byte { return []byte(s) }
	one := rdb.StreamItem{ID: rdb.StreamID{Ms: 5, Seq: 1}, Fields: []rdb.StreamField{{b("f"), b("1")}}}
	for _, c := range []struct {
		make func() (rdb.Value, error)
		want string
	}{
		{func() (rdb.Value, error) { return rdb.NewList(b("a"), b(""), b("a"), b("-70000")) }, `list "a" "" "a" "-70000"`},
		{func() (rdb.Value, error) { return rdb.NewList() }, "not empty"},
		{func() (rdb.Value, error) { return rdb.NewSet(b("a"), b("12")) }, `set "a" "12"`},
		{func() (rdb.Value, error) { return rdb.NewSet(b("a"), b("a")) }, "unique members"},
		{func() (rdb.Value, error) { return rdb.NewHash(rdb.HashField{Name: b("a"), Value: b("1")}) }, `hash "a"="1"`},
		{func() (rdb.Value, error) {
			return rdb.NewHash(rdb.HashField{b("a"), b("1"), 700}, rdb.HashField{b("b"), b("2"), 0}, rdb.HashField{b("c"), b("3"), 600})
		}, `hash "a"="1"@700 "b"="2" "c"="3"@600`},
		{func() (rdb.Value, error) {
			return rdb.NewHash(rdb.HashField{Name: b("a")}, rdb.HashField{Name: b("a")})
		}, "unique fields"},
		{func() (rdb.Value, error) { return rdb.NewHash(rdb.HashField{Name: b("a"), ExpireAtMs: -1}) }, "out of range"},
		{func() (rdb.Value, error) { return rdb.NewHash(rdb.HashField{Name: b("a"), ExpireAtMs: 1 << 48}) }, "out of range"},
		{func() (rdb.Value, error) {
			return rdb.NewSortedSet(rdb.ScoredMember{b("b"), inf()}, rdb.ScoredMember{b("a"), -1.5})
		}, `zset "b"=+Inf "a"=-1.5`},
		{func() (rdb.Value, error) { return rdb.NewSortedSet(rdb.ScoredMember{b("b"), nan()}) }, "NaN"},
		{func() (rdb.Value, error) { return rdb.NewStream() }, "stream len 0 last 0-0 first 0-0 deleted 0-0 added 0"},
		{func() (rdb.Value, error) { return rdb.NewStream(one) }, `stream len 1 last 5-1 first 5-1 deleted 0-0 added 1 5-1 "f"="1"`},
		{func() (rdb.Value, error) { return rdb.NewStream(one, one) }, "do not ascend"},
		{func() (rdb.Value, error) { return rdb.NewStream(rdb.StreamItem{}) }, "do not ascend"},
	} {
		v, err := c.make()
		switch {
		case err != nil && (!strings.Contains(err.Error(), c.want) || errors.Is(err, corrupt.ErrCorrupt)):
			t.Errorf("error = %v, want %q", err, c.want)
		case err == nil && print(v) != c.want:
			t.Errorf("value = %s, want %s", print(v), c.want)
		}
	}
}

// bigStream returns a stream of many listpacks with changing field names, texts at the limits of
// all encodings, and a group.
func bigStream(t testing.TB) *rdb.Stream {
	t.Helper()
	odd := oddStrings()
	var items []rdb.StreamItem
	for i := range 500 {
		item := rdb.StreamItem{ID: rdb.StreamID{Ms: uint64(1000 + i/7*5000), Seq: uint64(1 + i%7*100)}}
		for j := range 1 + i/50%3 {
			value := fmt.Appendf(nil, "value %d", i)
			if i%8 == 0 {
				value = []byte(odd[(i/8+j)%len(odd)])
			}
			item.Fields = append(item.Fields, rdb.StreamField{fmt.Appendf(nil, "field%d", j), value})
		}
		items = append(items, item)
	}
	s, err := rdb.NewStream(items...)
	if err != nil {
		t.Fatal(err)
	}
	s.EntriesAdded, s.MaxDeletedID = 600, rdb.StreamID{Ms: 1, Seq: 1}
	s.Groups = []rdb.StreamGroup{{
		Name: []byte("g"), LastID: items[5].ID, EntriesRead: 6,
		Pending:   []rdb.StreamPending{{items[0].ID, 1700000000000, 1}, {items[5].ID, 1700000000001, 3}},
		Consumers: []rdb.StreamConsumer{{[]byte("c"), 1700000000002, 1700000000002, []rdb.StreamID{items[0].ID, items[5].ID}}},
	}}
	return s
}

// TestNewStream encodes and decodes a long stream, and checks that inconsistent groups are refused.
func TestNewStream(t *testing.T) {
	s := bigStream(t)
	for _, version := range []int{10, 11, 13, 14} {
		kind, payload, err := rdb.EncodeValue(s, version)
		if err != nil {
			t.Fatal(err)
		}
		v, err := rdb.DecodeValue(kind, payload)
		if err != nil {
			t.Fatal(err)
		}
		got, _, _ := strings.Cut(print(v), " producers")
		if got != print(s) || s.Len() != 500 {
			t.Errorf("version %d: decoded stream differs, want all %d entries", version, s.Len())
		}
	}
	s.Groups[0].Consumers[0].Pending = s.Groups[0].Consumers[0].Pending[1:]
	if _, _, err := rdb.EncodeValue(s, 11); err == nil || !strings.Contains(err.Error(), "inconsistent") {
		t.Errorf("EncodeValue = %v, want an error about an inconsistent stream", err)
	}
}

// TestWriterErrors writes unsupported records, and writes to writers that fail.
func TestWriterErrors(t *testing.T) {
	for _, o := range []rdb.Option{{}, rdb.Version(8), rdb.Version(15), rdb.Version(81), rdb.Keys("*"), rdb.HeaderTo(nil)} {
		if _, err := rdb.NewWriter(io.Discard, o); !errors.Is(err, rdb.ErrOption) {
			t.Errorf("NewWriter = %v, want ErrOption", err)
		}
	}
	if _, err := rdb.NewWriter(io.Discard, rdb.Version(9), rdb.Holding(16)); !errors.Is(err, rdb.ErrOption) || !strings.Contains(err.Error(), "hash of type 16") {
		t.Errorf("NewWriter for type 16 in version 9 = %v, want ErrOption", err)
	}
	if _, err := rdb.NewWriter(io.Discard, rdb.Holding(24, valkeyHash)); !errors.Is(err, rdb.ErrUnsupported) {
		t.Errorf("NewWriter for types of Redis and Valkey = %v, want ErrUnsupported", err)
	}
	var b bytes.Buffer
	w, err := rdb.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	for what, rec := range map[string]rdb.Record{
		"metadata": &rdb.Entry{Meta: []byte{0}}, "opcode 3": &rdb.Extra{Extra: snapshot.Extra{Opcode: 3}}, "slot import": &rdb.SlotImport{},
		"hash (type 16) in RDB 9": &rdb.Entry{Entry: snapshot.Entry{Type: 16}}, "type 99": &rdb.Entry{Entry: snapshot.Entry{Type: 99}},
	} {
		var unsupported *rdb.UnsupportedError
		if err := w.Write(rec); !errors.As(err, &unsupported) || !strings.Contains(err.Error(), what) || unsupported.Offset != 9 {
			t.Errorf("Write = %v, want an UnsupportedError with %q at offset 9", err, what)
		}
	}
	if err := w.Write(&rdb.Entry{Entry: snapshot.Entry{DB: -1}}); err == nil {
		t.Error("Write to database -1 succeeded, want an error")
	}
	if err := w.Write(&rdb.SlotInfo{Slot: 1}); err != nil {
		t.Errorf("Write of SlotInfo = %v, want nil", err)
	}
	if info, err := w.Close(); err != nil || info.Keys != 0 || info.Version != "RDB 9" || !bytes.Equal(b.Bytes(), unhex("524544495330303039ff9aac7abcfb0fad74")) {
		t.Errorf("Close = %+v, %v, dump %x, want an empty dump in RDB 9", info, err, b.Bytes())
	}
	if _, err := w.Close(); err == nil || w.Write(&rdb.Aux{}) == nil {
		t.Error("Write or Close after Close succeeded, want an error")
	}
	for left := range 3 {
		w, err := rdb.NewWriter(&full{left: left * 300_000})
		if err != nil {
			t.Fatal(err)
		}
		err = w.Write(&rdb.Entry{Entry: snapshot.Entry{Key: make([]byte, 300_000), Value: noise(300_000)}})
		_, err2 := w.Close()
		if left < 2 && (err2 == nil || err != nil && err != err2) {
			t.Errorf("writer fails after %d bytes: Write = %v, Close = %v, want equal errors", left*300_000, err, err2)
		}
	}
}

// noise returns n incompressible bytes.
func noise(n int) []byte {
	p := make([]byte, n)
	x := uint32(1)
	for i := range p {
		x = x*1664525 + 1013904223
		p[i] = byte(x >> 24)
	}
	return p
}
