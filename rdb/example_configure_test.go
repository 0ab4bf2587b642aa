package rdb_test

import (
	"context"
	"fmt"
	"os"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/rdb"
)

// A program can configure its Dump while a store has it open.
func ExampleDump_Configure() {
	dir, err := os.MkdirTemp("", "perdure-example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	dump := rdb.New()
	s, err := perdure.Open(dir, perdure.WithSnapshotter(dump))
	if err != nil {
		panic(err)
	}
	defer s.Close()
	err = dump.Configure(rdb.Filename("state.rdb"), rdb.Version(11))
	if err != nil {
		panic(err)
	}
	info, err := s.Save(context.Background())
	fmt.Println(info.Name, info.Version, err)
	// Output: state.rdb RDB 11 <nil>
}
