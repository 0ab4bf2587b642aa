package table_test

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"strings"
	"testing"

	"github.com/perduredb/perdure/internal/table"
)

// families lists typical keys of programs, and keys that collide in other hash functions.
var families = map[string]func(i int) string{
	"decimal":   func(i int) string { return fmt.Sprint(i) },
	"padded":    func(i int) string { return fmt.Sprintf("key:%012d", i) },
	"hex":       func(i int) string { return fmt.Sprintf("%x", i) },
	"words":     func(i int) string { return fmt.Sprintf("user:%d:profile:settings", i) },
	"high":      func(i int) string { return string(binary.BigEndian.AppendUint64(nil, uint64(i))) },
	"low":       func(i int) string { return string(binary.LittleEndian.AppendUint64(nil, uint64(i))) },
	"top":       func(i int) string { return string(binary.LittleEndian.AppendUint64(nil, uint64(i)<<44)) },
	"front":     func(i int) string { return fmt.Sprintf("%08d", i) + strings.Repeat("-", 30) },
	"middle":    func(i int) string { return fmt.Sprintf("%020d%07d%020d", 0, i, 0) },
	"even":      func(i int) string { return fmt.Sprint(i * 4096) },
	"same FNV":  sameFNV(),
	"zeros":     func(i int) string { return strings.Repeat("\x00", i%8) + fmt.Sprintf("%05x", i) },
	"two words": func(i int) string { return fmt.Sprintf("%08d%08d", i%300, i/300) },
}

// sameFNV returns keys with equal low bits in FNV-1a.
func sameFNV() func(i int) string {
	var keys []string
	next := 0
	return func(i int) string {
		for ; len(keys) <= i; next++ {
			k := fmt.Sprint("k", next)
			h := fnv.New64a()
			h.Write([]byte(k))
			if h.Sum64()&15 == 7 {
				keys = append(keys, k)
			}
		}
		return keys[i]
	}
}

// TestKeysSpread checks that keys of each family are distributed evenly over shards, and in a shard
// over buckets and tags.
func TestKeysSpread(t *testing.T) {
	const n, cells = 50_000, 256 // 195 keys in a cell, with a standard deviation of 14
	for name, key := range families {
		for range 3 {
			tb := table.New(table.Options{Shards: cells})
			parts := map[string]func(h uint64) uint64{
				"shards":   func(h uint64) uint64 { return uint64(tb.ShardIndex(h)) },
				"segments": func(h uint64) uint64 { return h >> 48 % cells },
				"buckets":  func(h uint64) uint64 { return h >> 8 % cells },
				"tags":     func(h uint64) uint64 { return h % cells },
			}
			for part, cellOf := range parts {
				var counts [cells]int
				for i := range n {
					counts[cellOf(tb.Hash(key(i)))]++
				}
				for cell, c := range counts {
					if c < n/cells/2 || c > n/cells*3/2 {
						t.Errorf("%s: %d of %d keys in cell %d of the %s, want about %d", name, c, n, cell, part, n/cells)
						break
					}
				}
			}
			tb.Close()
		}
	}
}
