package flatlog_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/examples/flatlog"
	"github.com/perduredb/perdure/storetest"
)

func TestLogConforms(t *testing.T) {
	storetest.AppendLog(t, func(string) appendlog.AppendLog { return flatlog.New("flat.log") })
}

func TestUnitsDuringRewriteFollowBase(t *testing.T) {
	s, err := perdure.Open(t.TempDir(), perdure.WithAppendLog(flatlog.New("flat.log")))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	done := make(chan error)
	go func() {
		for i := range 200 {
			if err := s.DB(i%3).Set(fmt.Sprint("key", i), []byte("value")); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for range 5 {
		if err := s.Rewrite(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := s.Stats().Keys; got != 200 {
		t.Errorf("Keys = %d, want 200", got)
	}
}

// TestDumpOfStoreIsNotNewer makes the log file older. This imitates a store that writes nothing for
// an hour before it saves its dump. The ID in the log shows that the dump is from this store.
func TestDumpOfStoreIsNotNewer(t *testing.T) {
	dir := t.TempDir()
	for range 3 {
		s, err := perdure.Open(dir, perdure.WithAppendLog(flatlog.New("flat.log")))
		if err != nil {
			t.Fatal(err)
		}
		if s.Recovery().NewerDump {
			t.Error("Recovery().NewerDump = true for the store's own dump, want false")
		}
		if _, err := s.Incr("n"); err != nil {
			t.Fatal(err)
		}
		if err := s.Rewrite(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil { // saves a dump
			t.Fatal(err)
		}
		hourAgo := time.Now().Add(-time.Hour)
		if err := os.Chtimes(filepath.Join(dir, "flat.log"), hourAgo, hourAgo); err != nil {
			t.Fatal(err)
		}
	}
}

func Example() {
	dir, err := os.MkdirTemp("", "flatlog")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	for range 2 {
		s, err := perdure.Open(dir, perdure.WithAppendLog(flatlog.New("flat.log")), perdure.WithSaveRules())
		if err != nil {
			panic(err)
		}
		n, err := s.Incr("runs")
		fmt.Println(n, err, "from", s.Recovery().Source)
		if err := s.Close(); err != nil {
			panic(err)
		}
	}
	// Output:
	// 1 <nil> from empty
	// 2 <nil> from aof
}
