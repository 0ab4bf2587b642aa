package perdure_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// check ends an example on an error.
func check(err error) {
	if err != nil {
		panic(err)
	}
}

// exampleStore is a store in memory with some keys.
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
	check(s.Run(&b)) // all at once: one look at the keys, one unit of the log

	v, err := b.Value(name)
	check(err)
	n, err := b.Int(visits)
	check(err)
	_, err = b.Value(missing)
	fmt.Printf("%s, visit %d; %v\n", v, n, err)
	// Output: Ada, visit 42; perdure: key not found
}

func ExampleOpen() {
	dir, remove := exampleDir()
	defer remove()

	s, err := perdure.Open(dir)
	check(err)
	check(s.Set("greeting", []byte("hello")))
	check(s.Close())

	s, err = perdure.Open(dir) // another run of the program
	check(err)
	defer s.Close()
	v, err := s.Get("greeting")
	check(err)
	fmt.Printf("%s, from the %s\n", v, s.Recovery().Source)
	// Output: hello, from the aof
}

func ExampleOpen_options() {
	dir, remove := exampleDir()
	defer remove()
	s, err := perdure.Open(dir,
		perdure.WithAppendLog(aof.New(aof.Fsync(aof.Always))),
		perdure.WithSnapshotter(rdb.New(rdb.Filename("state.rdb"))),
		perdure.WithSaveRules(snapshot.Rule{Seconds: 300, Changes: 100}),
	)
	check(err)
	defer s.Close()
	fmt.Println(s.Stats().FsyncPolicy)
	// Output: always
}

func ExampleOpenContext() {
	dir, remove := exampleDir()
	defer remove()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s, err := perdure.OpenContext(ctx, dir, perdure.WithLoadProgress(func(p perdure.LoadProgress) {
		fmt.Printf("%d of %d bytes\n", p.Done, p.Total)
	}))
	check(err)
	fmt.Println(s.Len(), "keys")
	check(s.Close())
	// Output: 0 keys
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
	buf := make([]byte, 0, 64) // used again and again: no allocation
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
				return poor // and everything is as it was
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
		b, err := tx.Get("user:2") // of the same instant
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

func ExampleStore_Save() {
	dir, remove := exampleDir()
	defer remove()
	s, err := perdure.Open(dir)
	check(err)
	defer s.Close()
	check(s.Set("k", []byte("v")))
	info, err := s.Save(context.Background())
	check(err)
	fmt.Println(info.Keys, info.Version)
	// Output: 1 RDB 9
}

func ExampleStore_BGSave() {
	dir, remove := exampleDir()
	defer remove()
	s, err := perdure.Open(dir)
	check(err)
	defer s.Close()
	task, err := s.BGSave()
	check(err)
	_, err = task.Wait(context.Background()) // or select on task.Done(), or not at all
	fmt.Println(err)
	// Output: <nil>
}

func ExampleStore_LastSave() {
	dir, remove := exampleDir()
	defer remove()
	s, err := perdure.Open(dir)
	check(err)
	defer s.Close()
	before := s.LastSave()
	_, err = s.Save(context.Background())
	check(err)
	fmt.Println(s.LastSave().After(before))
	// Output: true
}

func ExampleStore_Rewrite() {
	dir, remove := exampleDir()
	defer remove()
	s, err := perdure.Open(dir)
	check(err)
	defer s.Close()
	for i := range 1000 {
		check(s.Set("k", fmt.Append(nil, i)))
	}
	before := s.Stats().LogSize
	check(s.Rewrite(context.Background()))
	fmt.Println(s.Stats().LogSize < before/100)
	// Output: true
}

func ExampleStore_BGRewrite() {
	dir, remove := exampleDir()
	defer remove()
	s, err := perdure.Open(dir)
	check(err)
	defer s.Close()
	task, err := s.BGRewrite()
	check(err)
	<-task.Done()
	fmt.Println(s.Stats().Rewrites)
	// Output: 1
}

func ExampleStore_Sync() {
	dir, remove := exampleDir()
	defer remove()
	s, err := perdure.Open(dir) // fsync every second
	check(err)
	defer s.Close()
	check(s.Set("order", []byte("paid")))
	check(s.Sync(context.Background())) // now it survives a power failure too
	check(s.Set("order", []byte("sent"), perdure.Durable()))
	fmt.Println("durable")
	// Output: durable
}

func ExampleStore_Snapshot() {
	s := exampleStore()
	defer s.Close()
	snap, err := s.Snapshot()
	check(err)
	defer snap.Close()
	check(s.FlushAll()) // the snapshot does not mind
	n := 0
	for _, err := range snap.All(context.Background()) {
		check(err)
		n++
	}
	fmt.Println(n, s.Len())
	// Output: 3 0
}

func ExampleSnapshot_WriteTo() {
	s := exampleStore()
	defer s.Close()
	snap, err := s.Snapshot()
	check(err)
	defer snap.Close()
	var dump bytes.Buffer
	_, err = snap.WriteTo(&dump)
	check(err)
	fmt.Printf("%.9s\n", dump.String())
	// Output: REDIS0009
}

func ExampleStore_Restore() {
	a, b := exampleStore(), exampleStore()
	defer a.Close()
	defer b.Close()
	check(a.Set("only", []byte("in a")))
	snap, err := a.Snapshot()
	check(err)
	var dump bytes.Buffer
	_, err = snap.WriteTo(&dump)
	check(err)
	check(snap.Close())
	check(b.Restore(context.Background(), &dump))
	v, err := b.Get("only")
	fmt.Println(string(v), err)
	// Output: in a <nil>
}

func ExampleStore_Configure() {
	dir, remove := exampleDir()
	defer remove()
	s, err := perdure.Open(dir)
	check(err)
	defer s.Close()
	err = s.Configure(
		perdure.SaveRules(snapshot.Rule{Seconds: 60, Changes: 1000}),
		perdure.Log(aof.Fsync(aof.Always)),
		perdure.Snapshots(rdb.Compression(false)),
	)
	fmt.Println(s.Stats().FsyncPolicy, err)
	// Output: always <nil>
}

func ExampleStore_Stats() {
	s := exampleStore()
	defer s.Close()
	st := s.Stats()
	fmt.Println(st.Keys, st.Expires, st.ChangesSinceSave)
	// Output: 3 0 3
}

func ExampleStore_Info() {
	s := exampleStore()
	defer s.Close()
	for line := range strings.Lines(s.Info()) {
		if strings.HasPrefix(line, "rdb_changes") {
			fmt.Print(line)
		}
	}
	// Output: rdb_changes_since_last_save:3
}

func ExampleStore_Recovery() {
	dir, remove := exampleDir()
	defer remove()
	s, err := perdure.Open(dir)
	check(err)
	defer s.Close()
	fmt.Println(s.Recovery().Source, s.Recovery().Cut)
	// Output: empty 0
}

func ExampleStore_Err() {
	s := exampleStore()
	fmt.Println(s.Err())
	check(s.Close())
	fmt.Println(errors.Is(s.Err(), perdure.ErrClosed))
	// Output:
	// <nil>
	// true
}

func ExampleStore_Recover() {
	s := exampleStore()
	defer s.Close()
	if err := s.Err(); errors.Is(err, perdure.ErrLogFailed) {
		// Free the disk, then:
		check(s.Recover(context.Background()))
	}
	fmt.Println(s.Recover(context.Background())) // nothing to do
	// Output: <nil>
}

func ExampleStore_Close() {
	s := exampleStore()
	fmt.Println(s.Close())
	_, err := s.Get("user:1")
	fmt.Println(errors.Is(err, perdure.ErrClosed))
	// Output:
	// <nil>
	// true
}

func ExampleStore_CloseNoSave() {
	dir, remove := exampleDir()
	defer remove()
	s, err := perdure.Open(dir)
	check(err)
	fmt.Println(s.CloseNoSave())
	_, err = os.Stat(dir + "/dump.rdb")
	fmt.Println(errors.Is(err, os.ErrNotExist))
	// Output:
	// <nil>
	// true
}

func ExampleWithRecoverUntil() {
	dir, remove := exampleDir()
	defer remove()
	stamped := perdure.WithAppendLog(aof.New(aof.Timestamps(true)))
	s, err := perdure.Open(dir, stamped)
	check(err)
	check(s.Set("k", []byte("v")))
	check(s.Close())

	// The state at the end of some second. Read-only, so that everything stays as it is; without that
	// Open goes on from there, and keeps the whole log in a directory that Recovery names.
	s, err = perdure.Open(dir, perdure.WithRecoverUntil(time.Now()), perdure.WithReadOnly())
	check(err)
	v, err := s.Get("k")
	fmt.Printf("%s %v, later: %d bytes\n", v, err, s.Recovery().LeftOut)
	check(s.Close())
	// Output: v <nil>, later: 0 bytes
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
		return tx.DB(1).Set("user:1", name) // moved to another database, or not at all
	}))
	v, err := s.DB(1).Get("user:1")
	fmt.Println(string(v), err)
	// Output: Ada <nil>
}

func ExampleTask() {
	dir, remove := exampleDir()
	defer remove()
	s, err := perdure.Open(dir)
	check(err)
	defer s.Close()
	check(s.Set("k", nil))
	task, err := s.BGSave()
	check(err)
	<-task.Done()
	written, total := task.Progress()
	fmt.Println(written, total)
	task.Cancel() // too late: nothing happens
	// Output: 1 1
}
