package perdure_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/perduredb/perdure"
)

// check ends an example on an error.
func check(err error) {
	if err != nil {
		panic(err)
	}
}

// exampleStore returns a store in memory with a few keys.
func exampleStore() *perdure.Store {
	s, err := perdure.New()
	check(err)
	check(s.MSet(
		perdure.Pair{Key: "user:1", Value: []byte("Ada")},
		perdure.Pair{Key: "user:2", Value: []byte("Grace")},
		perdure.Pair{Key: "visits", Value: []byte("41")},
	))
	return s
}

func exampleDir() (dir string, remove func()) {
	dir, err := os.MkdirTemp("", "perdure-example")
	check(err)
	return dir, func() { os.RemoveAll(dir) }
}

func ExampleBatch() {
	s := exampleStore()
	defer s.Close()

	var b perdure.Batch
	name := b.Get("user:1")
	visits := b.Incr("visits")
	b.Set("last", []byte("user:1"), perdure.TTL(time.Hour))
	missing := b.Get("user:3")
	check(s.Run(&b)) // atomic, and one log record

	v, err := name.Value()
	check(err)
	n, err := visits.Int()
	check(err)
	_, err = missing.Value()
	fmt.Printf("%s, visit %d; %v\n", v, n, err)
	// Output: Ada, visit 42; perdure: key not found
}

func ExampleNew() {
	s, err := perdure.New() // a cache: nothing on disk
	check(err)
	defer s.Close()
	check(s.Set("k", []byte("v"), perdure.TTL(time.Minute)))
	fmt.Println(s.Len())
	// Output: 1
}

func ExampleStore_Get() {
	s := exampleStore()
	defer s.Close()
	v, err := s.Get("user:1")
	fmt.Println(string(v), err)
	_, err = s.Get("user:9")
	fmt.Println(errors.Is(err, perdure.ErrNotFound))
	// Output:
	// Ada <nil>
	// true
}

func ExampleStore_AppendGet() {
	s := exampleStore()
	defer s.Close()
	buf := make([]byte, 0, 64) // reused without an allocation
	for _, key := range []string{"user:1", "user:2"} {
		var err error
		buf, err = s.AppendGet(buf[:0], key)
		check(err)
		fmt.Println(string(buf))
	}
	// Output:
	// Ada
	// Grace
}

func ExampleStore_Set() {
	s := exampleStore()
	defer s.Close()
	check(s.Set("session", []byte("token"), perdure.TTL(time.Hour)))
	check(s.Set("session", []byte("renamed"), perdure.KeepTTL()))
	check(s.Set("report", []byte("..."), perdure.ExpireAt(time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC))))
	ttl, err := s.TTL("session")
	check(err)
	fmt.Println(ttl > 59*time.Minute)
	// Output: true
}

func ExampleStore_SetIfAbsent() {
	s := exampleStore()
	defer s.Close()
	for range 2 {
		got, err := s.SetIfAbsent("lock", []byte("me"), perdure.TTL(time.Minute))
		check(err)
		fmt.Println(got)
	}
	// Output:
	// true
	// false
}

func ExampleStore_Swap() {
	s := exampleStore()
	defer s.Close()
	old, existed, err := s.Swap("user:1", []byte("Ada Lovelace"))
	fmt.Println(string(old), existed, err)
	// Output: Ada true <nil>
}

func ExampleStore_CompareAndSwap() {
	s := exampleStore()
	defer s.Close()
	done, err := s.CompareAndSwap("user:1", []byte("Ada"), []byte("Ada Lovelace"))
	fmt.Println(done, err)
	done, err = s.CompareAndSwap("user:1", []byte("Ada"), []byte("somebody else"))
	fmt.Println(done, err)
	// Output:
	// true <nil>
	// false <nil>
}

func ExampleStore_Append() {
	s := exampleStore()
	defer s.Close()
	n, err := s.Append("user:2", []byte(" Hopper"))
	fmt.Println(n, err)
	// Output: 12 <nil>
}

func ExampleStore_MGet() {
	s := exampleStore()
	defer s.Close()
	values, err := s.MGet("user:1", "user:9", "user:2")
	check(err)
	for _, v := range values {
		fmt.Printf("%q %v\n", v, v != nil)
	}
	// Output:
	// "Ada" true
	// "" false
	// "Grace" true
}

func ExampleStore_MSet() {
	s := exampleStore()
	defer s.Close()
	check(s.MSet(perdure.Pair{Key: "a", Value: []byte("1")}, perdure.Pair{Key: "b", Value: []byte("2")}))
	n, err := s.Exists("a", "b")
	fmt.Println(n, err)
	// Output: 2 <nil>
}

func ExampleStore_Incr() {
	s := exampleStore()
	defer s.Close()
	n, err := s.Incr("visits")
	fmt.Println(n, err)
	_, err = s.Incr("user:1")
	fmt.Println(errors.Is(err, perdure.ErrNotInteger))
	// Output:
	// 42 <nil>
	// true
}

func ExampleStore_Do() {
	s := exampleStore()
	defer s.Close()
	reply, err := s.Do(context.Background(), "INCRBYFLOAT", "visits", 0.5)
	fmt.Println(err)
	fmt.Println(reply.Float())
	// Output:
	// <nil>
	// 41.5 <nil>
}

func ExampleStore_IncrBy() {
	s := exampleStore()
	defer s.Close()
	n, err := s.IncrBy("visits", 9)
	fmt.Println(n, err)
	// Output: 50 <nil>
}

func ExampleStore_Decr() {
	s := exampleStore()
	defer s.Close()
	n, err := s.Decr("visits")
	fmt.Println(n, err)
	// Output: 40 <nil>
}

func ExampleStore_DecrBy() {
	s := exampleStore()
	defer s.Close()
	n, err := s.DecrBy("visits", 41)
	fmt.Println(n, err)
	// Output: 0 <nil>
}

func ExampleStore_Delete() {
	s := exampleStore()
	defer s.Close()
	n, err := s.Delete("user:1", "user:9")
	fmt.Println(n, err)
	// Output: 1 <nil>
}

func ExampleStore_Exists() {
	s := exampleStore()
	defer s.Close()
	n, err := s.Exists("user:1", "user:9")
	fmt.Println(n, err)
	// Output: 1 <nil>
}

func ExampleStore_Len() {
	s := exampleStore()
	defer s.Close()
	fmt.Println(s.Len())
	// Output: 3
}

func ExampleStore_Expire() {
	s := exampleStore()
	defer s.Close()
	existed, err := s.Expire("user:1", time.Hour)
	fmt.Println(existed, err)
	existed, err = s.Expire("user:2", -time.Second) // at once
	fmt.Println(existed, err, s.Len())
	// Output:
	// true <nil>
	// true <nil> 2
}

func ExampleStore_ExpireAt() {
	s := exampleStore()
	defer s.Close()
	existed, err := s.ExpireAt("user:1", time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC))
	fmt.Println(existed, err)
	// Output: true <nil>
}

func ExampleStore_Persist() {
	s := exampleStore()
	defer s.Close()
	had, err := s.Persist("user:1")
	fmt.Println(had, err)
	// Output: false <nil>
}

func ExampleStore_TTL() {
	s := exampleStore()
	defer s.Close()
	ttl, err := s.TTL("user:1")
	fmt.Println(ttl == perdure.NoExpiry, err)
	// Output: true <nil>
}

func ExampleStore_Type() {
	s := exampleStore()
	defer s.Close()
	name, err := s.Type("user:1")
	fmt.Println(name, err)
	// Output: string <nil>
}

func ExampleStore_All() {
	s := exampleStore()
	defer s.Close()
	total := 0
	for _, v := range s.All() {
		total += len(v)
	}
	fmt.Println(total)
	// Output: 10
}

func ExampleStore_Keys() {
	s := exampleStore()
	defer s.Close()
	keys := slices.Sorted(s.Keys("user:*"))
	fmt.Println(keys)
	// Output: [user:1 user:2]
}

func ExampleStore_DB() {
	s := exampleStore()
	defer s.Close()
	sessions := s.DB(1)
	check(sessions.Set("user:1", []byte("another database")))
	v, err := s.Get("user:1")
	fmt.Println(string(v), err, sessions.Len())
	// Output: Ada <nil> 1
}

func ExampleStore_Databases() {
	s, err := perdure.New(perdure.WithDatabases(4))
	check(err)
	defer s.Close()
	fmt.Println(s.Databases())
	// Output: 4
}

func ExampleStore_FlushDB() {
	s := exampleStore()
	defer s.Close()
	check(s.FlushDB())
	fmt.Println(s.Len())
	// Output: 0
}

func ExampleStore_FlushAll() {
	s := exampleStore()
	defer s.Close()
	check(s.FlushAll())
	fmt.Println(s.Len())
	// Output: 0
}

func ExampleStore_Update() {
	s := exampleStore()
	defer s.Close()
	poor := errors.New("not enough")
	pay := func(amount int64) error {
		return s.Update(func(tx *perdure.Tx) error {
			left, err := tx.DecrBy("visits", amount)
			if err != nil {
				return err
			}
			if left < 0 {
				return poor // the transaction is undone
			}
			return tx.Set("paid", []byte("yes"))
		})
	}
	fmt.Println(pay(100), pay(40))
	v, err := s.Get("visits")
	fmt.Println(string(v), err)
	// Output:
	// not enough <nil>
	// 1 <nil>
}

func ExampleStore_UpdateKeys() {
	s := exampleStore()
	defer s.Close()
	err := s.UpdateKeys([]string{"user:1", "user:2"}, func(tx *perdure.Tx) error {
		a, err := tx.Get("user:1")
		if err != nil {
			return err
		}
		b, _, err := tx.Swap("user:2", a)
		if err != nil {
			return err
		}
		return tx.Set("user:1", b)
	})
	v, _ := s.Get("user:1")
	fmt.Println(string(v), err)
	// Output: Grace <nil>
}

func ExampleStore_View() {
	s := exampleStore()
	defer s.Close()
	err := s.View(func(tx *perdure.Tx) error {
		a, err := tx.Get("user:1")
		if err != nil {
			return err
		}
		b, err := tx.Get("user:2") // from the same point in time
		fmt.Println(string(a), string(b))
		return err
	})
	check(err)
	// Output: Ada Grace
}

func ExampleStore_ViewKeys() {
	s := exampleStore()
	defer s.Close()
	err := s.ViewKeys([]string{"user:1"}, func(tx *perdure.Tx) error {
		_, err := tx.Get("user:2")
		return err
	})
	fmt.Println(errors.Is(err, perdure.ErrNotDeclared))
	// Output: true
}

func ExampleTx() {
	s := exampleStore()
	defer s.Close()
	check(s.Update(func(tx *perdure.Tx) error {
		name, err := tx.Get("user:1")
		if err != nil {
			return err
		}
		if _, err := tx.Delete("user:1"); err != nil {
			return err
		}
		return tx.DB(1).Set("user:1", name) // with the deletion, in one transaction
	}))
	v, err := s.DB(1).Get("user:1")
	fmt.Println(string(v), err)
	// Output: Ada <nil>
}
