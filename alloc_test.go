package perdure_test

import (
	"testing"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/storecheck"
)

// TestHotPathsAllocateNothing checks the doc comments that promise no allocation.
func TestHotPathsAllocateNothing(t *testing.T) {
	for name, s := range map[string]*perdure.Store{
		"memory": memory(t),
		"log":    open(t, t.TempDir(), logOnly(aof.Fsync(aof.No), aof.AutoRewrite(0, 0))...),
	} {
		keys := benchKeys(1000)
		fill(t, s, keys)
		var buf []byte
		var b perdure.Batch
		pairs := make([]perdure.Pair, 32)
		value := make([]byte, 64)
		h, l, m, z := s.HashAt("hash"), s.ListAt("list"), s.SetAt("set"), s.SortedSetAt("sorted set")
		ok(t, second(z.Add(keys[0], 1)))
		i := 0
		next := func() string { i++; return keys[i%len(keys)] }
		for what, do := range map[string]func() error{
			"AppendGet": func() (err error) { buf, err = s.AppendGet(buf[:0], next()); return err },
			"Set":       func() error { return s.Set(next(), value) },
			"Set TTL":   func() error { return s.Set("with a TTL", value, perdure.TTL(time.Hour)) },
			"TTL":       func() error { _, err := s.TTL(next()); return err },
			"Incr":      func() error { _, err := s.Incr("n"); return err },
			"MSet": func() error {
				for j := range pairs {
					pairs[j] = perdure.Pair{Key: next(), Value: value}
				}
				return s.MSet(pairs...)
			},
			"Hash.Set":    func() error { return second(h.Set(keys[0], value)) },
			"Hash.IncrBy": func() error { return second(h.IncrBy(keys[1], 1000)) },
			"Hash.Len":    func() error { return second(h.Len()) },
			"List.PushBack and Trim": func() error {
				if _, err := l.PushBack(value); err != nil {
					return err
				}
				return l.Trim(0, 9)
			},
			"Set.Add":          func() error { return second(m.Add(next())) },
			"Set.Has":          func() error { return second(m.Has(next())) },
			"SortedSet.Add":    func() error { return second(z.Add(next(), float64(i))) },
			"SortedSet.IncrBy": func() error { return second(z.IncrBy(keys[0], 0.5)) },
			"SortedSet.Rank":   func() error { return second(z.Rank(keys[0])) },
			"Batch": func() error {
				b.Reset()
				for range 10 {
					b.Get(next())
					b.Set(next(), value)
					b.Incr("n")
				}
				return s.Run(&b)
			},
		} {
			for range 100 {
				ok(t, do())
			}
			n := testing.AllocsPerRun(500, func() { ok(t, do()) })
			if n > 0 && !storecheck.RaceEnabled && !storecheck.Checked {
				t.Errorf("%s, %s: %v allocations, want 0", name, what, n)
			}
		}
	}
}
