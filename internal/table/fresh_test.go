package table_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/perduredb/perdure/internal/table"
)

// setFresh stores a missing key after it has read only the home bucket, if that is sufficient.
// These tests check the other cases. The low byte of a hash is the tag, and the next six bits are
// the home bucket.

// oneSegment puts all keys into one segment, as long as few share a home bucket.
var oneSegment = table.Options{Shards: 1, Databases: 3, Seed: [2]uint64{1, 2}}

// freshKeys returns n keys with hashes for which ok returns true.
func freshKeys(tab *table.Table, n int, ok func(h uint64) bool) (keys []string) {
	for i := 0; len(keys) < n; i++ {
		if key := fmt.Sprint("key", i); ok(tab.Hash(key)) {
			keys = append(keys, key)
		}
	}
	return keys
}

func home(h uint64) uint64 { return h >> 8 & 63 }

// TestSetFreshAfterFullBucket checks that a free slot in the home bucket does not mean that a key
// is missing. The key may have overflowed to the next bucket.
func TestSetFreshAfterFullBucket(t *testing.T) {
	for _, at := range []uint64{0, 1, 2, 3, 40, 63} { // the first bucket follows the last
		m := newModel(t, oneSegment)
		keys := freshKeys(m.tab, 20, func(h uint64) bool { return home(h) == at })
		for i, key := range keys {
			m.set(name{0, key}, value{bytes: fmt.Sprint("value ", i)})
			m.check()
		}
		for i, key := range keys[12:] {
			m.delete(name{0, keys[i]})
			m.set(name{0, key}, value{bytes: fmt.Sprint("again ", i)})
			m.check()
			m.set(name{0, keys[i]}, value{bytes: fmt.Sprint("back ", i)})
			m.check()
		}
		for _, key := range keys[12:] { // after this, no key has overflowed the bucket
			m.delete(name{0, key})
		}
		m.delete(name{0, keys[0]})
		for i, key := range keys {
			m.set(name{0, key}, value{bytes: fmt.Sprint("at last ", i), expire: int64(i % 2)})
			m.check()
		}
	}
}

// TestSetFreshTags checks that different keys can share a bucket and a tag, and that a hash with a
// zero low byte does not have the tag of an empty slot.
func TestSetFreshTags(t *testing.T) {
	for _, tag := range []byte{0, 1, 2, 0x80, 0xff} {
		m := newModel(t, oneSegment)
		// The table must not be empty.
		m.set(name{0, freshKeys(m.tab, 1, func(h uint64) bool { return home(h) == 6 })[0]}, value{})
		keys := freshKeys(m.tab, 8, func(h uint64) bool { return home(h) == 5 && byte(h) == tag })
		keys = append(keys, freshKeys(m.tab, 4, func(h uint64) bool { return home(h) == 5 && byte(h) == 1 })...)
		for round := range 3 {
			for i, key := range keys {
				m.set(name{0, key}, value{bytes: fmt.Sprint("value ", i, round)})
				m.check()
			}
			m.delete(name{0, keys[round]})
			m.delete(name{0, keys[7-round]})
		}
	}
}

// TestSetFreshContents checks that stored keys are found and counted in their database, and that an
// open view does not contain them.
func TestSetFreshContents(t *testing.T) {
	values := []value{
		{}, {bytes: "a value"}, {bytes: "-42"}, {bytes: "bytes of another type", kind: table.Opaque},
		{bytes: strings.Repeat("v", 40<<10)}, {bytes: strings.Repeat("v", 300<<10)},
	}
	for _, v := range values {
		values = append(values, value{v.kind, v.bytes, 77})
	}
	m := newModel(t, oneSegment)
	for db := range 3 {
		m.set(name{db, "the first"}, value{}) // before it, the database has no buckets
	}
	set := func(round int) {
		for i, v := range values {
			for _, size := range []int{0, 300, 2000} {
				m.set(name{i % 3, fmt.Sprint(round, i, strings.Repeat("k", size))}, v)
				m.check()
			}
		}
	}
	set(0)
	view, want := m.freeze()
	set(1)
	got := map[name]value{}
	if err := view.Scan(func(e table.Entry) bool {
		if len(got) == len(want)/2 {
			set(2)
		}
		m.collect(got, e)
		return true
	}); err != nil {
		t.Fatal(err)
	}
	m.equal(got, want)
	view.Close()
	m.check()
	for n := range m.want {
		m.delete(n)
	}
	m.check()
	if mem := m.tab.Memory(); mem != (table.MemoryStats{}) {
		t.Errorf("memory of an empty table = %+v, want none", mem)
	}
}

// TestSetFreshCrowded runs random operations on few full buckets, and on chains of segments.
func TestSetFreshCrowded(t *testing.T) {
	for _, c := range []struct {
		mask uint64
		keys int
	}{
		{0x3ff, 60},        // 4 home buckets
		{0x3f01, 1200},     // all home buckets, 2 tags, and one prefix, which leads to chains
		{0x1f<<59 | 1, 60}, // one home bucket in each of several segments
	} {
		t.Run(fmt.Sprintf("%#x", c.mask), func(t *testing.T) {
			t.Cleanup(table.MaskHash(c.mask))
			m := newModel(t, table.Options{Shards: 1, Databases: 3})
			r := newRandom(c.mask, c.keys)
			r.maxValue = 200
			for i := range 20_000 / scale {
				m.step(r)
				if i%500 == 0 {
					m.check()
				}
			}
			m.check()
		})
	}
}
