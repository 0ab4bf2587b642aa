package integration_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/perduredb/perdure"
)

func TestLoadOrder(t *testing.T) {
	both := func(t *testing.T) string { // the dump has the value rdb, the log the value aof
		dir := t.TempDir()
		s := open(t, dir, snapshotsOnly()...)
		ok(t, s.Set("from", []byte("rdb")))
		_, err := s.Save(context.Background())
		ok(t, err)
		ok(t, s.Close())
		dump, err := os.ReadFile(filepath.Join(dir, "dump.rdb"))
		ok(t, err)
		s = open(t, dir, logOnly()...)
		ok(t, s.Set("from", []byte("aof")))
		ok(t, s.Close())
		ok(t, os.WriteFile(filepath.Join(dir, "dump.rdb"), dump, 0o600))
		old := time.Now().Add(-time.Hour)
		ok(t, os.Chtimes(filepath.Join(dir, "dump.rdb"), old, old))
		return dir
	}
	t.Run("log on and there", func(t *testing.T) {
		s := open(t, both(t), logOnly()...)
		want(t, s, "from", "aof")
		if r := s.Recovery(); r.Source != "aof" || r.NewerDump {
			t.Errorf("Recovery = %+v, want the log and no newer dump", r)
		}
	})
	t.Run("log on and only a dump", func(t *testing.T) {
		dir := both(t)
		ok(t, os.RemoveAll(filepath.Join(dir, "appendonlydir")))
		s := open(t, dir, logOnly()...)
		want(t, s, "from", "rdb")
		ok(t, s.Close())
		ok(t, os.Remove(filepath.Join(dir, "dump.rdb")))
		s = open(t, dir, logOnly()...)
		want(t, s, "from", "rdb") // from the log that was built
	})
	t.Run("log off", func(t *testing.T) {
		dir := both(t)
		_, err := perdure.Open(dir, snapshotsOnly()...)
		is(t, err, perdure.ErrLogIgnored)
		s := open(t, dir, append(snapshotsOnly(), perdure.WithReadOnly())...)
		want(t, s, "from", "rdb")
		ok(t, s.Close())
		ok(t, os.RemoveAll(filepath.Join(dir, "appendonlydir")))
		s = open(t, dir, snapshotsOnly()...)
		want(t, s, "from", "rdb")
	})
	t.Run("nothing there", func(t *testing.T) {
		s := open(t, filepath.Join(t.TempDir(), "new"), logOnly()...)
		if s.Len() != 0 || s.Recovery().Source != "empty" {
			t.Errorf("Len = %d, Recovery = %+v, want 0 keys from nothing", s.Len(), s.Recovery())
		}
	})
	t.Run("a dump of another store is reported", func(t *testing.T) {
		dir, other := both(t), both(t)
		dump, err := os.ReadFile(filepath.Join(other, "dump.rdb"))
		ok(t, err)
		ok(t, os.WriteFile(filepath.Join(dir, "dump.rdb"), dump, 0o600))
		s := open(t, dir, logOnly()...)
		want(t, s, "from", "aof")
		if !s.Recovery().NewerDump {
			t.Error("Recovery().NewerDump = false, want true")
		}
	})
	t.Run("a copy of the dump that the log began with is not", func(t *testing.T) {
		dir := both(t)
		later := time.Now().Add(time.Hour)
		ok(t, os.Chtimes(filepath.Join(dir, "dump.rdb"), later, later))
		s := open(t, dir, logOnly()...)
		want(t, s, "from", "aof")
		if s.Recovery().NewerDump {
			t.Error("Recovery().NewerDump = true, want false")
		}
	})
}

// TestOwnSavesAreNotNewer checks that a dump saved by the store itself is not reported.
func TestOwnSavesAreNotNewer(t *testing.T) {
	dir := t.TempDir()
	for range 3 {
		s := open(t, dir)
		ok(t, s.Set("k", []byte("v")))
		_, err := s.Save(context.Background())
		ok(t, err)
		ok(t, s.Close())
		s = open(t, dir)
		if s.Recovery().NewerDump {
			t.Fatal("Recovery().NewerDump = true, want false")
		}
		ok(t, s.Close())
	}
}
