package perdure_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

func TestTxHasMethodsOfDB(t *testing.T) {
	outside := map[string]string{
		"FlushDB": "it can't be undone",
		"Run":     "a Batch is a transaction itself",
		"Durable": "the transaction itself is durable or not",
		"View":    "transactions do not nest", "ViewKeys": "transactions do not nest",
		"Update": "transactions do not nest", "UpdateKeys": "transactions do not nest",
	}
	tx := reflect.TypeFor[*perdure.Tx]()
	db := reflect.TypeFor[*perdure.DB]()
	for i := range db.NumMethod() {
		name := db.Method(i).Name
		_, ok := tx.MethodByName(name)
		if why := outside[name]; ok == (why != "") {
			t.Errorf("Tx has %s: %v, want %v (%s)", name, ok, why == "", why)
		}
	}
}

// values contains the methods that the tests use of both a DB and a Tx.
type values interface {
	Get(key string) ([]byte, error)
	Set(key string, value []byte, opts ...perdure.SetOption) error
	CompareAndSwap(key string, old, value []byte, opts ...perdure.SetOption) (bool, error)
	MGet(keys ...string) ([][]byte, error)
	MSet(pairs ...perdure.Pair) error
	Type(key string) (string, error)
	TTL(key string) (time.Duration, error)
}

func TestTxMethodsEqualThoseOfDB(t *testing.T) {
	program := func(v values) (results []any) {
		note := func(r ...any) { results = append(results, r...) }
		big := make([]byte, 1<<19)
		note(v.MSet(perdure.Pair{Key: "a", Value: []byte("1")}, perdure.Pair{Key: "b", Value: big}, perdure.Pair{Key: "a", Value: []byte("2")}))
		values, err := v.MGet("a", "absent", "b", "list")
		for _, v := range values {
			note(v == nil, len(v), xxhash.Sum64(v)) // a diff of large values takes seconds
		}
		note(err)
		for _, old := range []string{"1", "2"} {
			swapped, err := v.CompareAndSwap("a", []byte(old), []byte("3"), perdure.TTL(time.Hour))
			note(swapped, err)
		}
		swapped, err := v.CompareAndSwap("a", []byte("3"), big, perdure.KeepTTL())
		note(swapped, err)
		swapped, err = v.CompareAndSwap("b", big, []byte("short"))
		note(swapped, err)
		for _, key := range []string{"absent", "list"} {
			swapped, err := v.CompareAndSwap(key, nil, []byte("3"))
			note(swapped, err)
		}
		for _, key := range []string{"a", "b", "list", "absent"} {
			name, err := v.Type(key)
			note(name, err)
			ttl, err := v.TTL(key)
			note(ttl.Round(time.Minute), err)
		}
		note(v.MSet())
		return results
	}
	dir, twin := withList(t), withList(t)
	s, other := open(t, dir), open(t, twin)
	var inside []any
	ok(t, s.Update(func(tx *perdure.Tx) error { inside = program(tx); return nil }))
	if diff := cmp.Diff(program(other.DB(0)), inside, cmpopts.EquateErrors()); diff != "" {
		t.Errorf("results of a Tx differ, want those of a DB (-DB +Tx):\n%s", diff)
	}
	ok(t, s.Close())
	s = open(t, dir)
	for _, key := range []string{"a", "b"} {
		before, err := other.Get(key)
		ok(t, err)
		want(t, s, key, string(before))
	}
}

// withList returns the directory of a store with a list that Redis has written.
func withList(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	var dump bytes.Buffer
	w, err := rdb.NewWriter(&dump)
	ok(t, err)
	list, err := rdb.NewList([]byte("element"))
	ok(t, err)
	ok(t, w.WriteValue(&rdb.Entry{Entry: snapshot.Entry{Key: []byte("list")}}, list))
	_, err = w.Close()
	ok(t, err)
	ok(t, os.WriteFile(filepath.Join(dir, "dump.rdb"), dump.Bytes(), 0o600))
	return dir
}

func TestTxMethodsKeepRules(t *testing.T) {
	s := open(t, t.TempDir())
	pair := perdure.Pair{Key: "undeclared", Value: []byte("1")}
	ok(t, s.ViewKeys([]string{"a"}, func(tx *perdure.Tx) error {
		is(t, tx.MSet(), perdure.ErrReadOnly)
		_, err := tx.CompareAndSwap("a", nil, nil)
		is(t, err, perdure.ErrReadOnly)
		_, err = tx.MGet("a", "undeclared")
		is(t, err, perdure.ErrNotDeclared)
		_, err = tx.Type("undeclared")
		is(t, err, perdure.ErrNotDeclared)
		return nil
	}))
	undone := errors.New("undone")
	err := s.UpdateKeys([]string{"a", "b"}, func(tx *perdure.Tx) error {
		is(t, tx.MSet(perdure.Pair{Key: "a"}, pair), perdure.ErrNotDeclared)
		if n, err := tx.Exists("a", "b"); n != 0 || err != nil {
			t.Errorf("Exists after a refused MSet = %d, %v, want 0, nil", n, err)
		}
		ok(t, tx.MSet(perdure.Pair{Key: "a", Value: []byte("1")}, perdure.Pair{Key: "b", Value: []byte("2")}))
		return undone
	})
	is(t, err, undone)
	if n := s.Len(); n != 0 {
		t.Errorf("Len = %d after an undone transaction, want 0", n)
	}
	var late *perdure.Tx
	ok(t, s.Update(func(tx *perdure.Tx) error { late = tx; return nil }))
	is(t, late.MSet(pair), perdure.ErrTxDone)
	_, err = late.MGet("a")
	is(t, err, perdure.ErrTxDone)
	_, err = late.Type("a")
	is(t, err, perdure.ErrTxDone)
}
