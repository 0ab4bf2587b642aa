package perdure_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/storefs"
	"github.com/perduredb/perdure/internal/vfs"
)

// againstModel changes a store in memory, one whose collections have trees from the start, and one
// with a log. For each of them, it calls model, then step many times, and check often and after it
// has reopened the log.
func againstModel(t *testing.T, model func() (step func(*perdure.Store, *rand.Rand), check func(*perdure.Store))) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"small", "large", "log"} {
		var s *perdure.Store
		switch name {
		case "small":
			s = memory(t)
		case "large":
			s = open(t, t.TempDir(), perdure.WithoutAppendLog(), storefs.SmallCollections(64))
		case "log":
			s = open(t, dir, logOnly()...)
		}
		step, check := model()
		r := rand.New(rand.NewPCG(1, 2))
		for i := range 2000 {
			if step(s, r); i%100 == 0 {
				check(s)
			}
		}
		if name == "log" {
			ok(t, s.Close())
			s = open(t, dir, logOnly()...)
		}
		check(s)
	}
}

// word returns one of some short names.
func word(r *rand.Rand) string { return fmt.Sprintf("name:%d", r.IntN(40)) }

// same fails the test unless got is wanted and err nil.
func same[T comparable](t *testing.T, what string, got T, err error, want T) {
	t.Helper()
	if err != nil || got != want {
		t.Errorf("%s = %v, %v, want %v, nil", what, got, err, want)
	}
}

// at makes handles of every type: a Store, a DB, or a Tx.
type at interface {
	HashAt(key string) perdure.Hash
	ListAt(key string) perdure.List
	SetAt(key string) perdure.Set
	SortedSetAt(key string) perdure.SortedSet
}

// reads and writes return the errors of reads and of writes of every type, by type.
func reads(db at, key string) map[string]error {
	errs := map[string]error{}
	_, errs["hash"] = db.HashAt(key).Len()
	_, errs["list"] = db.ListAt(key).Range(0, -1)
	_, errs["set"] = db.SetAt(key).Has("m")
	_, errs["zset"] = db.SortedSetAt(key).RevRange(0, -1)
	return errs
}

func writes(db at, key string) map[string]error {
	errs := map[string]error{}
	_, errs["hash"] = db.HashAt(key).Set("f", nil)
	_, errs["list"] = db.ListAt(key).PushBack(nil)
	_, errs["set"] = db.SetAt(key).Add("m")
	_, errs["zset"] = db.SortedSetAt(key).IncrBy("m", 1)
	return errs
}

// all fails the test unless each error matches target.
func all(t *testing.T, what string, errs map[string]error, target error) {
	t.Helper()
	for kind, err := range errs {
		if !errors.Is(err, target) || target == nil && err != nil {
			t.Errorf("%s of a %s = %v, want %v", what, kind, err, target)
		}
	}
}

func TestCollectionErrors(t *testing.T) {
	s := open(t, t.TempDir(), perdure.WithDatabases(2), perdure.WithoutAppendLog())
	ok(t, s.Set("string", nil))
	all(t, "read of a string", reads(s, "string"), perdure.ErrWrongType)
	all(t, "write to a string", writes(s, "string"), perdure.ErrWrongType)
	for range s.HashAt("string").All() {
		t.Error("All of a string yields a field, want none")
	}
	for range s.SortedSetAt("string").All() {
		t.Error("All of a string yields a member, want none")
	}
	for range s.ListAt("string").All() {
		t.Error("All of a string yields an element, want none")
	}
	all(t, "read of a missing key", reads(s, "missing"), nil)
	all(t, "read of database 2", reads(s.DB(2), "k"), perdure.ErrDatabase)
	all(t, "write to database 2", writes(s.DB(2), "k"), perdure.ErrDatabase)
	all(t, "write without a log", writes(s.Durable(), "k"), perdure.ErrNoAppendLog)
	_, err := s.ListAt("k").PushBack(make([]byte, 512<<20+1))
	is(t, err, perdure.ErrTooLarge)
	if n := s.DB(0).Len(); n != 1 {
		t.Errorf("Len after refused writes = %d, want 1", n)
	}
	ok(t, s.Close())
	all(t, "read after Close", reads(s, "k"), perdure.ErrClosed)
	all(t, "write after Close", writes(s, "k"), perdure.ErrClosed)
}

func TestCollectionInTransaction(t *testing.T) {
	s := memory(t)
	var ended *perdure.Tx
	ok(t, s.Update(func(tx *perdure.Tx) error {
		ended = tx
		return second(tx.DB(1).HashAt("hash").Set("f", nil))
	}))
	all(t, "read after the transaction", reads(ended, "k"), perdure.ErrTxDone)
	all(t, "write after the transaction", writes(ended, "k"), perdure.ErrTxDone)
	ok(t, s.View(func(tx *perdure.Tx) error {
		all(t, "write in View", writes(tx, "k"), perdure.ErrReadOnly)
		all(t, "read in View", reads(tx, "k"), nil)
		return nil
	}))
	undo := errors.New("undo")
	err := s.UpdateKeys([]string{"from", "to"}, func(tx *perdure.Tx) error {
		all(t, "read of an undeclared key", reads(tx, "k"), perdure.ErrNotDeclared)
		all(t, "write to an undeclared key", writes(tx, "k"), perdure.ErrNotDeclared)
		_, err := tx.SetAt("from").Add("m")
		ok(t, err)
		found, err := tx.SetAt("from").Has("m")
		same(t, "Has in UpdateKeys", found, err, true)
		return undo
	})
	is(t, err, undo)
	n, err := s.SetAt("from").Len()
	same(t, "Len after an undone transaction", n, err, 0)
}

// TestCollectionTransactionIsLogged reopens a store after a transaction of many operations.
func TestCollectionTransactionIsLogged(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, logOnly()...)
	text := func(i int) string { return strings.Repeat(strconv.Itoa(i), i) }
	ok(t, s.Update(func(tx *perdure.Tx) error {
		for i := range 200 {
			ok(t, second(tx.HashAt("hash").Set(text(i), []byte(text(i+1)))))
			ok(t, second(tx.ListAt("list").PushBack([]byte(text(i)))))
			ok(t, second(tx.SortedSetAt("zset").Add(text(i), float64(i))))
		}
		return nil
	}))
	ok(t, s.Close())
	s = open(t, dir, logOnly()...)
	for i := range 200 {
		v, err := s.HashAt("hash").Get(text(i))
		same(t, "Get", string(v), err, text(i+1))
		e, err := s.ListAt("list").Get(i)
		same(t, "Get", string(e), err, text(i))
		score, err := s.SortedSetAt("zset").Score(text(i))
		same(t, "Score", score, err, float64(i))
	}
}

// TestCollectionDurable reads durable writes after a crash of the machine.
func TestCollectionDurable(t *testing.T) {
	fsys := vfs.NewMem("/data")
	s := open(t, "/data", append(logOnly(aof.Fsync(aof.No)), storefs.Option(fsys))...)
	d := s.Durable()
	for kind, err := range map[string]error{
		"hash": second(d.HashAt("hash").Set("f", []byte("v"))),
		"list": second(d.ListAt("list").PushBack([]byte("v"))),
		"set":  second(d.SetAt("set").Add("m")),
		"zset": second(d.SortedSetAt("zset").Add("m", 1)),
		"tx": d.UpdateKeys([]string{"tx"}, func(tx *perdure.Tx) error {
			return second(tx.ListAt("tx").PushBack([]byte("v")))
		}),
	} {
		if err != nil {
			t.Errorf("durable write of %s = %v, want nil", kind, err)
		}
	}
	s = open(t, "/data", append(logOnly(), storefs.Option(fsys.Crash(vfs.KeepNone, 0)))...)
	n, err := s.Exists("hash", "list", "set", "zset", "tx")
	same(t, "keys after a crash", n, err, 5)
}

func second[T any](_ T, err error) error { return err }

func TestCollectionHandlesAllocateNothing(t *testing.T) {
	s := memory(t)
	n := testing.AllocsPerRun(100, func() {
		_, _ = s.HashAt("k"), s.ListAt("k")
		_, _ = s.SetAt("k"), s.SortedSetAt("k")
	})
	if n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

// TestCollectionConcurrently takes every element of a list once.
func TestCollectionConcurrently(t *testing.T) {
	s := memory(t)
	const elements = 400
	queue, done := s.ListAt("queue"), s.SetAt("done")
	var workers sync.WaitGroup
	for w := range 4 {
		workers.Go(func() {
			for i := range elements / 4 {
				ok(t, second(queue.PushBack(fmt.Append(nil, w, i))))
				e, err := queue.PopFront()
				ok(t, err)
				added, err := done.Add(string(e))
				same(t, "Add", added, err, 1)
			}
		})
	}
	workers.Wait()
	n, err := done.Len()
	same(t, "elements taken", n, err, elements)
}
