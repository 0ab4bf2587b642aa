package perdure_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

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
	fmt.Println(s.Stats().LogSize < before/50)
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
	check(s.Sync(context.Background())) // durable from here on
	check(s.Durable().Set("order", []byte("sent")))
	fmt.Println("durable")
	// Output: durable
}

func ExampleStore_Snapshot() {
	s := exampleStore()
	defer s.Close()
	snap, err := s.Snapshot()
	check(err)
	defer snap.Close()
	check(s.FlushAll()) // this does not affect the snapshot
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

// The program must end within ten seconds. Shutdown cancels a large dump, because the log contains
// all data.
func ExampleStore_Shutdown() {
	dir, remove := exampleDir()
	defer remove()
	s, err := perdure.Open(dir)
	check(err)
	check(s.Set("k", []byte("v")))
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	fmt.Println(s.Shutdown(ctx))
	// Output: <nil>
}

func ExampleStore_Configure() {
	dir, remove := exampleDir()
	defer remove()
	s, err := perdure.Open(dir, perdure.WithoutAppendLog())
	check(err)
	defer s.Close()
	err = s.Configure(
		perdure.WithSaveRules(snapshot.Rule{Seconds: 60, Changes: 1000}),
		perdure.WithAppendLog(aof.New(aof.Fsync(aof.Always))),
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
	fmt.Println(s.Recover(context.Background())) // does nothing, because the log has not failed
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

	// Open the state at the end of a second. ReadOnly leaves all files unchanged. Without it, Open
	// continues from there, and keeps the whole log in a directory that Recovery reports.
	s, err = perdure.Open(dir, perdure.WithRecoverUntil(time.Now()), perdure.WithReadOnly())
	check(err)
	v, err := s.Get("k")
	fmt.Printf("%s %v, later: %d bytes\n", v, err, s.Recovery().LeftOut)
	check(s.Close())
	// Output: v <nil>, later: 0 bytes
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
	task.Cancel() // too late to have an effect
	// Output: 1 1
}
