package integration_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/storecheck"
	"github.com/perduredb/perdure/internal/storefs"
	"github.com/perduredb/perdure/internal/vfs"
)

// largeSizes contains sizes around the smallest size of a linked value.
var largeSizes = []int{0, 9, 70 << 10, 256<<10 - 1, 256 << 10, 256<<10 + 1, 300 << 10, 1 << 20}

// bigOp performs a random operation on a store and on a map, and compares the results.
func bigOp(t *testing.T, s *perdure.Store, m map[string]string, rng *rand.Rand) {
	k, other := fmt.Sprint("k", rng.IntN(3)), fmt.Sprint("k", rng.IntN(3))
	v := described(rng.Uint64(), 8+largeSizes[rng.IntN(len(largeSizes))])
	old, there := m[k]
	switch rng.IntN(11) {
	case 0, 1:
		ok(t, s.Set(k, v))
		m[k] = string(v)
	case 2:
		ok(t, s.MSet(perdure.Pair{Key: k, Value: v}, perdure.Pair{Key: other, Value: v[8:]}, perdure.Pair{Key: k, Value: v}))
		m[other] = string(v[8:])
		m[k] = string(v)
	case 3:
		stored, err := s.SetIfAbsent(k, v)
		ok(t, err)
		if stored == there {
			t.Fatalf("SetIfAbsent = %v, want %v", stored, !there)
		}
		if stored {
			m[k] = string(v)
		}
	case 4:
		got, existed, err := s.Swap(k, v)
		ok(t, err)
		if existed != there || string(got) != old {
			t.Fatalf("Swap = %d bytes, %v, want %d bytes, %v", len(got), existed, len(old), there)
		}
		m[k] = string(v)
	case 5:
		guess := []byte(old)
		if rng.IntN(3) == 0 && len(guess) > 0 {
			guess[len(guess)-1] ^= 1
		}
		swapped, err := s.CompareAndSwap(k, guess, v)
		ok(t, err)
		if want := there && string(guess) == old; swapped != want {
			t.Fatalf("CompareAndSwap: %v, want %v", swapped, want)
		} else if swapped {
			m[k] = string(v)
		}
	case 6, 7:
		n, err := s.Append(k, v)
		ok(t, err)
		if m[k] += string(v); n != len(m[k]) {
			t.Fatalf("Append: %d, want %d", n, len(m[k]))
		}
	case 8:
		var b perdure.Batch
		b.Append(k, v[:8])
		b.Set(k, v)
		b.SetIfAbsent(other, v[8:])
		b.Append(k, v)
		ok(t, s.Run(&b))
		m[k] = string(v)
		if _, there := m[other]; !there {
			m[other] = string(v[8:])
		}
		m[k] += string(v)
	case 9:
		fail := rng.IntN(2) == 0
		err := s.UpdateKeys([]string{k, other}, func(tx *perdure.Tx) error {
			ok(t, tx.Set(k, v))
			_, err := tx.Append(k, v)
			ok(t, err)
			_, _, err = tx.Swap(other, v)
			ok(t, err)
			_, err = tx.Persist(k)
			ok(t, err)
			if fail {
				return errors.ErrUnsupported
			}
			return nil
		})
		if fail {
			is(t, err, errors.ErrUnsupported)
			return
		}
		ok(t, err)
		m[k] = string(v) + string(v)
		m[other] = string(v)
	case 10:
		_, err := s.Delete(k)
		ok(t, err)
		delete(m, k)
	}
}

// agrees compares a store with a map.
func agrees(t *testing.T, s *perdure.Store, m map[string]string) {
	t.Helper()
	all := map[string]string{}
	for k, v := range s.All() {
		all[k] = string(v)
	}
	if !maps.Equal(all, m) {
		for k := range m {
			t.Errorf("%s: %d bytes, want %d", k, len(all[k]), len(m[k]))
		}
		t.Fatalf("store of %d keys differs, want the %d keys of the map", len(all), len(m))
	}
}

// plainLog is a log that does not implement Linker.
type plainLog struct{ appendlog.AppendLog }

// TestLargeValuesAgainstMap tests every operation on large values, with rewrites and reopening.
func TestLargeValuesAgainstMap(t *testing.T) {
	for name, log := range map[string]func() appendlog.AppendLog{
		"ring":   func() appendlog.AppendLog { return aof.New(aof.AutoRewrite(0, 0), aof.RDBBase(false)) },
		"direct": func() appendlog.AppendLog { return aof.New(aof.LogMode(aof.Direct), aof.Fsync(aof.No)) },
		"plain":  func() appendlog.AppendLog { return plainLog{aof.New(aof.Fsync(aof.No))} },
	} {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(3, 4))
			dir, m := t.TempDir(), map[string]string{}
			rounds := 3
			if storecheck.RaceEnabled {
				rounds = 1
			}
			for range rounds {
				s := open(t, dir, perdure.WithAppendLog(log()), perdure.WithSaveRules())
				agrees(t, s, m)
				for i := range 60 {
					bigOp(t, s, m, rng)
					switch {
					case i%40 == 10: // and the later commands are replayed
						ok(t, s.Rewrite(t.Context()))
					case i%20 == 19:
						agrees(t, s, m)
					}
					if v := m["k0"]; len(v) > 8<<20 {
						_, err := s.Delete("k0", "k1", "k2")
						ok(t, err)
						clear(m)
					}
				}
				ok(t, s.Close())
			}
			s := open(t, dir, perdure.WithAppendLog(log()), perdure.WithSaveRules())
			agrees(t, s, m)
			ok(t, s.FlushAll())
			if n := s.Stats().MemoryUsed; n != 0 {
				t.Errorf("MemoryUsed = %d after Close, want 0", n)
			}
		})
	}
}

// countingLog counts linked values and records the size of the longest log record copied.
type countingLog struct {
	*aof.Log
	copied, linked atomic.Int64
}

func (l *countingLog) Append(first, last int, unit []byte) appendlog.Position {
	l.copied.Store(max(l.copied.Load(), int64(len(unit))))
	return l.Log.Append(first, last, unit)
}

func (l *countingLog) AppendLinked(first, last int, unit [][]byte, release func()) (appendlog.Position, bool) {
	for i := 0; i < len(unit); i += 2 {
		l.copied.Store(max(l.copied.Load(), int64(len(unit[i]))))
	}
	l.linked.Add(int64(len(unit) / 2))
	return l.Log.AppendLinked(first, last, unit, release)
}

// TestLargeValuesAreLinked checks that no large value is copied to the log.
func TestLargeValuesAreLinked(t *testing.T) {
	log := &countingLog{Log: aof.New(aof.Fsync(aof.No))}
	s := open(t, t.TempDir(), perdure.WithAppendLog(log), perdure.WithSaveRules())
	v := described(1, 1<<20)
	ok(t, s.Set("a", v))
	ok(t, s.Set("a", v, perdure.KeepTTL()))
	ok(t, s.MSet(perdure.Pair{Key: "a", Value: v}, perdure.Pair{Key: "b", Value: v}))
	_, err := s.SetIfAbsent("c", v)
	ok(t, err)
	_, _, err = s.Swap("a", v)
	ok(t, err)
	swapped, err := s.CompareAndSwap("a", v, v)
	ok(t, err)
	_, err = s.Append("a", v)
	ok(t, err)
	var b perdure.Batch
	b.Set("a", v)
	b.SetIfAbsent("d", v)
	b.Append("d", v)
	ok(t, s.Run(&b))
	ok(t, s.Update(func(tx *perdure.Tx) error { return tx.Set("a", v) }))
	if n := log.linked.Load(); n != 12 || !swapped {
		t.Errorf("%d values were linked, want 12", n)
	}
	if n := log.copied.Load(); n > 1<<10 {
		t.Errorf("a record of %d bytes was copied, want at most 1 KiB", n)
	}
}

// refusingLog accepts no linked values, like a log that has just failed.
type refusingLog struct{ *aof.Log }

func (refusingLog) AppendLinked(_, _ int, _ [][]byte, _ func()) (appendlog.Position, bool) {
	return 0, false
}

// TestRefusedLargeValueIsNotPinned checks that every kind of write unpins values that the log
// refuses.
func TestRefusedLargeValueIsNotPinned(t *testing.T) {
	s := open(t, t.TempDir(), perdure.WithAppendLog(refusingLog{aof.New()}), perdure.WithSaveRules())
	v := described(1, 1<<20)
	ok(t, s.Set("a", v))
	ok(t, s.MSet(perdure.Pair{Key: "b", Value: v}))
	ok(t, s.Update(func(tx *perdure.Tx) error { return tx.Set("a", v[8:]) }))
	is(t, s.Update(func(tx *perdure.Tx) error { return errors.Join(tx.Set("b", v), errors.ErrUnsupported) }), errors.ErrUnsupported)
	ok(t, s.FlushAll())
	if n := s.Stats().MemoryUsed; n != 0 {
		t.Errorf("MemoryUsed = %d, want 0", n)
	}
}

// stalledFS is a file system on which large writes to an incremental file wait.
type stalledFS struct {
	vfs.FS
	came chan struct{} // such a write has begun
	gone chan struct{} // closed when such writes may continue
}

type stalledFile struct {
	vfs.File
	fs *stalledFS
}

func (fs *stalledFS) OpenRoot(dir string) (vfs.Root, error) {
	root, err := fs.FS.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return vfs.WrapRoot(&stalledFS{root, fs.came, fs.gone}, root), nil
}

func (fs *stalledFS) Create(name string) (vfs.File, error) {
	f, err := fs.FS.Create(name)
	if err != nil || !strings.HasSuffix(name, ".incr.aof") {
		return f, err
	}
	return &stalledFile{f, fs}, nil
}

func (f *stalledFile) WriteAt(p []byte, offset int64) (int, error) {
	if len(p) > 1<<20 {
		f.fs.came <- struct{}{}
		<-f.fs.gone
	}
	return f.File.WriteAt(p, offset)
}

// TestLargeWriteHoldsNoShard stalls the write of a large value. During the write, all keys,
// including the large one, can be read and written in memory, and a snapshot can be read. Small
// values are acknowledged only after the log records before them.
func TestLargeWriteHoldsNoShard(t *testing.T) {
	for _, mode := range []aof.Mode{aof.Direct, aof.Ring} {
		fs := &stalledFS{FS: vfs.NewMem("/data"), came: make(chan struct{}, 1), gone: make(chan struct{})}
		s := open(t, "/data", append(logOnly(aof.LogMode(mode), aof.Fsync(aof.No)), storefs.Option(fs))...)
		var keys []string
		for i := range 2000 { // some in every shard
			keys = append(keys, fmt.Sprint("key:", i))
		}
		for _, k := range keys {
			ok(t, s.Set(k, []byte("old")))
		}
		v := described(1, 2<<20)
		large, small := make(chan error, 1), make(chan error, 1)
		go func() { large <- s.Set("large", v) }()
		<-fs.came
		for _, k := range append(keys, "large") {
			if _, err := s.Get(k); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := s.Get("large"); err != nil || !bytes.Equal(got, v) {
			t.Fatalf("Get = %d bytes, %v, want the large value", len(got), err)
		}
		go func() { small <- s.MSet(pairs(keys, "new")...) }()
		for {
			got, err := s.MGet(keys...)
			ok(t, err)
			if string(got[0]) == "new" {
				break
			}
			runtime.Gosched()
		}
		snap, err := s.Snapshot()
		ok(t, err)
		n := 0
		for _, err := range snap.All(t.Context()) {
			ok(t, err)
			n++
		}
		snap.Close()
		if n != len(keys)+1 || len(large)+len(small) > 0 {
			t.Errorf("%d keys, want %d; %d writes are acknowledged, want 0", n, len(keys)+1, len(large)+len(small))
		}
		close(fs.gone)
		ok(t, <-large)
		ok(t, <-small)
		ok(t, s.Close())
	}
}

func pairs(keys []string, value string) (all []perdure.Pair) {
	for _, k := range keys {
		all = append(all, perdure.Pair{Key: k, Value: []byte(value)})
	}
	return all
}

// TestLargeValueAndFailedLog makes a write of a large value fail at each of its pieces. No value
// stays pinned, Close does not wait, and the next Open has all acknowledged writes.
func TestLargeValueAndFailedLog(t *testing.T) {
	boom := errors.New("boom")
	for _, mode := range []aof.Mode{aof.Direct, aof.Ring} {
		for piece := range 3 {
			mem := vfs.NewMem("/data")
			var armed atomic.Bool
			writes := 0
			fs := vfs.NewFault(mem, func(op vfs.Op) error {
				if !armed.Load() || op.Kind != "write" || !strings.HasSuffix(op.Name, ".incr.aof") {
					return nil
				}
				if writes++; writes == piece+1 {
					return &vfs.ShortWrite{N: op.Size / 2, Err: boom}
				}
				return nil
			})
			opts := func() []perdure.Option {
				return append(logOnly(aof.LogMode(mode), aof.Fsync(aof.No)), storefs.Option(fs), perdure.WithAutoRecover(false))
			}
			s := open(t, "/data", opts()...)
			ok(t, s.Set("a", []byte("1")))
			ok(t, s.Sync(t.Context()))
			armed.Store(true)
			v := described(1, 1<<20)
			is(t, s.Set("large", v), perdure.ErrLogFailed)
			is(t, s.Set("large", v), perdure.ErrLogFailed)
			if writes != piece+1 {
				t.Fatalf("%d writes, want %d", writes, piece+1)
			}
			after := open(t, "/data", append(logOnly(), storefs.Option(mem.Kill()))...)
			want(t, after, "a", "1")
			if n, err := after.Exists("large"); n != 0 || err != nil {
				t.Errorf("Exists = %d, %v after a partial record, want 0, nil", n, err)
			}
			ok(t, after.Close())
			armed.Store(false)
			ok(t, s.Recover(t.Context()))
			ok(t, s.FlushAll())
			if n := s.Stats().MemoryUsed; n != 0 {
				t.Errorf("MemoryUsed = %d, want 0", n)
			}
			ok(t, s.Set("large", v))
			ok(t, s.Close())
			s = open(t, "/data", opts()...)
			if got, err := s.Get("large"); err != nil || !bytes.Equal(got, v) {
				t.Errorf("Get = %d bytes, %v, want the large value", len(got), err)
			}
			ok(t, s.Close())
		}
	}
}

// TestPowerAroundLargeValue checks that any power failure leaves a prefix of the writes, with the
// large value whole or absent.
func TestPowerAroundLargeValue(t *testing.T) {
	for _, mode := range []aof.Mode{aof.Direct, aof.Ring} {
		mem := vfs.NewMem("/data")
		var images []*vfs.Mem
		on := false
		fs := vfs.NewFault(mem, func(op vfs.Op) error {
			if on && op.Changes() {
				images = append(images, mem.Kill(), mem.Crash(vfs.KeepNone, 0), mem.Crash(vfs.KeepSome, uint64(op.N)))
			}
			return nil
		})
		s := open(t, "/data", append(logOnly(aof.LogMode(mode), aof.RingSize(48<<10)), storefs.Option(fs))...)
		on = true
		v := described(1, 300<<10)
		ok(t, s.Set("1", []byte("v")))
		ok(t, s.MSet(perdure.Pair{Key: "2", Value: v}, perdure.Pair{Key: "3", Value: []byte("v")}, perdure.Pair{Key: "4", Value: v}))
		ok(t, s.Set("5", []byte("v")))
		ok(t, s.Sync(t.Context()))
		ok(t, s.Close())
		counts := map[int]int{}
		for i, image := range append(images, mem) {
			s := open(t, "/data", append(logOnly(), storefs.Option(image))...)
			var keys []string
			for k, got := range s.All() {
				if keys = append(keys, k); string(got) != "v" && !bytes.Equal(got, v) {
					t.Errorf("image %d: %s has %d bytes, want 1 or %d", i, k, len(got), len(v))
				}
			}
			slices.Sort(keys)
			if got := strings.Join(keys, ""); got != "12345"[:len(got)] || len(got) > 1 && len(got) < 4 {
				t.Errorf("image %d of %d: keys %s, want a prefix with the large value whole or absent", i, len(images), got)
			}
			counts[len(keys)]++
			ok(t, s.CloseNoSave())
		}
		if counts[5] == 0 || counts[1]+counts[0] == 0 {
			t.Errorf("%v keys in %d images, want images with all and with none", counts, len(images))
		}
	}
}

// TestLargeValuesChangedByMany checks that concurrent CompareAndSwap and Append of large values,
// which work with no lock held, lose no changes.
func TestLargeValuesChangedByMany(t *testing.T) {
	const size, rounds = 300 << 10, 25
	s := open(t, t.TempDir(), logOnly(aof.Fsync(aof.No))...)
	ok(t, s.Set("counter", described(0, size)))
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for range rounds {
				for swapped := false; !swapped; {
					v, err := s.Get("counter")
					if err != nil {
						t.Error(err)
						return
					}
					id := binary.BigEndian.Uint64(v)
					if swapped, err = s.CompareAndSwap("counter", v, described(id+1, size)); err != nil || !whole(v) {
						t.Errorf("CompareAndSwap = %v, of a value of %d bytes, want nil and a whole value", err, len(v))
						return
					}
				}
			}
		})
		wg.Go(func() {
			for i := range rounds {
				if _, err := s.Append("list", described(1, 8+i%2*size)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	v, err := s.Get("counter")
	ok(t, err)
	if n := binary.BigEndian.Uint64(v) &^ (1 << 63); n != 3*rounds {
		t.Errorf("counted to %d, want %d", n, 3*rounds)
	}
	list, err := s.Get("list")
	ok(t, err)
	if want := 3 * (rounds*8 + rounds/2*size); len(list) != want || !whole(list) {
		t.Errorf("%d bytes, want %d", len(list), want)
	}
}
