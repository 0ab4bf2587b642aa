package aof_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/dirfs"
	"github.com/perduredb/perdure/internal/redistest"
	"github.com/perduredb/perdure/internal/vfs"
)

const (
	dirOf    = "/data/appendonlydir/"
	manifest = dirOf + "appendonly.aof.manifest"
	rdb1     = dirOf + "appendonly.aof.1.base.rdb"
	aof1     = dirOf + "appendonly.aof.1.base.aof"
	tailOf   = dirOf + "appendonly.aof.tail"
)

// logOf makes a log with a value that names its store, closes or kills it, and returns the files.
func logOf(t testing.TB, value string, closed bool, opts ...aof.Option) (*vfs.Mem, []string) {
	t.Helper()
	mem := vfs.NewMem("/data")
	l, _, _, err := open(mem, "/data", opts...)
	if err != nil {
		t.Fatal(err)
	}
	if err := rewrite(l, []string{"0: SET base " + value}); err != nil {
		t.Fatal(err)
	}
	list := []string{"0: SET base " + value, set(t, l, "k", value), set(t, l, "n", value)}
	if !closed {
		killed := mem.Kill()
		closeLog(t, l)
		return killed, list
	}
	closeLog(t, l)
	return mem, list
}

// kinds are the options of the kinds of log with identities.
var kinds = map[string][]aof.Option{
	"always":   {aof.LogMode(aof.Direct), aof.Fsync(aof.Always)},
	"everysec": {aof.LogMode(aof.Direct)},
	"commands": {aof.LogMode(aof.Direct), aof.RDBBase(false)},
	"ring":     slowRing(),
}

// wantDamage opens a log and fails the test unless the error is damage of the given file.
func wantDamage(t *testing.T, mem *vfs.Mem, file, what string) {
	t.Helper()
	_, u, _, err := open(mem, "/data")
	var damage *aof.CorruptError
	if !errors.As(err, &damage) || filepath.Base(damage.File) != filepath.Base(file) || !strings.Contains(damage.What, what) {
		t.Errorf("Open = %v with records %q, want damage of %s: %s", err, u.got, file, what)
	}
}

// filesOf returns the paths of the log's files after one rewrite.
func filesOf(kind string) (base, incr string) {
	if kind == "commands" {
		return dirOf + "appendonly.aof.2.base.aof", dirOf + "appendonly.aof.2.incr.aof"
	}
	return dirOf + "appendonly.aof.2.base.rdb", dirOf + "appendonly.aof.2.incr.aof"
}

func TestFileOfAnotherStoreIsRefused(t *testing.T) {
	for kind, opts := range kinds {
		for _, closed := range []bool{true, false} {
			t.Run(fmt.Sprint(kind, ", closed ", closed), func(t *testing.T) {
				ours, _ := logOf(t, "ours", closed, opts...)
				theirs, list := logOf(t, "theirs", closed, opts...)
				base, incr := filesOf(kind)
				for _, file := range []string{base, incr} {
					mixed := ours.Kill()
					replaceFile(t, mixed, file, []byte(memFile(t, theirs, file)))
					wantDamage(t, mixed, file, "")
				}
				// The base and the manifest are of another store. The manifest lists that store's
				// incremental file.
				mixed := ours.Kill()
				for _, file := range []string{base, manifest} {
					replaceFile(t, mixed, file, []byte(memFile(t, theirs, file)))
				}
				wantDamage(t, mixed, incr, "not the one that the manifest lists")
				// The files of a whole directory are a copy, which is permitted.
				for _, file := range []string{base, manifest, incr} {
					replaceFile(t, mixed, file, []byte(memFile(t, theirs, file)))
				}
				if closed {
					l, u, _, err := open(mixed, "/data", opts...)
					if err != nil {
						t.Fatal(err)
					}
					want(t, u, list)
					closeLog(t, l)
				}
			})
		}
	}
}

// TestServerManifestComparesNeighbors uses a manifest that a server has rewritten without the ids.
// Open then compares the files with each other.
func TestServerManifestComparesNeighbors(t *testing.T) {
	for kind, opts := range kinds {
		t.Run(kind, func(t *testing.T) {
			ours, list := logOf(t, "ours", true, opts...)
			theirs, _ := logOf(t, "theirs", true, opts...)
			_, incr := filesOf(kind)
			replaceFile(t, ours, manifest, []byte(serverManifest(memFile(t, ours, manifest))))
			mixed := ours.Kill()
			replaceFile(t, mixed, incr, []byte(memFile(t, theirs, incr)))
			wantDamage(t, mixed, incr, "another store or generation")
			l, u, _, err := open(ours, "/data", opts...)
			if err != nil {
				t.Fatal(err)
			}
			want(t, u, list)
			closeLog(t, l)
		})
	}
}

func TestShorterClosedLogIsRefused(t *testing.T) {
	for kind, opts := range kinds {
		t.Run(kind, func(t *testing.T) {
			mem, _ := logOf(t, "v", true, opts...)
			_, incr := filesOf(kind)
			data := memFile(t, mem, incr)
			for n := range len(data) {
				short := mem.Kill()
				replaceFile(t, short, incr, []byte(data[:n]))
				wantDamage(t, short, incr, "")
			}
		})
	}
}

func TestMissingManifestIsDamageAndRepairable(t *testing.T) {
	for kind, opts := range kinds {
		for _, closed := range []bool{true, false} {
			t.Run(fmt.Sprint(kind, ", closed ", closed), func(t *testing.T) {
				mem, list := logOf(t, "v", closed, opts...)
				if err := mem.Remove(manifest); err != nil {
					t.Fatal(err)
				}
				wantDamage(t, mem, manifest, "manifest is missing")
				for _, path := range []string{"/data", dirOf, manifest} {
					if _, err := aof.Check(path, aof.OnFS(dirfs.New(mem)), stubBase()); !errors.Is(err, corrupt.ErrCorrupt) {
						t.Errorf("Check(%s) = %v, want ErrCorrupt", path, err)
					}
				}
				plan, err := aof.Repair("/data", aof.OnFS(dirfs.New(mem)), stubBase(), aof.PlanOnly())
				if err != nil || plan.Done || len(plan.Listed) != 2 {
					t.Fatalf("Repair with PlanOnly = %+v, %v, want two listed files", plan, err)
				}
				wantDamage(t, mem, manifest, "manifest is missing")
				if plan, err = aof.Repair("/data", aof.OnFS(dirfs.New(mem)), stubBase()); err != nil || !plan.Done {
					t.Fatalf("Repair = %+v, %v, want it done", plan, err)
				}
				l, u, rec, err := open(mem, "/data", opts...)
				if err != nil || rec.Cut > 0 {
					t.Fatalf("report = %+v, %v, want nothing truncated", rec, err)
				}
				want(t, u, list)
				closeLog(t, l)
			})
		}
	}
}

// TestUnfinishedStartIsNotDamage simulates a kill and a power failure before each operation of the
// first Open. The next Open starts again.
func TestUnfinishedStartIsNotDamage(t *testing.T) {
	for kind, opts := range kinds {
		t.Run(kind, func(t *testing.T) {
			mem := vfs.NewMem("/data")
			var images []*vfs.Mem
			l, _, _, err := open(vfs.NewFault(mem, func(op vfs.Op) error {
				if op.Changes() {
					images = append(images, mem.Kill(), mem.Crash(vfs.KeepNone, 0), mem.Crash(vfs.KeepSome, uint64(len(images))))
				}
				return nil
			}), "/data", opts...)
			if err != nil {
				t.Fatal(err)
			}
			closeLog(t, l)
			for i, image := range images {
				l, u, rec, err := open(image, "/data", opts...)
				if err != nil || len(u.got) > 0 || rec.TailMissing {
					t.Fatalf("image %d: records %q, report %+v, %v, want an empty log", i, u.got, rec, err)
				}
				closeLog(t, l)
			}
		})
	}
}

func TestMissingTailFileIsReported(t *testing.T) {
	killed, list := killedRing(t)
	stray := killed.Kill()
	if err := killed.Remove(tailOf); err != nil {
		t.Fatal(err)
	}
	l, u, rec, err := open(killed, "/data", slowRing()...)
	if err != nil || !rec.TailMissing || len(u.got) >= len(list) {
		t.Fatalf("records %q, report %+v, %v, want TailMissing and fewer than %d records", u.got, rec, err, len(list))
	}
	closeLog(t, l)
	l, _, rec, err = open(killed, "/data", slowRing()...)
	if err != nil || rec.TailMissing {
		t.Fatalf("after Close: report %+v, %v, want no TailMissing", rec, err)
	}
	closeLog(t, l)
	other, _ := killedRing(t)
	replaceFile(t, stray, tailOf, []byte(memFile(t, other, tailOf)))
	wantDamage(t, stray, tailOf, "not the one that the log used")
}

// TestServerReadsAndRewritesIdentity lets a server open a log with ids, pairs, and opening lines,
// append to it, and rewrite it. perdure opens the log after each step.
func TestServerReadsAndRewritesIdentity(t *testing.T) {
	for name, program := range redistest.Servers(t) {
		t.Run(name, func(t *testing.T) { serverRewritesIdentity(t, program) })
	}
}

func serverRewritesIdentity(t *testing.T, program string) {
	dir := t.TempDir()
	start := func() *redistest.Server {
		return redistest.StartProgram(t, program, dir, "--appendonly", "yes", "--appendfsync", "always")
	}
	l, _, _ := mustOpen(t, dir, aof.RDBBase(false), aof.LogMode(aof.Direct))
	set(t, l, "ours", "1")
	if err := rewrite(l, []string{"0: SET ours 1"}); err != nil {
		t.Fatal(err)
	}
	set(t, l, "ours", "2")
	closeLog(t, l)

	s := start()
	if got := s.Must("GET", "ours").String(); got != "2" {
		t.Fatalf("GET = %q, want 2", got)
	}
	s.Must("SET", "theirs", "1")
	s.Kill()
	l, u, rec := mustOpen(t, dir, aof.LogMode(aof.Direct))
	if last := u.got[len(u.got)-1]; last != "0: SET theirs 1" || rec.Unverified == 0 {
		t.Fatalf("last record = %q, report %+v, want the server's, unverified", last, rec)
	}
	set(t, l, "ours", "3")
	closeLog(t, l)

	s = start()
	s.Must("CONFIG", "SET", "aof-use-rdb-preamble", "no")
	s.Must("BGREWRITEAOF")
	s.Wait("aof_rewrite_in_progress", "0")
	s.Must("SET", "theirs", "2")
	s.Kill()
	l, u, _ = mustOpen(t, dir, aof.LogMode(aof.Direct))
	if last := u.got[len(u.got)-1]; last != "0: SET theirs 2" {
		t.Fatalf("records = %q, want the server's last", u.got)
	}
	set(t, l, "ours", "4")
	closeLog(t, l)
	_, u, _ = mustOpen(t, dir)
	if last := u.got[len(u.got)-1]; last != "0: SET ours 4" {
		t.Fatalf("records = %q, want perdure's last", u.got)
	}
}
