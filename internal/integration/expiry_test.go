package integration_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/internal/storefs"
	"github.com/perduredb/perdure/internal/vfs"
)

// TestFarExpiryIsNotInPast is a regression test. A far time overflowed in nanoseconds or
// milliseconds and became negative. The value was lost, and Open refused the log.
func TestFarExpiryIsNotInPast(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, logOnly()...)
	var keys []string
	for i, d := range []time.Duration{math.MaxInt64, math.MaxInt64 - 999_998, math.MaxInt64 - 999_999, math.MaxInt64 - 1_000_000} {
		set, expire, inTx, inBatch := fmt.Sprint("set", i), fmt.Sprint("expire", i), fmt.Sprint("tx", i), fmt.Sprint("batch", i)
		keys = append(keys, set, expire, inTx, inBatch)
		ok(t, s.Set(set, []byte("v"), perdure.TTL(d)))
		ok(t, s.MSet(perdure.Pair{Key: expire}, perdure.Pair{Key: inTx}, perdure.Pair{Key: inBatch}))
		_, err := s.Expire(expire, d)
		ok(t, err)
		ok(t, s.Update(func(tx *perdure.Tx) error { _, err := tx.Expire(inTx, d); return err }))
		var b perdure.Batch
		b.Expire(inBatch, d)
		ok(t, s.Run(&b))
	}
	for i, at := range []time.Time{
		time.Unix(math.MaxInt64/1000, 0), time.Unix(math.MaxInt64/1000+1, 0), time.Unix(1<<61+12345, 0), time.Unix(1<<62, 0),
	} {
		set, expire, inTx, inBatch := fmt.Sprint("set at", i), fmt.Sprint("expire at", i), fmt.Sprint("tx at", i), fmt.Sprint("batch at", i)
		keys = append(keys, set, expire, inTx, inBatch)
		ok(t, s.Set(set, []byte("v"), perdure.ExpireAt(at)))
		ok(t, s.MSet(perdure.Pair{Key: expire}, perdure.Pair{Key: inTx}, perdure.Pair{Key: inBatch}))
		_, err := s.ExpireAt(expire, at)
		ok(t, err)
		ok(t, s.Update(func(tx *perdure.Tx) error { _, err := tx.ExpireAt(inTx, at); return err }))
		var b perdure.Batch
		b.ExpireAt(inBatch, at)
		ok(t, s.Run(&b))
	}
	check := func() {
		t.Helper()
		for _, key := range keys {
			const century = 100 * 365 * 24 * time.Hour
			if ttl, err := s.TTL(key); err != nil || ttl < century {
				t.Errorf("TTL(%q) = %v, %v, want at least %v", key, ttl, err, century)
			}
		}
	}
	check()
	for _, at := range []time.Time{{}, time.Unix(-1<<62, 0), time.Unix(0, 0)} {
		is(t, s.Set("past", nil, perdure.ExpireAt(at)), perdure.ErrTTL)
		ok(t, s.Set("past", nil))
		if there, err := s.ExpireAt("past", at); err != nil || !there {
			t.Errorf("ExpireAt(%v) = %v, %v, want true, nil", at, there, err)
		}
		absent(t, s, "past")
	}
	ok(t, s.Close())
	s = open(t, dir, logOnly()...)
	check()
}

// TestInvalidExpiryStoresNothing is a regression test: SetIfAbsent reported that it had stored
// the value.
func TestInvalidExpiryStoresNothing(t *testing.T) {
	s := memory(t)
	stored, err := s.SetIfAbsent("k", []byte("v"), perdure.TTL(-1))
	is(t, err, perdure.ErrTTL)
	var b perdure.Batch
	h := b.SetIfAbsent("k", []byte("v"), perdure.TTL(-1))
	is(t, s.Run(&b), nil)
	inBatch, err := h.Bool()
	is(t, err, perdure.ErrTTL)
	if stored || inBatch {
		t.Errorf("SetIfAbsent = %v, in a batch %v, want false", stored, inBatch)
	}
	absent(t, s, "k")
}

// TestReadDoesNotWaitForSave is a regression test. Get of an expired key deletes the key. The
// deletion waited for a save that had more before-images than allowed.
func TestReadDoesNotWaitForSave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hung := &hanging{going: make(chan struct{})}
		s := open(t, "/data", storefs.Option(vfs.NewMem("/data")), perdure.WithoutAppendLog(), perdure.WithSaveRules(),
			perdure.WithSnapshotter(hung.rdb()))
		const n, size = 30_000, 3000 // more than 64 MiB
		value := make([]byte, size)
		for i := range n {
			ok(t, s.Set(fmt.Sprint(i), value))
		}
		ok(t, s.Set("short", nil, perdure.TTL(time.Second)))
		task, err := s.BGSave()
		ok(t, err)
		go func() {
			for i := range n {
				_ = s.Set(fmt.Sprint(i), value) // the last calls wait for the save
			}
		}()
		settle(2 * time.Second)
		before := time.Now()
		absent(t, s, "short")
		_, err = s.TTL("short")
		is(t, err, perdure.ErrNotFound)
		if took := time.Since(before); took > 0 {
			t.Errorf("the reads waited for %v, want 0", took)
		}
		close(hung.going)
		_, err = task.Wait(t.Context())
		ok(t, err)
		ok(t, s.Close())
	})
}

// TestInvalidExpiryIsReportedWhateverKeyHolds checks that a call with an expiry that no key can
// have fails, also if it would store nothing, as in Redis.
func TestInvalidExpiryIsReportedWhateverKeyHolds(t *testing.T) {
	s := memory(t)
	large := bytes.Repeat([]byte("x"), 1<<20)
	for _, value := range [][]byte{[]byte("v"), large} {
		other := append(bytes.Clone(value), '!')
		if err := s.Set("key", value); err != nil {
			t.Fatal(err)
		}
		for name, call := range map[string]func(o perdure.SetOption) error{
			"Set":            func(o perdure.SetOption) error { return s.Set("key", other, o) },
			"SetIfAbsent":    func(o perdure.SetOption) error { _, err := s.SetIfAbsent("key", other, o); return err },
			"Swap":           func(o perdure.SetOption) error { _, _, err := s.Swap("key", other, o); return err },
			"CompareAndSwap": func(o perdure.SetOption) error { _, err := s.CompareAndSwap("key", other, other, o); return err },
			"CompareAndSwap of no key": func(o perdure.SetOption) error {
				_, err := s.CompareAndSwap("absent", value, other, o)
				return err
			},
			"SetIfAbsent in Update": func(o perdure.SetOption) error {
				return s.Update(func(tx *perdure.Tx) error {
					_, err := tx.SetIfAbsent("key", other, o)
					return err
				})
			},
		} {
			for _, o := range []perdure.SetOption{perdure.TTL(0), perdure.TTL(-1), perdure.ExpireAt(time.Time{})} {
				if err := call(o); !errors.Is(err, perdure.ErrTTL) {
					t.Errorf("%s of %d bytes = %v, want ErrTTL", name, len(value), err)
				}
			}
			if got, err := s.Get("key"); err != nil || !bytes.Equal(got, value) {
				t.Errorf("Get after %s = %d bytes, %v, want the %d bytes from before", name, len(got), err, len(value))
			}
		}
	}
}
