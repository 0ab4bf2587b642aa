// Backup writes a point-in-time snapshot of the data set to a separate file while writers continue.
// The file is in Redis's format and compressed with zstd.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/perduredb/perdure"
)

func main() {
	dir, err := os.MkdirTemp("", "perdure-backup")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := run(dir); err != nil {
		log.Fatal(err)
	}
}

func run(dir string) error {
	s, err := perdure.Open(filepath.Join(dir, "data"))
	if err != nil {
		return err
	}
	defer s.Close()
	for i := range 10_000 {
		if err := s.Set(fmt.Sprintf("key:%d", i), []byte("before")); err != nil {
			return err
		}
	}

	// Another goroutine continues to write.
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				if err := s.Set(fmt.Sprintf("key:%d", i%20_000), []byte("after")); err != nil {
					log.Print(err)
					return
				}
			}
		}
	})
	file := filepath.Join(dir, "backup.rdb.zst")
	err = backup(s, file)
	close(stop)
	wg.Wait()
	if err != nil {
		return err
	}
	return restore(file, filepath.Join(dir, "restored"))
}

// backup writes a point-in-time snapshot of the store to a new file.
func backup(s *perdure.Store, name string) error {
	snap, err := s.Snapshot()
	if err != nil {
		return err
	}
	defer snap.Close()
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := zstd.NewWriter(f)
	if err != nil {
		return err
	}
	n, err := snap.WriteTo(z)
	if err := errors.Join(err, z.Close(), f.Sync()); err != nil {
		return err
	}
	fmt.Printf("backup: a dump of more than 100 kB: %v\n", n > 100_000)
	return nil
}

// restore loads a backup into a new store.
func restore(name, dir string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := zstd.NewReader(f)
	if err != nil {
		return err
	}
	defer z.Close()
	s, err := perdure.Open(dir)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Restore(context.Background(), z); err != nil {
		return err
	}
	fmt.Printf("restored: the first ten thousand keys are there: %v\n", s.Len() >= 10_000)
	return nil
}
