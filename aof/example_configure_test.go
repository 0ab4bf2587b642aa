package aof_test

import (
	"errors"
	"fmt"
	"os"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/appendlog"
)

// The code that created a log configures it, while a store has it open.
func ExampleLog_Configure() {
	dir, err := os.MkdirTemp("", "perdure-example")
	check(err)
	defer os.RemoveAll(dir)
	log := aof.New()
	s, err := perdure.Open(dir, perdure.WithAppendLog(log))
	check(err)
	err = log.Configure(aof.Fsync(aof.Always), aof.AutoRewrite(50, 16<<20))
	fmt.Println(s.Stats().FsyncPolicy, err)
	check(s.Close())
	fmt.Println(errors.Is(log.Configure(aof.Fsync(aof.No)), appendlog.ErrClosed))
	// Output:
	// always <nil>
	// true
}
