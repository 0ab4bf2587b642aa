package collection_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/perduredb/perdure/internal/collection"
	"github.com/perduredb/perdure/internal/tree"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// plainTypes are the plainest types of RDB files: of a list, a set, a hash, and a sorted set.
var plainTypes = []snapshot.Type{1, 2, 4, 5}

// payload returns a value of a plain type with n elements. In a sixth of the values, the last
// element may be the same as the first.
func payload(rng *rand.Rand, t snapshot.Type, n int) []byte {
	p := binary.BigEndian.AppendUint32([]byte{0x80}, uint32(n))
	twice := rng.IntN(6) == 0
	for i := range n {
		if twice && i == n-1 {
			i = 0
		}
		p = appendText(p, rng, fmt.Sprint("element ", i))
		switch t {
		case 4:
			p = appendText(p, rng, "value")
		case 5:
			p = binary.LittleEndian.AppendUint64(p, math.Float64bits(float64(rng.IntN(20))))
		}
	}
	return p
}

// appendText appends a string that begins with s: short, long, or compressed.
func appendText(p []byte, rng *rand.Rand, s string) []byte {
	switch len(s) * 7 % 10 {
	case 0:
		s += strings.Repeat("x", 600)
	case 1: // a literal run of s and a 0, and 264 more copies of the 0
		packed := append(append([]byte{byte(len(s))}, s...), 0, 0xe0, 0xff, 0)
		p = append(p, 0xc3, byte(len(packed)), 0x40|byte((len(s)+265)>>8), byte(len(s)+265))
		return append(p, packed...)
	}
	if rng.IntN(2) == 0 && len(s) < 64 {
		return append(append(p, byte(len(s))), s...)
	}
	return append(append(p, 0x40|byte(len(s)>>8), byte(len(s))), s...)
}

// elements returns the elements of a stored form, sorted unless it is a list.
func elements(t *testing.T, env collection.Env, stored []byte) (all []string) {
	t.Helper()
	switch v := checked(t, env, stored).(type) {
	case *rdb.List:
		for e := range v.All() {
			all = append(all, string(e))
		}
		return all
	case *rdb.Set:
		for m := range v.All() {
			all = append(all, string(m))
		}
	case *rdb.Hash:
		for f := range v.All() {
			all = append(all, fmt.Sprintf("%q %q", f.Name, f.Value))
		}
	case *rdb.SortedSet:
		for m := range v.All() {
			all = append(all, fmt.Sprintf("%q %v", m.Member, m.Score))
		}
	}
	slices.Sort(all)
	return all
}

// agree converts a value with trees and without, and compares the results. It checks that no memory
// of trees remains afterwards.
func agree(t *testing.T, m *memory, value []byte) {
	t.Helper()
	env := collection.Env{Space: tree.NewSpace(m)}
	want, wantErr := collection.Convert(collection.Env{}, value)
	got, err := collection.Convert(env, value)
	switch {
	case errors.Is(err, tree.ErrNoMemory):
	case (err == nil) != (wantErr == nil):
		t.Fatalf("Convert of type %d = %v, want %v", collection.Type(value), err, wantErr)
	case err == nil:
		if diff := cmp.Diff(elements(t, collection.Env{}, want), elements(t, env, got)); diff != "" {
			t.Fatalf("Convert of type %d (-want +got):\n%s", collection.Type(value), diff)
		}
		if collection.IsLarge(got) {
			if _, err := env.Space.Used(roots(got)...); err != nil {
				t.Fatal(err)
			}
		}
		collection.Discard(env, got)
	}
	for env.Space.Reclaim(100) {
	}
	if stats := env.Space.Stats(); stats != (tree.Stats{}) {
		t.Fatalf("%+v remain of type %d after %v, want none", stats, collection.Type(value), err)
	}
}

// roots returns the roots of a stored form of a large collection.
func roots(stored []byte) (all []tree.Root) {
	for rest := collection.Value(nil, stored); ; rest = rest[tree.RootSize:] {
		root, ok := tree.ParseRoot(rest)
		if !ok {
			return all
		}
		all = append(all, root)
	}
}

// TestConvertAgreesWithoutTrees converts values of every plain type, a half of them damaged.
func TestConvertAgreesWithoutTrees(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 5))
	for i := range 400 {
		typ := plainTypes[i%len(plainTypes)]
		p := payload(rng, typ, 1+rng.IntN(300))
		if i%8 < 4 {
			p[rng.IntN(len(p))] ^= 1 << rng.IntN(8)
			p = p[:len(p)-rng.IntN(2)*rng.IntN(len(p))]
		}
		agree(t, &memory{}, collection.AppendStored(nil, typ, p))
	}
}

// TestConvertWithoutMemory refuses each allocation of a conversion in turn.
func TestConvertWithoutMemory(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 5))
	for _, typ := range plainTypes {
		value := collection.AppendStored(nil, typ, payload(rng, typ, 250))
		for n := 0; ; n++ {
			m := &memory{left: n, limited: true}
			agree(t, m, value)
			if m.left > 0 {
				break
			}
		}
	}
}

// TestConvertKeepsSmall checks that a long value of few bytes in a listpack stays small.
func TestConvertKeepsSmall(t *testing.T) {
	p := []byte{0x40 | 200>>8, 200}
	for range 200 {
		p = append(p, 18)
		p = append(p, "100000000000000000"...)
	}
	stored, err := collection.Convert(collection.Env{Space: tree.NewSpace(&memory{})}, collection.AppendStored(nil, 1, p))
	if err != nil || collection.IsLarge(stored) {
		t.Fatalf("Convert = a large list, %v, want a small one of 2,000 bytes", err)
	}
}

// TestConvertOfCompressedElementsWithoutMemory converts a long set whose members are compressed to
// 17 of 273 bytes, and checks that a limit of memory also applies to them.
func TestConvertOfCompressedElementsWithoutMemory(t *testing.T) {
	const n = 100_000
	p := binary.BigEndian.AppendUint32([]byte{0x80}, n)
	for i := range n { // 8 literal bytes and a 0, and 264 more copies of the 0
		p = append(p, 0xc3, 13, 0x40|273>>8, 273&0xff, 8)
		p = append(fmt.Appendf(p, "%08d", i), 0, 0xe0, 0xff, 0)
	}
	stored := collection.AppendStored(nil, 2, p)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := collection.Convert(collection.Env{Space: tree.NewSpace(&memory{left: 10, limited: true})}, stored)
	runtime.ReadMemStats(&after)
	if used, most := after.TotalAlloc-before.TotalAlloc, uint64(30*len(p)); !errors.Is(err, tree.ErrNoMemory) || used > most {
		t.Errorf("Convert of %d bytes = %v, and allocated %d bytes, want ErrNoMemory and at most %d", len(p), err, used, most)
	}
}

// FuzzConvert converts values with trees and without.
func FuzzConvert(f *testing.F) {
	rng := rand.New(rand.NewPCG(3, 5))
	for _, typ := range plainTypes {
		f.Add(uint16(typ), payload(rng, typ, 150), 1000)
		f.Add(uint16(typ), payload(rng, typ, 150), 10)
	}
	f.Fuzz(func(t *testing.T, typ uint16, value []byte, allocations int) {
		m := &memory{left: allocations, limited: true}
		agree(t, m, collection.AppendStored(nil, snapshot.Type(typ&(1<<14-1)), value))
	})
}
