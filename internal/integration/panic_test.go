package integration_test

import (
	"context"
	"testing"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// hanging is a Snapshotter whose disk hangs until going is closed.
type hanging struct {
	snapshot.Snapshotter
	going chan struct{}
}

func (h *hanging) rdb() *hanging {
	h.Snapshotter = rdb.New()
	return h
}

func (h *hanging) Save(ctx context.Context, v snapshot.View) (snapshot.Info, error) {
	<-h.going
	return h.Snapshotter.Save(ctx, v)
}

// panickyLog is a log that panics in Append, while the caller holds shard locks. A table that gets
// no memory panics there too.
type panickyLog struct {
	*aof.Log
	now bool
}

func (l *panickyLog) Append(firstDB, lastDB int, unit []byte) appendlog.Position {
	if l.now {
		panic("out of memory")
	}
	return l.Log.Append(firstDB, lastDB, unit)
}

func (l *panickyLog) AppendLinked(firstDB, lastDB int, unit [][]byte, release func()) (appendlog.Position, bool) {
	if l.now {
		panic("out of memory")
	}
	return l.Log.AppendLinked(firstDB, lastDB, unit, release)
}

// TestPanicWhileLoadingLeavesNoLock checks that the directory can be opened again.
func TestPanicWhileLoadingLeavesNoLock(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	ok(t, s.Set("k", make([]byte, 2<<20)))
	ok(t, s.Close())
	func() {
		defer func() {
			if r := recover(); r != "mine" {
				t.Errorf("recover() = %v, want mine", r)
			}
		}()
		_, err := perdure.Open(dir, perdure.WithLoadProgress(func(perdure.LoadProgress) { panic("mine") }))
		t.Error(err)
	}()
	s = open(t, dir, perdure.WithLoadProgress(nil))
	ok(t, s.Close())
}

// TestPanicInWriteIsReported is a regression test. A panic left the shards locked, and a deferred
// Close waited for them forever, so that the panic was never printed.
func TestPanicInWriteIsReported(t *testing.T) {
	for name, write := range map[string]func(s *perdure.Store) error{
		"Set":        func(s *perdure.Store) error { return s.Set("k", []byte("v")) },
		"Set, TTL":   func(s *perdure.Store) error { return s.Set("k", []byte("v"), perdure.TTL(1e9)) },
		"Set, large": func(s *perdure.Store) error { return s.Set("k", make([]byte, 1<<20)) },
		"Incr":       func(s *perdure.Store) error { _, err := s.Incr("n"); return err },
		"Append":     func(s *perdure.Store) error { _, err := s.Append("k", []byte("v")); return err },
		"MSet":       func(s *perdure.Store) error { return s.MSet(perdure.Pair{Key: "a"}, perdure.Pair{Key: "b"}) },
		"Delete":     func(s *perdure.Store) error { _, err := s.Delete("there"); return err },
		"Run": func(s *perdure.Store) error {
			var b perdure.Batch
			b.Set("a", nil)
			b.Set("b", nil)
			return s.Run(&b)
		},
		"Update": func(s *perdure.Store) error {
			return s.Update(func(tx *perdure.Tx) error { return tx.Set("k", nil) })
		},
		"UpdateKeys": func(s *perdure.Store) error {
			return s.UpdateKeys([]string{"k"}, func(tx *perdure.Tx) error { return tx.Set("k", nil) })
		},
		"FlushDB": func(s *perdure.Store) error { return s.FlushDB() },
	} {
		t.Run(name, func(t *testing.T) {
			log := &panickyLog{Log: aof.New()}
			s := open(t, t.TempDir(), perdure.WithAppendLog(log), perdure.WithSaveRules())
			ok(t, s.Set("there", []byte("v")))
			func() {
				defer func() {
					if r := recover(); r != "out of memory" {
						t.Errorf("recover() = %v, want out of memory", r)
					}
				}()
				log.now = true
				t.Error(write(s))
			}()
			log.now = false
			if err := s.Set("k", nil); err == nil {
				t.Error("Set after a panic = nil, want an error")
			}
			if _, err := s.Get("there"); err != nil && name != "FlushDB" && name != "Delete" {
				t.Error(err)
			}
			if err := s.Recover(t.Context()); err == nil {
				t.Error("Recover after a panic = nil, want an error")
			}
			ok(t, s.Close())
		})
	}
}
