package integration_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/internal/storefs"
	"github.com/perduredb/perdure/internal/vfs"
)

// TestCrashKeepsForeignDump stops the machine at each operation of a run that finds the dump of
// another store next to its log. The run keeps that dump and saves its own. The log and the other
// dump must survive.
func TestCrashKeepsForeignDump(t *testing.T) {
	other := vfs.NewMem("/data")
	closed(t, "/data", setTo(t, "theirs", "1"), storefs.Option(other))
	theirs := readMem(t, other, "/data/dump.rdb")
	stopped := errors.New("the machine stops")
	step := 1
	if testing.Short() {
		step = 5
	}
	for n := 0; ; n += step {
		mem := vfs.NewMem("/data")
		closed(t, "/data", setTo(t, "ours", "1"), storefs.Option(mem))
		writeMem(t, mem, "/data/dump.rdb", theirs)
		done := true
		fault := vfs.NewFault(mem, func(op vfs.Op) error {
			if op.N < n {
				return nil
			}
			done = false
			return stopped
		})
		if s, err := perdure.Open("/data", storefs.Option(fault)); err == nil {
			_ = s.Set("ours", []byte("2"))
			_ = s.Close()
		}
		for _, kind := range []vfs.CrashKind{vfs.KeepNone, vfs.KeepAll, vfs.KeepSome} {
			crashed := mem.Crash(kind, uint64(n))
			if !holdsDump(t, crashed, theirs) {
				t.Errorf("stopped at operation %d, %v: no file contains the other store's dump, want one", n, kind)
			}
			closed(t, "/data", func(s *perdure.Store) {
				absent(t, s, "theirs")
				if got, err := s.Get("ours"); string(got) != "1" && string(got) != "2" {
					t.Errorf("stopped at operation %d, %v: Get = %q, %v, want 1 or 2", n, kind, got, err)
				}
			}, storefs.Option(crashed))
			if !holdsDump(t, crashed, theirs) {
				t.Errorf("stopped at operation %d, %v: the next run deleted the other store's dump, want it kept", n, kind)
			}
		}
		if done {
			if n < 20 {
				t.Errorf("%d operations, want all those of Open and Close", n)
			}
			return
		}
	}
}

// holdsDump reports whether the dump, or a dump that was kept, has these contents.
func holdsDump(t *testing.T, mem *vfs.Mem, contents string) bool {
	t.Helper()
	names, err := mem.ReadDir("/data")
	ok(t, err)
	for _, name := range names {
		if strings.HasPrefix(name, "dump.rdb") && readMem(t, mem, "/data/"+name) == contents {
			return true
		}
	}
	return false
}

func readMem(t *testing.T, mem *vfs.Mem, name string) string {
	t.Helper()
	f, err := mem.Open(name)
	ok(t, err)
	size, err := f.Size()
	ok(t, err)
	p := make([]byte, size)
	if n, err := f.ReadAt(p, 0); int64(n) != size {
		t.Fatal(err)
	}
	ok(t, f.Close())
	return string(p)
}

// writeMem replaces a file durably.
func writeMem(t *testing.T, mem *vfs.Mem, name, contents string) {
	t.Helper()
	ok(t, mem.Remove(name))
	f, err := mem.Create(name)
	ok(t, err)
	_, err = f.Write([]byte(contents))
	ok(t, err)
	ok(t, errors.Join(f.Sync(), f.Close(), mem.SyncDir("/data")))
}
