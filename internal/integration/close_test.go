package integration_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/perduredb/perdure"
)

// TestCloseWhileEverythingRuns closes a store while goroutines call its methods.
func TestCloseWhileEverythingRuns(t *testing.T) {
	for round := range 20 {
		s := open(t, t.TempDir())
		for i := range 1000 {
			ok(t, s.Set(fmt.Sprint(i), []byte("v")))
		}
		var wg sync.WaitGroup
		start := make(chan struct{})
		work := []func() error{
			func() error { return s.Set("k", []byte("v")) },
			func() error { _, err := s.Get("1"); return err },
			func() error { _, err := s.Incr("n"); return err },
			func() error { return s.Update(func(tx *perdure.Tx) error { return tx.Set("t", nil) }) },
			func() error { return s.View(func(tx *perdure.Tx) error { _, err := tx.Get("1"); return err }) },
			func() error {
				for range s.All() {
				}
				s.Stats()
				return s.Err()
			},
			func() error { _, err := s.Save(context.Background()); return err },
			func() error { return s.Rewrite(context.Background()) },
			func() error { return s.FlushAll() },
			func() error {
				snap, err := s.Snapshot()
				if err == nil {
					snap.Close()
				}
				return s.Err()
			},
		}
		for _, fn := range work {
			wg.Go(func() {
				<-start
				for range 1_000_000 {
					if err := fn(); err == perdure.ErrClosed {
						return
					}
				}
			})
		}
		close(start)
		for range round * 100 {
			runtime.Gosched()
		}
		ok(t, s.Close())
		wg.Wait()
	}
}

// TestCloseWhileSnapshotIsRead closes the store between two entries. The reader must get an error.
func TestCloseWhileSnapshotIsRead(t *testing.T) {
	s := open(t, t.TempDir(), snapshotsOnly()...)
	for i := range 5000 {
		ok(t, s.Set(fmt.Sprint(i), make([]byte, 100+i%3*50_000)))
	}
	snap, err := s.Snapshot()
	ok(t, err)
	closed := make(chan error)
	n := 0
	for en, err := range snap.All(context.Background()) {
		if err != nil {
			is(t, err, perdure.ErrSnapshotLost)
			break
		}
		if n++; n == 100 {
			go func() { closed <- s.CloseNoSave() }()
		}
		for _, b := range en.Value { // the memory must not be freed yet
			if b != 0 {
				t.Fatal("a value read during Close has a byte other than 0, want the value stored")
			}
		}
	}
	ok(t, <-closed)
	if n == 5000 {
		t.Log("the reader was faster than Close")
	}
}
