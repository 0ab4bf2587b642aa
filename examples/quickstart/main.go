// Quickstart opens a store in a directory, uses it, and shows in the next run which data survived.
//
//	go run ./examples/quickstart [directory]
package main

import (
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/perduredb/perdure"
)

func main() {
	dir := filepath.Join(os.TempDir(), "perdure-quickstart")
	if len(os.Args) > 1 {
		dir = os.Args[1]
	}
	if err := run(dir); err != nil {
		log.Fatal(err)
	}
}

func run(dir string) error {
	s, err := perdure.Open(dir)
	if err != nil {
		return err
	}
	defer s.Close()

	// Read the data of an earlier run.
	if greeting, err := s.Get("greeting"); errors.Is(err, perdure.ErrNotFound) {
		fmt.Println("first run: nothing here yet")
	} else if err != nil {
		return err
	} else {
		fmt.Printf("survived:  %s\n", greeting)
		if ttl, err := s.TTL("session"); err == nil {
			fmt.Printf("survived:  session, for %v more\n", ttl.Round(time.Second))
		}
	}

	if err := s.Set("greeting", []byte("written at "+time.Now().Format(time.TimeOnly))); err != nil {
		return err
	}
	if err := s.Set("session", []byte("token"), perdure.TTL(time.Minute)); err != nil {
		return err
	}
	runs, err := s.Incr("runs")
	if err != nil {
		return err
	}
	fmt.Printf("this is run %d\n", runs)

	// Run a transaction: both writes or neither, in memory and on disk.
	err = s.Update(func(tx *perdure.Tx) error {
		if _, err := tx.DecrBy("account:a", 10); err != nil {
			return err
		}
		_, err := tx.IncrBy("account:b", 10)
		return err
	})
	if err != nil {
		return err
	}
	values, err := s.MGet("account:a", "account:b")
	if err != nil {
		return err
	}
	fmt.Printf("accounts:  a %s, b %s\n", values[0], values[1])

	// Save a snapshot in the background. The program continues.
	save, err := s.BGSave()
	if err != nil {
		return err
	}
	<-save.Done()
	fmt.Printf("saved %d keys in %s: run it again\n", s.Len(), dir)
	return s.Close()
}
