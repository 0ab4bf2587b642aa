package collection_test

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/perduredb/perdure/internal/collection"
	"github.com/perduredb/perdure/internal/listpack"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// short, long, and longest return a string of an RDB file, with the three forms of a length.
func short(p []byte) string { return string(rune(len(p))) + string(p) }

func long(p []byte) string {
	return string(binary.BigEndian.AppendUint16(nil, uint16(len(p))|0x4000)) + string(p)
}

func longest(p []byte) string {
	return "\x80" + string(binary.BigEndian.AppendUint32(nil, uint32(len(p)))) + string(p)
}

// TestValueKeepsBytes stores values of RDB files, and compares the bytes that a save would write.
func TestValueKeepsBytes(t *testing.T) {
	const hash, sortedSet, list, set = 16, 17, 18, 20
	framed := func(n, count int) []byte {
		return listpack.AppendFrame(nil, bytes.Repeat([]byte{1, 1}, n), count)
	}
	for name, tt := range map[string]struct {
		typ   snapshot.Type
		value string
		saved int // bytes less than a type and the value
	}{
		"short":             {hash, short(framed(2, 2)), 7},
		"long":              {sortedSet, long(framed(100, 100)), 8},
		"longest":           {set, longest(framed(16000, 16000)), 11},
		"list":              {list, "\x01\x02" + long(framed(100, 100)), 10},
		"wrong count":       {hash, short(framed(2, 3)), 7},
		"too many entries":  {hash, longest(framed(1<<14, 1<<14)), 0},
		"unknown count":     {hash, long(framed(100, listpack.Unknown)), 0},
		"long length":       {hash, long(framed(2, 2)), 0},
		"longest length":    {hash, longest(framed(100, 100)), 0},
		"list of two nodes": {list, "\x02\x02" + short(framed(2, 2)) + "\x02" + short(framed(2, 2)), 0},
		"damaged frame":     {hash, strings.Replace(short(framed(2, 2)), "\xff", "\xfe", 1), 0},
		"not a listpack":    {hash, "\x03abc", 0},
		"another dialect":   {snapshot.Valkey | hash, short(framed(2, 2)), 0},
	} {
		t.Run(name, func(t *testing.T) {
			stored := collection.AppendStored([]byte("x"), tt.typ, []byte(tt.value))[1:]
			if got := collection.Type(stored); got != tt.typ {
				t.Errorf("Type = %d, want %d", got, tt.typ)
			}
			if got := collection.Value([]byte("x"), stored); strings.TrimPrefix(string(got), "x") != tt.value {
				t.Errorf("Value = %d bytes, want the %d bytes that were stored", len(got), len(tt.value))
			}
			if got := 2 + len(tt.value) - len(stored); got != tt.saved {
				t.Errorf("stored form has %d bytes less, want %d", got, tt.saved)
			}
		})
	}
}

// TestCountsAtLimits changes lists whose numbers of entries are near the most that a packed form or
// a listpack counts. The count in the value of each stored form must be correct.
func TestCountsAtLimits(t *testing.T) {
	const list = 18
	for _, n := range []int{1, 1<<14 - 2, 1<<14 - 1, 1 << 14, 1<<16 - 2, 1<<16 - 1, 1 << 16} {
		frame := listpack.AppendFrame(nil, bytes.Repeat([]byte{1, 1}, n), n)
		wrapped := short(frame)
		switch {
		case len(frame) >= 1<<14:
			wrapped = longest(frame)
		case len(frame) >= 1<<6:
			wrapped = long(frame)
		}
		l := must[collection.List](t)(collection.OpenList(collection.Env{}, collection.AppendStored(nil, list, []byte("\x01\x02"+wrapped))))
		check := func(want int) {
			t.Helper()
			stored := bytes.Clone(l.Stored())
			v, err := rdb.DecodeValue(list, collection.Value(nil, stored))
			if err != nil || v.(*rdb.List).Len() != want {
				t.Fatalf("list of %d: DecodeValue = %v, want %d elements", n, err, want)
			}
			l = must[collection.List](t)(collection.OpenList(collection.Env{}, stored))
			if got := l.Len(); got != want {
				t.Fatalf("list of %d: Len = %d, want %d", n, got, want)
			}
		}
		check(n)
		l.PushBack([]byte("a"))
		check(n + 1)
		l.PushBack([]byte("b"))
		check(n + 2)
		l.Delete(0, 1)
		check(n + 1)
		l.Delete(0, 1)
		check(n)
	}
}
