package integration_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/storecheck"
)

// described returns a value that shows whether it is whole: 8 distinct bytes, repeated.
func described(id uint64, size int) []byte {
	v := make([]byte, size)
	binary.BigEndian.PutUint64(v, id|1<<63)
	for done := 8; done < size; done *= 2 {
		copy(v[done:], v[:done])
	}
	return v
}

// whole reports whether a value was returned by described, or is a sequence of such values with one
// id.
func whole(v []byte) bool {
	return len(v) < 8 || v[0]&0x80 != 0 && bytes.Equal(v[8:], v[:len(v)-8])
}

// TestLargeValuesUnderChange checks that values of several MB are read whole while they are stored
// again, grow, expire, and are deleted, flushed, saved, and replaced by Restore. At the end their
// memory must be free.
func TestLargeValuesUnderChange(t *testing.T) {
	const size = 8 << 20
	dir := t.TempDir()
	s := open(t, dir, logOnly(aof.Fsync(aof.No), aof.AutoRewrite(0, 0))...)
	var dump bytes.Buffer
	ok(t, s.Set("a", described(7, size)))
	snap, err := s.Snapshot()
	ok(t, err)
	_, err = snap.WriteTo(&dump)
	ok(t, err)
	snap.Close()
	key := func(rng *rand.Rand) string { return "abc"[rng.IntN(3):][:1] }
	write := func(rng *rand.Rand) error {
		k := key(rng)
		var err error
		switch id := rng.Uint64(); rng.IntN(14) {
		case 0:
			_, err = s.Delete(k)
		case 1:
			_, err = s.Expire(k, time.Duration(rng.IntN(20))*time.Millisecond)
		case 2:
			err = s.Set(k, described(id, size/128), perdure.KeepTTL())
		case 3:
			_, _, err = s.Swap(k, described(id, size))
		case 4:
			err = s.MSet(perdure.Pair{Key: "a", Value: described(id, size)}, perdure.Pair{Key: "b", Value: described(id+1, 104)})
		case 5:
			if rng.IntN(3) == 0 {
				err = s.FlushDB()
			}
		case 6:
			err = s.UpdateKeys([]string{k}, func(tx *perdure.Tx) error {
				v, err := tx.Get(k)
				if err != nil || len(v) < 8 {
					return nil
				}
				_, err = tx.Append(k, v[:8*rng.IntN(100)])
				return err
			})
		case 7:
			err = s.UpdateKeys([]string{k}, func(tx *perdure.Tx) error {
				v, err := tx.Get(k)
				if err != nil || len(v) >= 2*size {
					return nil
				}
				_, err = tx.Append(k, v)
				return err
			})
		case 8:
			if v, _ := s.Get(k); len(v) > 0 {
				_, err = s.CompareAndSwap(k, v, described(id, size), perdure.KeepTTL())
			}
		case 9:
			_, err = s.SetIfAbsent(k, described(id, size))
		case 10:
			var b perdure.Batch
			b.Set(k, described(id, size/8))
			b.Set("c", described(id+1, size/8))
			err = s.Run(&b)
		default:
			err = s.Set(k, described(id, size+8*rng.IntN(1000)), perdure.TTL(time.Minute))
		}
		return err
	}
	read := func(rng *rand.Rand) error {
		var b perdure.Batch
		a, c := b.Get("a"), b.Get("c")
		if err := s.Run(&b); err != nil {
			return err
		}
		values, err := s.MGet("b", "c", "none")
		one, _ := s.Get(key(rng))
		x, _ := a.Value()
		y, _ := c.Value()
		for i, v := range append(values, one, x, y) {
			if !whole(v) {
				return fmt.Errorf("value %d = %d mixed bytes, want those of one write", i, len(v))
			}
		}
		return err
	}
	rounds := 40
	if storecheck.RaceEnabled {
		rounds = 10
	}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 9))
			for range rounds {
				do := read
				if w%2 == 0 {
					do = write
				}
				if err := do(rng); err != nil && !errors.Is(err, perdure.ErrRestoring) {
					t.Error(err)
				}
			}
		})
	}
	wg.Go(func() {
		for _, v := range s.All() {
			if !whole(v) {
				t.Error("All yields a torn value, want a whole one")
			}
		}
	})
	ok(t, s.Restore(t.Context(), bytes.NewReader(dump.Bytes())))
	snap, err = s.Snapshot()
	ok(t, err)
	for en, err := range snap.All(t.Context()) {
		ok(t, err)
		if !whole(en.Value) {
			t.Error("a snapshot yields a torn value, want a whole one")
		}
	}
	snap.Close()
	wg.Wait()
	for _, k := range []string{"a", "b", "c"} { // before any key expires
		_, err := s.Persist(k)
		ok(t, err)
	}
	before := content(t, s)
	ok(t, s.Close())
	s = open(t, dir, logOnly()...)
	same(t, content(t, s), before)
	ok(t, s.FlushAll())
	if n := s.Stats().MemoryUsed; n != 0 {
		t.Errorf("MemoryUsed = %d after Close, want 0", n)
	}
}

// TestHugeValue stores the largest possible value. It needs several GB.
func TestHugeValue(t *testing.T) {
	if os.Getenv("PERDURE_HUGE") == "" {
		t.Skip("PERDURE_HUGE is not set")
	}
	dir := t.TempDir()
	s := open(t, dir, logOnly()...)
	v := described(1, 512<<20)
	ok(t, s.Set("k", v))
	is(t, s.Set("k", append(v, 0)), perdure.ErrTooLarge)
	_, err := s.Append("k", []byte{0})
	is(t, err, perdure.ErrTooLarge)
	ok(t, s.Close())
	s = open(t, dir, logOnly()...)
	got, err := s.Get("k")
	ok(t, err)
	if !bytes.Equal(got, v) {
		t.Errorf("Get = %d other bytes, want the %d bytes stored", len(got), len(v))
	}
}
