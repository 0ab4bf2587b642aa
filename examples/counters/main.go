// Counters counts from many goroutines and loses no count. Incr works in place and is in the log
// when it returns. A rate limit is one counter per window that expires.
package main

import (
	"fmt"
	"log"
	"os"
	"sync"
	"time"

	"github.com/perduredb/perdure"
)

func main() {
	dir, err := os.MkdirTemp("", "perdure-counters")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := run(dir); err != nil {
		log.Fatal(err)
	}
}

func run(dir string) error {
	s, err := perdure.Open(dir)
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				if _, err := s.Incr("visits"); err != nil {
					log.Print(err)
					return
				}
			}
		})
	}
	wg.Wait()
	for i := range 4 {
		ok, err := allow(s, "ada", 3)
		if err != nil {
			return err
		}
		fmt.Printf("request %d allowed: %v\n", i+1, ok)
	}
	if err := s.Close(); err != nil {
		return err
	}

	// The process has ended, but the count remains.
	if s, err = perdure.Open(dir); err != nil {
		return err
	}
	defer s.Close()
	visits, err := s.Get("visits")
	fmt.Printf("visits: %s\n", visits)
	return err
}

// allow lets a user do limit things per minute.
func allow(s *perdure.Store, user string, limit int64) (bool, error) {
	key := "limit:" + user
	var n int64
	err := s.UpdateKeys([]string{key}, func(tx *perdure.Tx) (err error) {
		if n, err = tx.Incr(key); err == nil && n == 1 {
			_, err = tx.Expire(key, time.Minute)
		}
		return err
	})
	return n <= limit, err
}
