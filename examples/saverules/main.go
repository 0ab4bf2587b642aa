// Saverules keeps snapshots without a log. Rules trigger saves as in Redis, and the program changes
// the rules at run time.
package main

import (
	"fmt"
	"log"
	"os"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

func main() {
	dir, err := os.MkdirTemp("", "perdure-saverules")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := run(dir); err != nil {
		log.Fatal(err)
	}
}

func run(dir string) error {
	saved := make(chan perdure.SaveInfo, 1)
	s, err := perdure.Open(dir,
		perdure.WithoutAppendLog(),
		perdure.WithSnapshotter(rdb.New(rdb.Filename("state.rdb"))),
		perdure.WithSaveRules(snapshot.Rule{Seconds: 900, Changes: 1}),
		perdure.WithHooks(perdure.Hooks{Saved: func(info perdure.SaveInfo, err error) {
			if err == nil {
				select {
				case saved <- info:
				default:
				}
			}
		}}),
	)
	if err != nil {
		return err
	}
	defer s.Close()
	for i := range 100 {
		if err := s.Set(fmt.Sprintf("sensor:%d", i), []byte("20.5")); err != nil {
			return err
		}
	}
	fmt.Println("changes since the last save:", s.Stats().ChangesSinceSave)

	// With a rule of one second and ten changes, a save starts soon.
	if err := s.Configure(perdure.WithSaveRules(snapshot.Rule{Seconds: 1, Changes: 10})); err != nil {
		return err
	}
	select {
	case info := <-saved:
		fmt.Printf("a rule saved %d keys to %s\n", info.Keys, info.Name)
	case <-time.After(10 * time.Second):
		return fmt.Errorf("no save in ten seconds: %w", s.Err())
	}
	fmt.Println("changes since the last save:", s.Stats().ChangesSinceSave)
	return s.Close()
}
