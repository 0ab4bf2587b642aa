package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/perduredb/perdure"
)

// fragmentation measures the memory that a store keeps after data was deleted or changed its size.
// It writes memory.md.
func fragmentation(s settings) error {
	out, err := os.Create(filepath.Join(s.out, "memory.md"))
	if err != nil {
		return err
	}
	defer out.Close()
	w := io.MultiWriter(os.Stdout, out)
	fmt.Fprintf(w, "# Memory that is released\n\n%d keys of 16 bytes at first. %s.\n\n", s.keys, machine())
	fmt.Fprintf(w, "| then | keys | needed MiB | reserved MiB | RSS MiB | RSS/needed | at rest after |\n|---|---|---|---|---|---|---|\n")
	store, err := perdure.New()
	if err != nil {
		return err
	}
	defer store.Close()
	f := &fragmenter{store: store, rng: rand.New(rand.NewPCG(1, 2)), keys: s.keys, w: w}
	collect()
	f.empty = resident(nil)
	for _, p := range phases {
		if err := p.do(f); err != nil {
			return err
		}
		f.line(p.name)
	}
	if err := f.disturbance(); err != nil {
		return err
	}
	return out.Close()
}

type fragmenter struct {
	store *perdure.Store
	rng   *rand.Rand
	keys  int
	empty int64
	w     io.Writer
}

var phases = []struct {
	name string
	do   func(*fragmenter) error
}{
	{"fill with values of 64 bytes", func(f *fragmenter) error { return f.set(1, sized(64)) }},
	{"every value becomes 200 bytes", func(f *fragmenter) error { return f.set(1, sized(200)) }},
	{"delete half, at random", func(f *fragmenter) error { return f.delete(0.5) }},
	{"half of what is left becomes 30 bytes", func(f *fragmenter) error { return f.set(0.5, sized(30)) }},
	{"delete nine of ten, at random", func(f *fragmenter) error { return f.delete(0.9) }},
	{"fill with values of 10 to 1000 bytes", func(f *fragmenter) error { return f.fill(1, f.between(10, 1000)) }},
	{"every value of another such size", func(f *fragmenter) error { return f.set(1, f.between(10, 1000)) }},
	{"delete nine of ten, at random", func(f *fragmenter) error { return f.delete(0.9) }},
	{"a thousandth of 100 KiB", func(f *fragmenter) error { return f.fill(0.001, sized(100<<10)) }},
	{"delete half, at random", func(f *fragmenter) error { return f.delete(0.5) }},
	{"FlushAll", func(f *fragmenter) error { return f.store.FlushAll() }},
}

func sized(n int) func() int { return func() int { return n } }

func (f *fragmenter) between(low, high int) func() int {
	return func() int { return low + f.rng.IntN(high-low+1) }
}

// fill sets a share of all keys, whether they exist or not.
func (f *fragmenter) fill(share float64, size func() int) error {
	for _, i := range f.rng.Perm(f.keys)[:int(share*float64(f.keys))] {
		if err := f.store.Set(f.key(i), f.value(size())); err != nil {
			return err
		}
	}
	return nil
}

// set sets a share of the existing keys, or of all keys if none exists.
func (f *fragmenter) set(share float64, size func() int) error {
	if f.store.Len() == 0 {
		return f.fill(share, size)
	}
	return f.each(share, func(key string) error { return f.store.Set(key, f.value(size())) })
}

func (f *fragmenter) delete(share float64) error {
	return f.each(share, func(key string) error { _, err := f.store.Delete(key); return err })
}

func (f *fragmenter) each(share float64, do func(key string) error) error {
	for _, i := range f.rng.Perm(f.keys) {
		key := f.key(i)
		if n, err := f.store.Exists(key); err != nil {
			return err
		} else if n > 0 && f.rng.Float64() < share {
			if err := do(key); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *fragmenter) key(i int) string { return string(appendKey(nil, uint64(i))) }

func (f *fragmenter) value(n int) []byte { return values[:n] }

// line waits until memory is stable, for at most a minute, and prints the memory in use.
func (f *fragmenter) line(name string) {
	began := time.Now()
	collect()
	least, since := resident(nil), time.Now()
	for time.Since(since) < 2*time.Second && time.Since(began) < time.Minute {
		time.Sleep(20 * time.Millisecond)
		if now := resident(nil); now < least-least/200 {
			least, since = now, time.Now()
		}
	}
	rss := least - f.empty
	s := f.store.Stats()
	const mib = 1 << 20
	ratio := "-"
	if s.MemoryUsed > 0 {
		ratio = fmt.Sprintf("%.2f", float64(rss)/float64(s.MemoryUsed))
	}
	fmt.Fprintf(f.w, "| %s | %d | %.1f | %.1f | %.1f | %s | %.2f s |\n", name, s.Keys, float64(s.MemoryUsed)/mib,
		float64(s.MemoryReserved)/mib, float64(rss)/mib, ratio, since.Sub(began).Seconds())
}

// disturbance measures the duration of Get and Set while entries are moved, and afterward.
func (f *fragmenter) disturbance() error {
	fmt.Fprintf(f.w, "\n| %d keys, nine of ten deleted | calls | p50 | p99 | p99.9 | p99.99 | longest |\n|---|---|---|---|---|---|---|\n", f.keys)
	if err := f.fill(1, sized(64)); err != nil {
		return err
	}
	if err := f.delete(0.9); err != nil {
		return err
	}
	moving := f.time(func(time.Duration) bool { return f.store.Stats().DefragRunning })
	rest := f.time(func(d time.Duration) bool { return d < 2*time.Second })
	for _, row := range []struct {
		name string
		took [2]histogram
	}{{"while entries are moved", moving}, {"at rest", rest}} {
		for i, call := range []string{"Get", "Set"} {
			h := &row.took[i]
			fmt.Fprintf(f.w, "| %s, %s | %d | %v | %v | %v | %v | %v |\n", call, row.name, h.count, h.quantile(0.5), h.quantile(0.99),
				h.quantile(0.999), h.quantile(0.9999), h.max)
		}
	}
	return nil
}

// time runs Get and Set of random keys in turn while more returns true.
func (f *fragmenter) time(more func(time.Duration) bool) (took [2]histogram) {
	began := time.Now()
	var value []byte
	for i := 0; i%4096 != 0 || more(time.Since(began)); i++ {
		key := f.key(f.rng.IntN(f.keys))
		begin := time.Now()
		if i&1 == 0 {
			value, _ = f.store.AppendGet(value[:0], key) // most of the keys do not exist
		} else if err := f.store.Set(key, values[:valueSize]); err != nil {
			panic(err) // a store in memory does not fail
		}
		took[i&1].record(time.Since(begin))
	}
	return took
}
