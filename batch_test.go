package perdure_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/storefs"
	"github.com/perduredb/perdure/internal/vfs"
)

// A thing is an entry of the model. at is its expiry in Unix ms, or 0 for none.
type thing struct {
	value string
	at    int64
	list  bool
}

// A model is a plain map that specifies the effect of a batch.
type model map[string]thing

func (m model) find(key string) (thing, bool) {
	v, ok := m[key]
	if ok && v.at != 0 && time.Now().UnixMilli() > v.at {
		delete(m, key)
		return thing{}, false
	}
	return v, ok
}

// An outcome contains the results of all operations. The kind of operation determines which fields
// apply.
type outcome struct {
	value string
	n     int64
	did   bool
	err   error
}

// integer returns the number at key as Redis's INCR parses it.
func (m model) integer(key string) (v thing, n int64, err error) {
	v, ok := m.find(key)
	switch {
	case !ok:
		return v, 0, nil
	case v.list:
		return v, 0, perdure.ErrWrongType
	}
	n, parse := strconv.ParseInt(v.value, 10, 64)
	if parse != nil || strconv.FormatInt(n, 10) != v.value {
		return v, 0, perdure.ErrNotInteger
	}
	return v, n, nil
}

// step adds a random operation to b and performs it on the model. It returns the model's outcome
// and a function that returns the batch's outcome.
func (m model) step(rng *rand.Rand, b *perdure.Batch) (got func() outcome, want outcome) {
	key := fmt.Sprint("k", rng.IntN(40))
	if rng.IntN(20) == 0 {
		key = "list"
	}
	value := []string{"", "v", "17", "-9223372036854775808", "0x", strings.Repeat("long", 200), strings.Repeat("large", 9000)}[rng.IntN(7)]
	v, found := m.find(key)
	now := time.Now().UnixMilli()
	asValue := func(h perdure.BatchValue) func() outcome {
		return func() outcome { v, err := h.Value(); return outcome{value: string(v), err: err} }
	}
	asError := func(h perdure.BatchResult) func() outcome {
		return func() outcome { return outcome{err: h.Err()} }
	}
	asInt := func(h perdure.BatchInt) func() outcome {
		return func() outcome { n, err := h.Int(); return outcome{n: n, err: err} }
	}
	asBool := func(h perdure.BatchBool) func() outcome {
		return func() outcome { did, err := h.Bool(); return outcome{did: did, err: err} }
	}
	switch rng.IntN(12) {
	case 0:
		m[key] = thing{value: value}
		return asError(b.Set(key, []byte(value))), outcome{}
	case 1:
		m[key] = thing{value: value, at: now + 1000}
		return asError(b.Set(key, []byte(value), perdure.TTL(time.Second))), outcome{}
	case 2:
		m[key] = thing{value: value, at: v.at}
		return asError(b.Set(key, []byte(value), perdure.KeepTTL())), outcome{}
	case 3:
		return asError(b.Set(key, []byte(value), perdure.TTL(-1))), outcome{err: perdure.ErrTTL}
	case 4:
		if !found {
			m[key] = thing{value: value}
		}
		return asBool(b.SetIfAbsent(key, []byte(value))), outcome{did: !found}
	case 5:
		if v.list {
			return asInt(b.Append(key, []byte(value))), outcome{err: perdure.ErrWrongType}
		}
		m[key] = thing{value: v.value + value, at: v.at}
		return asInt(b.Append(key, []byte(value))), outcome{n: int64(len(v.value) + len(value))}
	case 6:
		v, n, err := m.integer(key)
		if err == nil && n == -9223372036854775808 {
			err, n = perdure.ErrOverflow, 1
		}
		if err == nil {
			v.value = strconv.FormatInt(n-1, 10)
			m[key] = v
		}
		return asInt(b.Decr(key)), outcome{n: (n - 1) * int64(b2i(err == nil)), err: err}
	case 7:
		delete(m, key)
		return asBool(b.Delete(key)), outcome{did: found}
	case 8:
		if found {
			v.at = now + 500
			m[key] = v
		}
		return asBool(b.Expire(key, 500*time.Millisecond)), outcome{did: found}
	case 9:
		had := found && v.at != 0
		if had {
			v.at = 0
			m[key] = v
		}
		return asBool(b.Persist(key)), outcome{did: had}
	case 10:
		return asBool(b.Exists(key)), outcome{did: found}
	}
	switch {
	case !found:
		return asValue(b.Get(key)), outcome{err: perdure.ErrNotFound}
	case v.list:
		return asValue(b.Get(key)), outcome{err: perdure.ErrWrongType}
	}
	return asValue(b.Get(key)), outcome{value: v.value}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestBatchAgainstModel checks that batches of all widths have the effect of the model, with
// duplicate keys, expiries, and a list. A replay of their log must yield equal contents.
func TestBatchAgainstModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := withList(t)
		s := open(t, dir, logOnly(aof.AutoRewrite(0, 0))...)
		m := model{"list": {list: true}}
		rng := rand.New(rand.NewPCG(1, 5))
		var b perdure.Batch
		for round := range 300 {
			b.Reset()
			var gots []func() outcome
			var wants []outcome
			for range rng.IntN(100) {
				got, want := m.step(rng, &b)
				gots, wants = append(gots, got), append(wants, want)
			}
			ok(t, s.Run(&b))
			for i, want := range wants {
				if got := gots[i](); got.value != want.value || got.n != want.n || got.did != want.did || !errors.Is(got.err, want.err) {
					t.Fatalf("round %d, operation %d of %d: %+v, want %+v", round, i, len(wants), got, want)
				}
			}
			time.Sleep(time.Duration(rng.IntN(300)) * time.Millisecond)
		}
		ok(t, s.Close())
		s = open(t, dir, logOnly(aof.AutoRewrite(0, 0))...)
		for i := range 40 {
			key := fmt.Sprint("k", i)
			if v, found := m.find(key); !found {
				absent(t, s, key)
			} else if !v.list {
				want(t, s, key, v.value)
			}
		}
		ok(t, s.Close())
	})
}

// TestBatchIsOneUnit checks that the writes of a batch are between MULTI and EXEC in the log, and
// that a single write is not.
func TestBatchIsOneUnit(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, logOnly(aof.Checksums(false))...)
	var b perdure.Batch
	b.Set("one", []byte("1"))
	b.Get("one")
	ok(t, s.Run(&b))
	b.Reset()
	b.Set("a", []byte("1"))
	b.Delete("one")
	b.Delete("none")
	b.Incr("a")
	ok(t, s.DB(3).Run(&b))
	ok(t, s.Close())
	logs, err := filepath.Glob(filepath.Join(dir, "appendonlydir", "*.incr.aof"))
	ok(t, err)
	text, err := os.ReadFile(logs[0])
	ok(t, err)
	want := frames("SELECT 0", "SET one 1", "SELECT 3", "MULTI", "SET a 1", "INCR a", "EXEC")
	if string(text) != want {
		t.Errorf("%q\nwant\n%q", text, want)
	}
}

// TestBatchRefused checks that a batch whose writes are refused changes nothing and returns an
// error for each operation.
func TestBatchRefused(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, logOnly()...)
	ok(t, s.Set("k", []byte("v")))
	var b, reads perdure.Batch
	handles := []interface{ Err() error }{b.Set("k", []byte("w")), b.Get("k")}
	read := reads.Get("k")
	refused := func(s interface{ Run(*perdure.Batch) error }, b *perdure.Batch, want error) {
		t.Helper()
		is(t, s.Run(b), want)
		of := handles
		if b == &reads {
			of = []interface{ Err() error }{read}
		}
		for _, h := range of {
			is(t, h.Err(), want)
		}
	}
	refused(s.DB(16), &b, perdure.ErrDatabase)
	refused(s.DB(-1), &reads, perdure.ErrDatabase)
	want(t, s, "k", "v")
	ok(t, s.Close())
	refused(s, &b, perdure.ErrClosed)
	refused(s, &reads, perdure.ErrClosed)
	is(t, s.Run(&perdure.Batch{}), perdure.ErrClosed)

	s = open(t, dir, append(logOnly(), perdure.WithReadOnly())...)
	refused(s, &b, perdure.ErrReadOnly)
	ok(t, s.Run(&reads))
	if v, err := read.Value(); string(v) != "v" || err != nil {
		t.Errorf("Get in a batch = %q, %v, want v, nil", v, err)
	}

	none := memory(t)
	b.Reset()
	handles = []interface{ Err() error }{b.Set("k", nil)}
	refused(none.Durable(), &b, perdure.ErrNoAppendLog)
	if none.Len() != 0 {
		t.Errorf("Len = %d after a refused batch, want 0", none.Len())
	}
}

// TestBatchWhenLogFails checks that each write returns the error, that reads return their
// values, and that the next batch is refused as a whole.
func TestBatchWhenLogFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		disk := errors.New("disk is broken")
		fsys := vfs.NewFault(vfs.NewMem("/data"), func(op vfs.Op) error {
			if broken.Load() && strings.HasSuffix(op.Kind, "sync") {
				return disk
			}
			return nil
		})
		s := open(t, "/data", append(logOnly(aof.Fsync(aof.Always)), storefs.Option(fsys), perdure.WithAutoRecover(false))...)
		ok(t, s.Set("before", []byte("1")))
		broken.Store(true)
		var b perdure.Batch
		unknown := b.Set("unknown", []byte("2"))
		read := b.Get("before")
		count := b.Incr("before")
		is(t, s.Run(&b), perdure.ErrLogFailed)
		is(t, unknown.Err(), perdure.ErrLogFailed)
		is(t, count.Err(), perdure.ErrLogFailed)
		if v, err := read.Value(); string(v) != "1" || err != nil {
			t.Errorf("Get in a batch = %q, %v, want 1, nil", v, err)
		}
		is(t, s.Run(&b), perdure.ErrLogFailed)
		is(t, read.Err(), perdure.ErrLogFailed)
		want(t, s, "before", "2") // memory has the write, although its outcome was unknown
		broken.Store(false)
		ok(t, s.Recover(t.Context()))
		ok(t, s.Run(&b))
	})
}

// TestBatchAtOnce checks that a reader never sees a part of a batch.
func TestBatchAtOnce(t *testing.T) {
	s := memory(t)
	keys := make([]string, 50)
	for i := range keys {
		keys[i] = fmt.Sprint("k", i)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		var b perdure.Batch
		for range 2000 {
			b.Reset()
			for _, k := range keys {
				b.Incr(k)
			}
			if err := s.Run(&b); err != nil {
				t.Error(err)
			}
		}
	}()
	check := func(values [][]byte) {
		for _, v := range values {
			if string(v) != string(values[0]) {
				t.Errorf("read %q and %q of one batch, want equal values", v, values[0])
			}
		}
	}
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		values, err := s.MGet(keys...)
		ok(t, err)
		check(values)
		var b perdure.Batch
		var handles []perdure.BatchValue
		for _, k := range keys {
			handles = append(handles, b.Get(k))
		}
		ok(t, s.Run(&b))
		for i, h := range handles {
			values[i], _ = h.Value()
		}
		check(values)
	}
	want(t, s, keys[49], "2000")
}
