package flatlog_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/examples/flatlog"
	"github.com/perduredb/perdure/storetest"
)

func TestLogKeepsItsDuties(t *testing.T) {
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
