package rdb_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// show prints strings for comparison: elements of a list or set, or pairs of a hash.
func show(all ...string) string {
	quoted := make([]string, len(all))
	for i, s := range all {
		quoted[i] = fmt.Sprintf("%q", s)
	}
	return strings.Join(quoted, " ")
}

// print prints a value.
func print(v rdb.Value) string {
	var b strings.Builder
	switch v := v.(type) {
	case rdb.String:
		fmt.Fprintf(&b, "string %q", []byte(v))
	case *rdb.List:
		b.WriteString("list")
		for p := range v.All() {
			fmt.Fprintf(&b, " %q", p)
		}
	case *rdb.Set:
		b.WriteString("set")
		for p := range v.All() {
			fmt.Fprintf(&b, " %q", p)
		}
	case *rdb.Hash:
		b.WriteString("hash")
		for f := range v.All() {
			fmt.Fprintf(&b, " %q=%q", f.Name, f.Value)
			if f.ExpireAtMs != 0 {
				fmt.Fprintf(&b, "@%d", f.ExpireAtMs)
			}
		}
	case *rdb.SortedSet:
		b.WriteString("zset")
		for m := range v.All() {
			fmt.Fprintf(&b, " %q=%v", m.Member, m.Score)
		}
	case *rdb.Stream:
		printStream(&b, v)
	case *rdb.Module:
		fmt.Fprintf(&b, "module %s %d", v.Name, v.Version)
		for p := range v.All() {
			fmt.Fprintf(&b, " %T %v", p, p)
		}
	case *rdb.Array:
		b.WriteString("array")
		if v.HasInsert {
			fmt.Fprintf(&b, " insert %d", v.Insert)
		}
		for i, x := range v.All() {
			fmt.Fprintf(&b, " %d=%v", i, x)
		}
	}
	return b.String()
}

func printStream(b *strings.Builder, s *rdb.Stream) {
	fmt.Fprintf(b, "stream len %d last %v first %v deleted %v added %d", s.Length, s.LastID, s.FirstID, s.MaxDeletedID, s.EntriesAdded)
	for e := range s.All() {
		fmt.Fprintf(b, " %v", e.ID)
		for name, value := range e.Fields() {
			fmt.Fprintf(b, " %q=%q", name, value)
		}
	}
	for _, g := range s.Groups {
		fmt.Fprintf(b, " group %q %v %d", g.Name, g.LastID, g.EntriesRead)
		for _, x := range g.Pending {
			fmt.Fprintf(b, " (%v %d %d)", x.ID, x.DeliveredAtMs, x.Deliveries)
		}
		for _, c := range g.Consumers {
			fmt.Fprintf(b, " %q %d %d %v", c.Name, c.SeenAtMs, c.ActiveAtMs, c.Pending)
		}
		if len(g.Nacked) > 0 {
			fmt.Fprintf(b, " nacked %v", g.Nacked)
		}
	}
	if x := s.Idempotence; x != nil {
		fmt.Fprintf(b, " producers %d %d %d %d", x.Duration, x.MaxIDs, x.Added, x.Duplicates)
		for _, p := range x.Producers {
			fmt.Fprintf(b, " %q", p.Name)
			for _, id := range p.IDs {
				fmt.Fprintf(b, " %q=%v", id.ID, id.Entry)
			}
		}
	}
}

// TestShapes decodes a payload of each type and encoding.
func TestShapes(t *testing.T) {
	for _, s := range shapes() {
		v, err := rdb.DecodeValue(s.kind, s.payload)
		if err != nil {
			t.Errorf("%s: DecodeValue = %v, want nil", s.name, err)
			continue
		}
		if got := pairs(s.want, print(v)); got != s.want {
			t.Errorf("%s: DecodeValue =\n%s, want\n%s", s.name, got, s.want)
		}
		if kind, _, ok := strings.Cut(s.want, " "); !ok || rdb.TypeName(s.kind) != kind {
			t.Errorf("%s: TypeName = %s, want %s", s.name, rdb.TypeName(s.kind), kind)
		}
	}
}

// pairs replaces the equal signs in a printed hash if the wanted text contains no equal sign.
func pairs(want, got string) string {
	if strings.HasPrefix(want, "hash") && !strings.Contains(want, "=") {
		return strings.ReplaceAll(got, `"="`, `" "`)
	}
	return got
}

// TestLoopsEnd breaks every loop at its first step, and then runs it to the end.
func TestLoopsEnd(t *testing.T) {
	for _, s := range shapes() {
		v, err := rdb.DecodeValue(s.kind, s.payload)
		if err != nil {
			t.Fatal(err)
		}
		steps := 0
		switch v := v.(type) {
		case *rdb.List:
			steps = broken(v.All(), v.Len(), t)
		case *rdb.Set:
			steps = broken(v.All(), v.Len(), t)
		case *rdb.Hash:
			steps = broken(v.All(), v.Len(), t)
		case *rdb.SortedSet:
			steps = broken(v.All(), v.Len(), t)
		case *rdb.Module:
			steps = broken(v.All(), v.Len(), t)
		case *rdb.Array:
			for range v.All() {
				break
			}
			for range v.All() {
				steps++
			}
		case *rdb.Stream:
			steps = broken(v.All(), v.Len(), t)
			for e := range v.All() {
				for range e.Fields() {
					break
				}
			}
		}
		if steps == 0 {
			t.Errorf("%s: All yields 0 elements, want more", s.name)
		}
	}
}

func broken[E any](all func(func(E) bool), n int, t *testing.T) int {
	t.Helper()
	for range all {
		break
	}
	steps := 0
	for range all {
		steps++
	}
	if steps != n {
		t.Errorf("All has %d elements, want %d", steps, n)
	}
	return steps
}

// TestFlawed decodes damaged payloads, and checks the offset in the error.
func TestFlawed(t *testing.T) {
	str := plainString
	stream := func(listpack []byte, tail string) []byte {
		return join(count(1), str(rawID(5, 1)), str(listpack), unhex(tail))
	}
	const head = 1 + 17 + 1 // the offset of a stream's listpack
	entry := []string{"1", "0", "1", "f", "0", "2", "0", "0", "v", "4"}
	changed := func(i int, s string) []byte {
		all := append([]string(nil), entry...)
		all[i] = s
		return listpackOf(all...)
	}
	group := func(pending, consumers []byte) []byte {
		return join(stream(listpackOf(entry...), "01 0501"), count(1), strs("g"), unhex("0000"), pending, consumers)
	}
	pel := join(count(1), rawID(5, 1), little(1, 8), count(1))
	for _, c := range []struct {
		name    string
		kind    snapshot.Type
		payload []byte
		offset  int64
		what    string
	}{
		{"empty list", 1, unhex("00"), 0, "not empty"},
		{"empty listpack", 20, str(listpackOf()), 0, "not empty"},
		{"empty quicklist", 18, join(count(1), []byte{2}, str(listpackOf())), 0, "not empty"},
		{"member twice", 2, join(count(3), strs("a", "b", "a")), 5, "unique members"},
		{"integer twice", 2, join(count(2), strs("12"), unhex("c00c")), 4, "unique members"},
		{"member twice, listpack", 20, str(listpackOf("a", "b", "a")), 1 + 6 + 6, "unique members"},
		{"member twice, LZF", 20, lzfString(listpackOf("a", "b", "a")), 0, "at byte 12 after"},
		{"field twice", 4, join(count(2), strs("a", "1", "a", "2")), 5, "unique fields"},
		{"field twice, zipmap", 9, str(zipmapOf(0, "a", "1", "a", "2")), 1 + 1 + 5, "unique fields"},
		{"scored twice", 5, join(count(2), strs("a"), f8(1), strs("a"), f8(2)), 11, "unique members"},
		{"NaN", 5, join(count(1), strs("a"), f8(nan())), 3, "NaN"},
		{"NaN, text", 3, join(count(1), strs("a"), []byte{253}), 3, "want a score, found something else"},
		{"no score", 17, str(listpackOf("a", "x")), 1 + 9, "want a score, found something else"},
		{"NaN, listpack", 17, str(listpackOf("a", "nan")), 1 + 9, "want a score, found something else"},
		{"Go's numbers", 17, str(listpackOf("a", "1_0")), 1 + 9, "want a score, found something else"},
		{"odd", 16, str(listpackOf("a", "1", "b")), 1 + 14, "a value after"},
		{"odd, zset", 12, str(ziplistOf("a", "1", "b")), 1 + 18, "a score after"},
		{"no expiry", 25, join(little(0, 8), str(listpackOf("a", "1"))), 9 + 11, "a field expiry"},
		{"expiry no number", 25, join(little(0, 8), str(listpackOf("a", "1", "x"))), 9 + 11, "a field expiry"},
		{"expiry out of range", 24, join(little(1<<48-1, 8), count(1), count(3), strs("a", "b")), 9, "field expiry"},
		{"negative expiry", valkeyHash, join(count(1), strs("a", "b"), little(-2, 8)), 5, "a field expiry"},
		{"intset unsorted", 11, str(intsetOf(2, 1, 3, 2)), 1 + 12, "ascending"},
		{"intset twice", 11, str(intsetOf(4, 1, 1)), 1 + 12, "ascending"},
		{"listpack count", 18, join(count(1), []byte{2}, str(unhex("0a000000 0200 816102 ff"))), 3 + 4, "count of 1"},
		{"listpack back-length", 20, str(unhex("0a000000 0100 816103 ff")), 1 + 8, "back-length"},
		{"listpack encoding", 20, str(unhex("09000000 0100 f501 ff")), 1 + 6, "0xf5"},
		{"listpack cut", 20, str(unhex("0a000000 0100 856102 ff")), 1 + 6, "7 bytes, found 3"},
		{"ziplist before", 10, str(unhex("0f000000 0c000000 0200 01f2 02f2 ff")), 1 + 10, "previous-entry size"},
		{"ziplist tail", 10, str(unhex("0f000000 0a000000 0200 00f2 02f2 ff")), 1 + 4, "at 12"},
		{"ziplist short", 10, str(nil), 1, "at least"},
		{"ziplist encoding", 10, str(unhex("0d000000 0a000000 0100 00ff ff")), 1 + 10, "0xff"},
		{"zipmap count", 9, str(unhex("02 0161 010062 ff")), 1, "count of 1"},
		{"zipmap over", 9, str(unhex("01 0161 050062 ff")), 1 + 3, "5 bytes"},
		{"zipmap free", 9, str(unhex("01 0161 010562 ff")), 1 + 3, "6 bytes"},
		{"trailing bytes", 1, join(count(1), strs("a", "b")), 3, "2 more bytes"},
		{"stream flags", 15, stream(changed(5, "4"), "01050100"), head + 6 + 11, "flags"},
		{"stream size", 15, stream(changed(9, "5"), "01050100"), head + 6 + 20, "size of an entry"},
		{"stream count", 15, stream(changed(0, "2"), "01050100"), head + 6, "2 entries"},
		{"stream deleted", 15, stream(changed(1, "1"), "01050100"), head + 6, "1 deleted"},
		{"stream names", 15, stream(changed(2, "2"), "01050100"), head + 6 + 11, "the end of the names"},
		{"stream number", 15, stream(changed(6, "x"), "01050100"), head + 6 + 13, "the time"},
		{"stream without entries", 15, unhex("00 01 0501 00"), 1, "length 1"},
		{"stream order", 15, join(count(2), str(rawID(5, 1)), str(listpackOf(entry...)), str(rawID(5, 1)), str(listpackOf(entry...)), unhex("02050100")),
			1 + 17 + 30 + 18 + 6 + 11, "ascending"},
		{"stream last", 15, stream(listpackOf(entry...), "01 0500 00"), head + 29, "last ID"},
		{"group twice", 15, join(stream(listpackOf(entry...), "01 0501"), count(2), strs("g"), unhex("00000000"), strs("g"), unhex("00000000")), 58, "unique groups"},
		{"consumer twice", 15, group(count(0), join(count(2), strs("c"), little(1, 8), count(0), strs("c"), little(1, 8), count(0))), 52, "unique consumers"},
		{"not pending", 15, group(pel, join(count(1), strs("c"), little(1, 8), count(1), rawID(5, 2))), 94, "pending in the group"},
		{"pending without consumer", 15, group(pel, count(0)), 52, "without one"},
		{"pending twice", 15, group(join(count(2), pel[1:], pel[1:]), count(0)), 82, "ascending IDs"},
		{"two consumers", 15, group(pel, join(count(2), strs("c"), little(1, 8), count(1), rawID(5, 1), strs("d"), little(1, 8), count(1), rawID(5, 1))), 121, "a second"},
	} {
		_, err := rdb.DecodeValue(c.kind, c.payload)
		var bad *rdb.CorruptError
		if !errors.As(err, &bad) || bad.Offset != c.offset || !strings.Contains(err.Error(), c.what) {
			t.Errorf("%s: DecodeValue error = %v, want %q at offset %d", c.name, err, c.what, c.offset)
		}
	}
}

func nan() float64 { return inf() - inf() }

func inf() float64 { f := 1e300; return f * f }

// TestLenient decodes values without validation. Only values that a server loads are accepted.
func TestLenient(t *testing.T) {
	for kind, p := range map[snapshot.Type][]byte{
		1: unhex("00"), 2: unhex("00"), 4: unhex("00"), 5: unhex("00"), 11: plainString(intsetOf(2)), 14: unhex("00"),
		17: plainString(listpackOf()), 12: plainString(ziplistOf()),
	} {
		if _, err := rdb.DecodeValue(kind, p); err == nil {
			t.Errorf("type %d: DecodeValue of an empty value = nil error, want an error", kind)
		}
		v, err := rdb.DecodeValue(kind, p, rdb.Validate(false))
		if err != nil || strings.Contains(print(v), " ") {
			t.Errorf("type %d: DecodeValue without validation = %v, want an empty value", kind, err)
		}
	}
	if _, err := rdb.DecodeValue(2, join(count(2), strs("a", "a")), rdb.Validate(false)); err == nil {
		t.Error("DecodeValue of a duplicate member = nil error, want an error")
	}
	if _, err := rdb.DecodeValue(2, join(count(2), strs("a", "b")), rdb.Checksum(false)); !errors.Is(err, rdb.ErrOption) {
		t.Errorf("DecodeValue with Checksum = %v, want ErrOption", err)
	}
	for _, kind := range []snapshot.Type{6, 8, 29, 33, 99, valkeyHash + 1} {
		if _, err := rdb.DecodeValue(kind, nil); !errors.Is(err, rdb.ErrUnsupported) {
			t.Errorf("DecodeValue of type %d = %v, want ErrUnsupported", kind, err)
		}
	}
	if v, err := rdb.DecodeValue(snapshot.String, []byte("s")); err != nil || print(v) != `string "s"` {
		t.Errorf("DecodeValue of a string = %v, %v, want string \"s\"", v, err)
	}
}

// damaged decodes a payload that may be damaged, and prints the value.
func damaged(t *testing.T, name string, kind snapshot.Type, p []byte) (string, error) {
	t.Helper()
	v, err := rdb.DecodeValue(kind, p)
	if err == nil {
		return print(v), nil
	}
	var bad *rdb.CorruptError
	if !errors.As(err, &bad) || bad.Offset < 0 || bad.Offset > int64(len(p)) {
		t.Fatalf("%s: error = %v, want one with an offset of at most %d", name, err, len(p))
	}
	return "", err
}

// TestValueBitFlips flips each bit of each shape, and truncates each shape at each byte.
func TestValueBitFlips(t *testing.T) {
	for _, s := range shapes() {
		p := append([]byte(nil), s.payload...)
		for i := range len(p) * 8 {
			p[i/8] ^= 1 << (i % 8)
			damaged(t, fmt.Sprintf("%s, bit %d", s.name, i), s.kind, p)
			p[i/8] ^= 1 << (i % 8)
		}
		for n := range len(p) {
			if _, err := damaged(t, fmt.Sprintf("%s truncated at %d", s.name, n), s.kind, p[:n]); !errors.Is(err, corrupt.ErrTorn) {
				t.Fatalf("%s truncated at %d: DecodeValue = %v, want ErrTorn", s.name, n, err)
			}
		}
	}
}

// bomb returns a compressed string that repeats unit, which has at least 3 bytes.
func bomb(unit []byte, head []byte, times int, tail []byte) []byte {
	var stream []byte
	literal := func(p []byte) {
		for len(p) > 0 {
			n := min(len(p), 32)
			stream = append(append(stream, byte(n-1)), p[:n]...)
			p = p[n:]
		}
	}
	size := len(head) + len(unit)*times + len(tail)
	literal(join(head, unit))
	back := len(unit) - 1
	for rest := len(unit) * (times - 1); rest > 0; {
		n := min(rest, 264)
		if rest-n > 0 && rest-n < 9 {
			n -= 9
		}
		if n < 9 {
			literal(make([]byte, n))
		} else {
			stream = append(stream, 0xe0|byte(back>>8), byte(n-9), byte(back))
		}
		rest -= n
	}
	literal(tail)
	return join([]byte{0xc3}, plainLength(len(stream)), plainLength(size), stream)
}

// TestMemoryIsBounded decodes values that are small in a file but large in memory.
func TestMemoryIsBounded(t *testing.T) {
	const n = 2_000_000
	ones := bomb([]byte{1, 1}, join(little(2*n+7, 4), little(65535, 2)), n, []byte{0xff})
	big := bomb([]byte("aaa"), nil, n, nil)
	var growing []byte
	for i := range 300 {
		growing = append(growing, bomb([]byte(fmt.Sprintf("%03d", i)), nil, 20_000+100*i, nil)...)
	}
	groups := join(unhex("00 00 0000"), plainLength(100_000))
	for i := range 100_000 {
		groups = append(groups, strs(fmt.Sprintf("%x", i))...)
		groups = append(groups, 0, 0, 0, 0)
	}
	short := join(unhex("00 00 0000"), plainLength(60_000))
	for i := range 60_000 {
		short = append(short, 2, byte(i>>8), byte(i), 0, 0, 0, 0)
	}
	unnamed := join(unhex("00 00 0000"), plainLength(200_000), make([]byte, 1_000_000))
	producers := join(make([]byte, 10), unhex("00 00"), plainLength(200_000), make([]byte, 400_000), unhex("0000"))
	produced := join(make([]byte, 10), unhex("00 00"), plainLength(100_000), bytes.Repeat(unhex("00 01 00 00 00"), 100_000), unhex("0000"))
	slots := join(plainLength(100_000), unhex("00"))
	for i := range 100_000 {
		slots = append(append(slots, plainLength(i)...), 0, 0)
	}
	many := plainLength(200_000)
	for i := range 200_000 {
		many = append(many, strs(fmt.Sprintf("%c%c%c", i%200, i/200%200, i/40000))...)
	}
	for _, c := range []struct {
		name    string
		kind    snapshot.Type
		payload []byte
		ok      bool
	}{
		{"list of ones", 18, join(count(1), []byte{2}, ones), true},
		{"set of ones", 20, ones, false},
		{"hash of ones", 16, ones, false},
		{"zset of ones", 17, ones, false},
		{"long elements", 1, join(count(2), big, big), true},
		{"long member twice", 2, join(count(2), big, big), false},
		{"growing members", 2, join(plainLength(300), growing), true},
		{"growing members, one twice", 2, join(plainLength(301), growing, bomb([]byte("000"), nil, 20_000, nil)), false},
		{"long group", 15, join(unhex("00 00 0000 01"), big, unhex("00000000")), true},
		{"many groups", 15, groups, true},
		{"many short groups", 15, short, true},
		{"many groups without name", 15, unnamed, false},
		{"many members", 2, many, true},
		{"many producers", 26, producers, true},
		{"many producers with an id", 27, produced, true},
		{"many slots", 28, slots, true},
		{"huge count", 4, unhex("81ffffffffffffffff"), false},
		{"huge PEL", 15, unhex("00 00 0000 01 0161 0000 81ffffffffffffffff"), false},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		v, err := rdb.DecodeValue(c.kind, c.payload)
		runtime.ReadMemStats(&after)
		if (err == nil) != c.ok {
			t.Errorf("%s: DecodeValue = %v, want success: %v", c.name, err, c.ok)
		}
		if got, most := after.TotalAlloc-before.TotalAlloc, 128*uint64(len(c.payload))+1<<20; got > most {
			t.Errorf("%s: DecodeValue allocated %d bytes for %d, want at most %d", c.name, got, len(c.payload), most)
		}
		if l, ok := v.(*rdb.List); ok && c.kind == 18 && l.Len() != n {
			t.Errorf("%s: Len = %d, want %d", c.name, l.Len(), n)
		}
	}
}

// TestValidate checks that damage in values is found only with validation, and that Check counts
// odd values.
func TestValidate(t *testing.T) {
	p := file("REDIS0011", "02016b 02 0161 0161", "14016c 10 10000000 0300 8161 02 8162 02 8161 02 ff", "01016d 00")
	var bad *rdb.CorruptError
	if _, _, err := decode(p); !errors.As(err, &bad) || bad.Offset != 15 || !strings.Contains(bad.What, "key 1, set of type 2") {
		t.Errorf("Decode = %v, want damage in key 1 at offset 15", err)
	}
	if g, _, err := decode(p, rdb.Validate(false)); err != nil || len(g.entries) != 3 {
		t.Errorf("Decode without validation = %v with %d entries, want 3", err, len(g.entries))
	}
	check := func(p []byte, opts ...rdb.Option) (rdb.Report, error) {
		return rdb.Check(context.Background(), bytes.NewReader(p), int64(len(p)), opts...)
	}
	if r, err := check(p); err == nil || r.Keys != 0 {
		t.Errorf("Check = %+v, %v, want an error at the first key", r, err)
	}
	if r, err := check(p, rdb.Validate(false)); err != nil || r.Keys != 3 || r.Odd != 0 {
		t.Errorf("Check without validation = %+v, %v, want 3 keys", r, err)
	}
	p = file("REDIS0011", "02016b 02 0161 0162", "01016d 00", "14016e 07 07000000 0000 ff")
	r, err := check(p)
	if err != nil || r.Keys != 3 || r.Odd != 2 || r.FirstOdd.Offset != 20 || !strings.Contains(r.FirstOdd.What, "key 2, list of type 1") {
		t.Errorf("Check = %+v, %v, want 3 keys, 2 of them odd, the first at offset 20", r, err)
	}
	if _, _, err := rdb.ParseDump(payload(unhex("02 02 0161 0161"), 9)); !errors.As(err, &bad) || bad.Offset != 4 {
		t.Errorf("ParseDump = %v, want damage at offset 4", err)
	}
}
