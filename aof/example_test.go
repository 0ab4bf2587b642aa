package aof_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
)

// exampleLog makes a store with a log in a new directory, and tears the log's tail.
func exampleLog() (dir string) {
	dir, err := os.MkdirTemp("", "perdure-example")
	check(err)
	s, err := perdure.Open(dir, perdure.WithSaveRules())
	check(err)
	check(s.Set("a", []byte("1")))
	check(s.Close())
	incr := filepath.Join(dir, "appendonlydir", "appendonly.aof.1.incr.aof")
	f, err := os.OpenFile(incr, os.O_APPEND|os.O_WRONLY, 0)
	check(err)
	_, err = f.WriteString("*3\r\n$3\r\nSET\r\n$1\r\nb")
	check(errors.Join(err, f.Close()))
	return dir
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func ExampleNew() {
	dir, err := os.MkdirTemp("", "perdure-example")
	check(err)
	defer os.RemoveAll(dir)
	s, err := perdure.Open(dir, perdure.WithAppendLog(aof.New(
		aof.Fsync(aof.Always),
		aof.AutoRewrite(200, 1<<30),
		aof.Filename("orders.aof"),
		aof.Dirname("log"),
	)))
	check(err)
	check(s.Set("k", []byte("v"))) // on disk
	check(s.Close())
	_, err = os.Stat(filepath.Join(dir, "log", "orders.aof.manifest"))
	fmt.Println(err)
	// Output: <nil>
}

func ExampleCheck() {
	dir := exampleLog()
	defer os.RemoveAll(dir)
	report, err := aof.Check(filepath.Join(dir, "appendonlydir"))
	check(err)
	for _, f := range report.Files {
		fmt.Printf("%s %s: %d commands, %d bytes torn off\n", f.Kind, filepath.Base(f.Path), f.Commands, f.Torn)
	}
	fmt.Println(report.OK())
	// Output:
	// base appendonly.aof.1.base.rdb: 0 commands, 0 bytes torn off
	// increment appendonly.aof.1.incr.aof: 1 commands, 18 bytes torn off
	// false
}

func ExampleRepair() {
	dir := exampleLog()
	defer os.RemoveAll(dir)
	log := filepath.Join(dir, "appendonlydir")
	plan, err := aof.Repair(log, aof.PlanOnly())
	check(err)
	done, err := aof.Repair(log)
	check(err)
	fmt.Println(plan.Cut == done.Cut, done.Cut, "bytes")
	report, err := aof.Check(log)
	check(err)
	fmt.Println(report.OK())
	// Output:
	// true 18 bytes
	// true
}

func ExampleTrigger_Due() {
	t := aof.Trigger{Percentage: 100, MinSize: 64 << 20}
	fmt.Println(t.Due(50<<20, 110<<20), t.Due(30<<20, 60<<20))
	// Output: true false
}
