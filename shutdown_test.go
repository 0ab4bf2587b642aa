package perdure_test

import (
	"context"
	"errors"
	"testing"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// endless is a Snapshotter whose Save returns only when its context ends, if the context can end.
type endless struct {
	perdure.Snapshotter
	saving chan bool
}

func (s endless) Save(ctx context.Context, v snapshot.View) (snapshot.Info, error) {
	if ctx.Done() != nil {
		s.saving <- true
		<-ctx.Done()
		return snapshot.Info{}, ctx.Err()
	}
	return s.Snapshotter.Save(ctx, v)
}

// failingClose is a log whose Close syncs everything and then returns an error.
type failingClose struct{ *aof.Log }

var errClose = errors.New("close failed")

func (l failingClose) Close() error { return errors.Join(l.Log.Close(), errClose) }

// saveEnds is a Snapshotter whose Save fails if its context has ended.
type saveEnds struct {
	perdure.Snapshotter
	saves *int
}

func (s saveEnds) Save(ctx context.Context, v snapshot.View) (snapshot.Info, error) {
	if err := ctx.Err(); err != nil {
		return snapshot.Info{}, err
	}
	*s.saves++
	return s.Snapshotter.Save(ctx, v)
}

func TestShutdownCancelsSnapshotThatLogContains(t *testing.T) {
	dir := t.TempDir()
	slow := endless{rdb.New(), make(chan bool)}
	s := open(t, dir, perdure.WithSnapshotter(slow))
	ok(t, s.Set("k", []byte("v")))
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-slow.saving
		cancel()
	}()
	if err := s.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown = %v, want nil: the log has everything", err)
	}
	is(t, s.Close(), s.Shutdown(context.Background())) // both return the result of the first call
	b := open(t, dir)
	want(t, b, "k", "v")
	if got := b.Recovery().Source; got != "aof" {
		t.Errorf("Recovery().Source = %q, want %q", got, "aof")
	}
}

// TestShutdownSavesDataThatLogLacks ends the context before Shutdown begins.
func TestShutdownSavesDataThatLogLacks(t *testing.T) {
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	for name, c := range map[string]struct {
		log   func() perdure.Option
		err   error
		saves int
	}{
		"no log":                  {perdure.WithoutAppendLog, nil, 1},
		"log that fails in Close": {func() perdure.Option { return perdure.WithAppendLog(failingClose{aof.New()}) }, errClose, 1},
		"log":                     {func() perdure.Option { return perdure.WithAppendLog(aof.New()) }, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			dir, saves := t.TempDir(), 0
			s := open(t, dir, c.log(), perdure.WithSnapshotter(saveEnds{rdb.New(), &saves}))
			ok(t, s.Set("k", []byte("v")))
			if err := s.Shutdown(canceled); !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
				t.Errorf("Shutdown = %v, want %v", err, c.err)
			}
			if saves != c.saves {
				t.Errorf("%d snapshots saved, want %d", saves, c.saves)
			}
			log := perdure.WithAppendLog(aof.New())
			if name == "no log" {
				log = perdure.WithoutAppendLog()
			}
			want(t, open(t, dir, log), "k", "v")
		})
	}
}
