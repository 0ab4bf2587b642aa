package perdure_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/snapshot"
)

func ExampleTTL() {
	s := exampleStore()
	defer s.Close()
	check(s.Set("session", []byte("Ada"), perdure.TTL(time.Hour)))
	ttl, err := s.TTL("session")
	check(err)
	fmt.Println(ttl > 59*time.Minute)
	// Output: true
}

func ExampleKeepTTL() {
	s := exampleStore()
	defer s.Close()
	check(s.Set("session", []byte("Ada"), perdure.TTL(time.Hour)))
	check(s.Set("session", []byte("Grace"), perdure.KeepTTL()))
	ttl, err := s.TTL("session")
	check(err)
	fmt.Println(ttl > 59*time.Minute)
	// Output: true
}

func ExampleStore_Durable() {
	dir, remove := exampleDir()
	defer remove()
	s, err := perdure.Open(dir) // fsync every second
	check(err)
	defer s.Close()

	durable := s.Durable()
	check(durable.Set("order", []byte("paid"))) // returns when it is on disk
	check(durable.Update(func(tx *perdure.Tx) error {
		_, err := tx.Incr("orders")
		return err
	}))
	n, err := s.Exists("order", "orders")
	check(err)
	fmt.Println(n)
	// Output: 2
}

func ExampleStore_Run() {
	s := exampleStore()
	defer s.Close()

	var b perdure.Batch
	first, second := b.Get("user:1"), b.Get("user:2")
	check(s.Run(&b))
	for _, h := range []perdure.BatchValue{first, second} {
		v, err := h.Value()
		check(err)
		fmt.Println(string(v))
	}
	// Output:
	// Ada
	// Grace
}

func ExampleBatch_Reset() {
	s := exampleStore()
	defer s.Close()

	var b perdure.Batch
	for range 3 {
		b.Reset() // keeps the memory for the next round
		visits := b.Incr("visits")
		check(s.Run(&b))
		n, err := visits.Int()
		check(err)
		fmt.Println(n)
	}
	// Output:
	// 42
	// 43
	// 44
}

func ExampleTx_DB() {
	s := exampleStore()
	defer s.Close()
	check(s.Update(func(tx *perdure.Tx) error { // move a key to database 1
		v, err := tx.Get("user:1")
		if err != nil {
			return err
		}
		_, err = tx.Delete("user:1")
		return errors.Join(err, tx.DB(1).Set("user:1", v))
	}))
	v, err := s.DB(1).Get("user:1")
	check(err)
	fmt.Println(string(v))
	// Output: Ada
}

func ExampleWithAppendLog() {
	dir, remove := exampleDir()
	defer remove()
	s, err := perdure.Open(dir, perdure.WithAppendLog(aof.New(aof.Fsync(aof.Always))))
	check(err)
	defer s.Close()
	check(s.Set("order", []byte("paid"))) // returns when it is on disk
	fmt.Println(s.Stats().LogReady)
	// Output: true
}

func ExampleWithSaveRules() {
	dir, remove := exampleDir()
	defer remove()
	s, err := perdure.Open(dir, perdure.WithSaveRules(
		snapshot.Rule{Seconds: 3600, Changes: 1}, // after an hour if anything has changed
		snapshot.Rule{Seconds: 60, Changes: 10_000},
	))
	check(err)
	check(s.Close()) // saves too, because there are save rules
}

func ExampleWithHooks() {
	dir, remove := exampleDir()
	defer remove()
	s, err := perdure.Open(dir, perdure.WithHooks(perdure.Hooks{
		Saved: func(info snapshot.Info, err error) { fmt.Println(info.Keys, err) },
	}))
	check(err)
	check(s.Set("k", []byte("v")))
	_, err = s.Save(context.Background())
	check(err)
	check(s.CloseNoSave())
	// Output: 1 <nil>
}

func ExampleWithReadOnly() {
	dir, remove := exampleDir()
	defer remove()
	s, err := perdure.Open(dir)
	check(err)
	check(s.Set("k", []byte("v")))
	check(s.Close())

	s, err = perdure.Open(dir, perdure.WithReadOnly()) // changes no file
	check(err)
	defer s.Close()
	v, err := s.Get("k")
	check(err)
	fmt.Printf("%s, %v\n", v, s.Set("k", nil))
	// Output: v, perdure: store is read-only
}
