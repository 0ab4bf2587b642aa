package perdure_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/storecheck"
)

// The tests share these helpers with those of whole stores in internal/integration.
var (
	open          = storecheck.Open
	memory        = storecheck.Memory
	snapshotsOnly = storecheck.SnapshotsOnly
	logOnly       = storecheck.LogOnly
	ok            = storecheck.OK
	is            = storecheck.Is
	want          = storecheck.Want
	absent        = storecheck.Absent
	frames        = storecheck.Frames
)

func TestValues(t *testing.T) {
	s := memory(t)
	absent(t, s, "k")
	for _, v := range []string{"", "v", "0", "007", "-1", "\x00\xff\r\n$5", "9223372036854775807", string(make([]byte, 1<<20))} {
		ok(t, s.Set("k", []byte(v)))
		want(t, s, "k", v)
	}
	ok(t, s.Set("", []byte("empty key")))
	want(t, s, "", "empty key")

	got, err := s.AppendGet([]byte("prefix:"), "")
	ok(t, err)
	if string(got) != "prefix:empty key" {
		t.Errorf("AppendGet = %q, want %q", got, "prefix:empty key")
	}
	if got, err := s.AppendGet([]byte("kept"), "none"); string(got) != "kept" || !errors.Is(err, perdure.ErrNotFound) {
		t.Errorf("AppendGet of a missing key = %q, %v, want kept, ErrNotFound", got, err)
	}
}

func TestCallerOwnsItsSlices(t *testing.T) {
	s := memory(t)
	v := []byte("value")
	ok(t, s.Set("k", v))
	v[0] = 'X'
	got, _ := s.Get("k")
	got[1] = 'X'
	want(t, s, "k", "value")
}

func TestSetIfAbsentSwapCompareAndSwap(t *testing.T) {
	s := memory(t)
	if stored, err := s.SetIfAbsent("k", []byte("1")); !stored || err != nil {
		t.Fatalf("SetIfAbsent of a missing key = %v, %v, want true, nil", stored, err)
	}
	if stored, err := s.SetIfAbsent("k", []byte("2")); stored || err != nil {
		t.Fatalf("SetIfAbsent of an existing key = %v, %v, want false, nil", stored, err)
	}
	want(t, s, "k", "1")
	if old, existed, err := s.Swap("k", []byte("3")); string(old) != "1" || !existed || err != nil {
		t.Fatalf("Swap = %q, %v, %v, want 1, true, nil", old, existed, err)
	}
	if old, existed, err := s.Swap("new", []byte("x")); old != nil || existed || err != nil {
		t.Fatalf("Swap of a missing key = %q, %v, %v, want nil, false, nil", old, existed, err)
	}
	if done, err := s.CompareAndSwap("k", []byte("no"), []byte("4")); done || err != nil {
		t.Fatalf("CompareAndSwap of another value = %v, %v, want false, nil", done, err)
	}
	if done, err := s.CompareAndSwap("k", []byte("3"), []byte("4")); !done || err != nil {
		t.Fatalf("CompareAndSwap of the value = %v, %v, want true, nil", done, err)
	}
	if done, err := s.CompareAndSwap("none", nil, []byte("4")); done || err != nil {
		t.Fatalf("CompareAndSwap of a missing key = %v, %v, want false, nil", done, err)
	}
	want(t, s, "k", "4")
}

func TestCounters(t *testing.T) {
	s := memory(t)
	steps := []struct {
		do   func() (int64, error)
		want int64
	}{
		{func() (int64, error) { return s.Incr("n") }, 1},
		{func() (int64, error) { return s.IncrBy("n", 41) }, 42},
		{func() (int64, error) { return s.Decr("n") }, 41},
		{func() (int64, error) { return s.DecrBy("n", 100) }, -59},
		{func() (int64, error) { return s.IncrBy("n", 0) }, -59},
	}
	for i, step := range steps {
		if got, err := step.do(); got != step.want || err != nil {
			t.Fatalf("step %d: %d, %v; want %d", i, got, err, step.want)
		}
	}
	want(t, s, "n", "-59")

	for _, v := range []string{"", "x", "1.5", " 1", "01", "+1", "-0", "9223372036854775808"} {
		ok(t, s.Set("bad", []byte(v)))
		if _, err := s.Incr("bad"); !errors.Is(err, perdure.ErrNotInteger) {
			t.Errorf("Incr of %q = %v, want ErrNotInteger", v, err)
		}
		want(t, s, "bad", v)
	}
	for v, delta := range map[int64]int64{math.MaxInt64: 1, math.MinInt64: -1, 1: math.MaxInt64, -2: math.MinInt64} {
		ok(t, s.Set("edge", fmt.Append(nil, v)))
		if _, err := s.IncrBy("edge", delta); !errors.Is(err, perdure.ErrOverflow) {
			t.Errorf("IncrBy(%d) of %d = %v, want ErrOverflow", delta, v, err)
		}
		want(t, s, "edge", fmt.Sprint(v))
	}
	_, err := s.DecrBy("n", math.MinInt64)
	is(t, err, perdure.ErrOverflow)
}

func TestAppend(t *testing.T) {
	s := memory(t)
	var oracle []byte
	for i := range 200 {
		chunk := bytes.Repeat([]byte{byte(i)}, i*i%977)
		n, err := s.Append("k", chunk)
		ok(t, err)
		if oracle = append(oracle, chunk...); n != len(oracle) {
			t.Fatalf("step %d: length %d, want %d", i, n, len(oracle))
		}
	}
	want(t, s, "k", string(oracle))
	ok(t, s.Set("n", []byte("12")))
	if _, err := s.Append("n", []byte("3")); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Incr("n"); n != 124 || err != nil {
		t.Errorf("Incr after Append = %d, %v, want 124, nil", n, err)
	}
}

func TestManyKeys(t *testing.T) {
	s := memory(t)
	ok(t, s.MSet(perdure.Pair{Key: "a", Value: []byte("1")}, perdure.Pair{Key: "b", Value: nil}, perdure.Pair{Key: "a", Value: []byte("2")}))
	values, err := s.MGet("a", "none", "b", "a")
	ok(t, err)
	if string(values[0]) != "2" || values[1] != nil || values[2] == nil || len(values[2]) != 0 || string(values[3]) != "2" {
		t.Errorf("MGet = %q, want 2, nil, an empty value, and 2", values)
	}
	if n, err := s.Exists("a", "a", "none"); n != 2 || err != nil {
		t.Errorf("Exists = %d, %v, want 2, nil", n, err)
	}
	if n, err := s.Delete("a", "a", "none", "b"); n != 2 || err != nil {
		t.Errorf("Delete = %d, %v, want 2, nil", n, err)
	}
	if s.Len() != 0 {
		t.Errorf("Len = %d, want 0", s.Len())
	}
	if n, err := s.Delete(); n != 0 || err != nil {
		t.Errorf("Delete of no keys = %d, %v, want 0, nil", n, err)
	}
	ok(t, s.MSet())
}

func TestDatabasesAreSeparate(t *testing.T) {
	s := memory(t)
	for n := range s.Databases() {
		ok(t, s.DB(n).Set("k", fmt.Append(nil, n)))
	}
	for n := range s.Databases() {
		want(t, s.DB(n), "k", fmt.Sprint(n))
	}
	ok(t, s.DB(3).FlushDB())
	absent(t, s.DB(3), "k")
	want(t, s, "k", "0")
	ok(t, s.FlushAll())
	absent(t, s, "k")
	is(t, s.DB(16).Set("k", nil), perdure.ErrDatabase)
	is(t, s.DB(-1).Set("k", nil), perdure.ErrDatabase)
	_, err := s.DB(16).Get("k")
	is(t, err, perdure.ErrDatabase)
}

func TestKeysAndAll(t *testing.T) {
	s := memory(t)
	for _, k := range []string{"apple", "apricot", "banana", "a*b", "[x]", ""} {
		ok(t, s.Set(k, []byte("v:"+k)))
	}
	patterns := map[string][]string{
		"*":       {"", "[x]", "a*b", "apple", "apricot", "banana"},
		"a*":      {"a*b", "apple", "apricot"},
		"a?r*":    {"apricot"},
		"?????":   {"apple"},
		"[ab]*a*": {"banana"},
		"[^a]*":   {"[x]", "banana"},
		`a\*b`:    {"a*b"},
		`\[x\]`:   {"[x]"},
		"[a-c]p*": {"apple", "apricot"},
		"":        {""},
		"x":       nil,
	}
	for p, wantKeys := range patterns {
		var got []string
		for k := range s.Keys(p) {
			got = append(got, k)
		}
		slices.Sort(got)
		if !slices.Equal(got, wantKeys) {
			t.Errorf("Keys(%q) = %q, want %q", p, got, wantKeys)
		}
	}
	n := 0
	for k, v := range s.All() {
		if string(v) != "v:"+k {
			t.Errorf("All yields %q, %q, want the value %q", k, v, "v:"+k)
		}
		if n++; n == 3 {
			break
		}
	}
}

func TestUpdateIsAllOrNothing(t *testing.T) {
	s := memory(t)
	ok(t, s.Set("a", []byte("1")))
	ok(t, s.Set("gone", []byte("x"), perdure.TTL(time.Hour)))
	cause := errors.New("no")
	change := func(tx *perdure.Tx) {
		ok(t, tx.Set("a", []byte("2")))
		ok(t, tx.Set("b", []byte("3")))
		if _, err := tx.Delete("gone"); err != nil {
			t.Fatal(err)
		}
		if n, err := tx.Incr("a"); n != 3 || err != nil {
			t.Fatalf("Incr = %d, %v, want 3, nil", n, err)
		}
		if _, err := tx.Append("b", []byte("!")); err != nil {
			t.Fatal(err)
		}
		want(t, tx, "b", "3!")
		ok(t, tx.DB(5).Set("other", []byte("db")))
	}
	unchanged := func() {
		t.Helper()
		want(t, s, "a", "1")
		absent(t, s, "b")
		want(t, s, "gone", "x")
		absent(t, s.DB(5), "other")
		if ttl, err := s.TTL("gone"); ttl <= 0 || err != nil {
			t.Fatalf("TTL = %v, %v, want the old expiry", ttl, err)
		}
	}
	is(t, s.Update(func(tx *perdure.Tx) error { change(tx); return cause }), cause)
	unchanged()
	func() {
		defer func() { recover() }()
		s.Update(func(tx *perdure.Tx) error { change(tx); panic("in the middle") })
	}()
	unchanged()

	var kept *perdure.Tx
	ok(t, s.Update(func(tx *perdure.Tx) error { change(tx); kept = tx; return nil }))
	want(t, s, "a", "3")
	want(t, s, "b", "3!")
	absent(t, s, "gone")
	want(t, s.DB(5), "other", "db")
	is(t, kept.Set("a", nil), perdure.ErrTxDone)
}

func TestViewDoesNotWrite(t *testing.T) {
	s := memory(t)
	ok(t, s.Set("a", []byte("1")))
	ok(t, s.View(func(tx *perdure.Tx) error {
		want(t, tx, "a", "1")
		is(t, tx.Set("a", nil), perdure.ErrReadOnly)
		_, err := tx.Incr("a")
		is(t, err, perdure.ErrReadOnly)
		for k, v := range tx.All() {
			if k != "a" || string(v) != "1" {
				t.Errorf("All yields %q, %q, want a, 1", k, v)
			}
		}
		return nil
	}))
}

func TestDeclaredKeys(t *testing.T) {
	s := memory(t)
	ok(t, s.UpdateKeys([]string{"b", "a"}, func(tx *perdure.Tx) error {
		ok(t, tx.Set("a", []byte("1")))
		is(t, tx.Set("c", nil), perdure.ErrNotDeclared)
		_, err := tx.Get("c")
		is(t, err, perdure.ErrNotDeclared)
		return nil
	}))
	ok(t, s.ViewKeys([]string{"a"}, func(tx *perdure.Tx) error {
		want(t, tx, "a", "1")
		is(t, tx.Set("a", nil), perdure.ErrReadOnly)
		return nil
	}))
	ok(t, s.UpdateKeys(nil, func(tx *perdure.Tx) error {
		is(t, tx.Set("a", nil), perdure.ErrNotDeclared)
		return nil
	}))
}

func TestAfterClose(t *testing.T) {
	s := open(t, t.TempDir())
	ok(t, s.Set("k", []byte("v")))
	ok(t, s.Close())
	ok(t, s.Close())
	_, err := s.Get("k")
	is(t, err, perdure.ErrClosed)
	is(t, s.Set("k", nil), perdure.ErrClosed)
	_, err = s.Incr("k")
	is(t, err, perdure.ErrClosed)
	is(t, s.Update(func(*perdure.Tx) error { return nil }), perdure.ErrClosed)
	is(t, s.View(func(*perdure.Tx) error { return nil }), perdure.ErrClosed)
	_, err = s.Save(context.Background())
	is(t, err, perdure.ErrClosed)
	_, err = s.BGSave()
	is(t, err, perdure.ErrClosed)
	is(t, s.Rewrite(context.Background()), perdure.ErrClosed)
	is(t, s.Sync(context.Background()), perdure.ErrClosed)
	is(t, s.FlushAll(), perdure.ErrClosed)
	is(t, s.Recover(context.Background()), perdure.ErrClosed)
	for _, o := range []perdure.Option{
		perdure.WithSaveRules(), perdure.WithStopWritesOnSaveError(true),
		perdure.WithoutAppendLog(), perdure.WithAppendLog(aof.New()),
	} {
		is(t, s.Configure(o), perdure.ErrClosed)
	}
	is(t, s.Configure(), perdure.ErrClosed)
	_, err = s.Snapshot()
	is(t, err, perdure.ErrClosed)
	for range s.All() {
		t.Error("All yields a key after Close, want none")
	}
	s.Stats()
	s.Info()
	if s.Len() != 0 {
		t.Errorf("Len = %d after Close, want 0", s.Len())
	}
}

func TestOptionsAreChecked(t *testing.T) {
	_, err := perdure.Open("")
	is(t, err, perdure.ErrOptions)
	_, err = perdure.Open(t.TempDir(), perdure.WithDatabases(0))
	is(t, err, perdure.ErrOptions)
	_, err = perdure.Open(t.TempDir(), perdure.WithAppendLog(nil))
	is(t, err, perdure.ErrOptions)
	_, err = perdure.Open(t.TempDir(), perdure.WithRecovery(9))
	is(t, err, perdure.ErrOptions)
	_, err = perdure.New(perdure.WithReadOnly())
	is(t, err, perdure.ErrOptions)
	_, err = perdure.New(perdure.WithRecoverUntil(time.Now()))
	is(t, err, perdure.ErrOptions)
	_, err = perdure.New(perdure.Option{})
	is(t, err, perdure.ErrOptions)
}
