package aof_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/vfs"
)

const (
	logDir   = "/data/appendonlydir/"
	incrName = logDir + "appendonly.aof.1.incr.aof"
	tailName = logDir + "appendonly.aof.tail"
)

// slowRing returns the options of a ring whose flusher does not run automatically within a test.
func slowRing(more ...aof.Option) []aof.Option {
	return append([]aof.Option{aof.LogMode(aof.Ring), aof.RingSize(48 << 10), aof.RingDelay(time.Hour)}, more...)
}

// killedRing returns the files of a process that was killed after it had appended a and b. No
// incremental file contains them.
func killedRing(t *testing.T, opts ...aof.Option) (mem *vfs.Mem, list []string) {
	t.Helper()
	mem = vfs.NewMem("/data")
	l, _, _, err := open(mem, "/data", slowRing(opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	if s := l.Status(); s.Mode != "ring" || s.ModeReason != "" {
		t.Fatalf("Status = %+v, want Ring mode", s)
	}
	list = []string{set(t, l, "a", "1"), set(t, l, "b", "2")}
	if s := l.Status(); s.Buffered == 0 {
		t.Fatal("Buffered = 0, want the records only in the tail file")
	}
	mem = mem.Kill()
	closeLog(t, l)
	return mem, list
}

// wantIn opens a crash image. It must have the records of list, and no tail file that does not
// belong to the log.
func wantIn(t *testing.T, image *vfs.Mem, list []string, opts ...aof.Option) {
	t.Helper()
	l, u, rec, err := open(image, "/data", opts...)
	if err != nil || rec.TailReason != "" {
		t.Fatalf("report = %+v, %v, want no rejected tail file", rec, err)
	}
	want(t, u, list)
	closeLog(t, l)
}

func TestRingIsMerged(t *testing.T) {
	for _, opts := range [][]aof.Option{nil, {aof.Checksums(false)}, {aof.Fsync(aof.No)}} {
		mem, list := killedRing(t, opts...)
		before := memFile(t, mem, incrName)
		read := func(fs vfs.FS, opts ...aof.Option) *aof.Log {
			l := aof.New(append(opts, aof.LogMode(aof.Direct))...)
			if _, err := l.Open(env(fs, "/data")); err != nil {
				t.Fatal(err)
			}
			u := &units{}
			rec, err := l.Replay(t.Context(), u)
			if err != nil || rec.Merged == 0 || rec.TailFile != tailName || rec.TailReason != "" || rec.Cut != 0 {
				t.Fatalf("report = %+v, %v, want a merged tail file", rec, err)
			}
			want(t, u, list)
			return l
		}
		// Reading changes nothing, in either mode.
		read(mem.Kill(), opts...)
		l := read(mem, opts...)
		if memFile(t, mem, incrName) != before {
			t.Fatal("Replay changed the incremental file, want it unchanged")
		}
		if err := l.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := mem.Lstat(tailName); err == nil {
			t.Fatal("the tail file exists after the merge, want it removed")
		}
		// The merged records are durable.
		wantIn(t, mem.Crash(vfs.KeepNone, 0), list, opts...)
		closeLog(t, l)
	}
}

// TestRingFileIsGoneAfterClose checks that the directory is as in Direct mode, for other programs.
func TestRingFileIsGoneAfterClose(t *testing.T) {
	mem := vfs.NewMem("/data")
	l, _, _, err := open(mem, "/data", slowRing()...)
	if err != nil {
		t.Fatal(err)
	}
	list := []string{set(t, l, "a", "1")}
	closeLog(t, l)
	names, _ := mem.ReadDir(logDir)
	if got := strings.Join(names, " "); got != "appendonly.aof.1.base.rdb appendonly.aof.1.incr.aof appendonly.aof.manifest" {
		t.Fatalf("files = %s, want no tail file", got)
	}
	wantIn(t, mem, list)
}

// TestRingAfterPower checks that a power failure loses the records in memory and the tail file.
func TestRingAfterPower(t *testing.T) {
	mem, _ := killedRing(t)
	for seed := range uint64(20) {
		image := mem.Crash(vfs.KeepSome, seed)
		l, u, rec, err := open(image, "/data", aof.LogMode(aof.Direct))
		if err != nil {
			t.Fatal(err)
		}
		if len(u.got) > 0 || rec.Merged > 0 || rec.TailReason != "" {
			t.Fatalf("records %q, report %+v, want none", u.got, rec)
		}
		if _, err := image.Lstat(tailName); err == nil {
			t.Fatal("the tail file exists after Open, want it removed")
		}
		closeLog(t, l)
	}
}

// TestRingFlush checks that an idle log writes its records after the delay, and then does nothing.
func TestRingFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := vfs.NewMem("/data")
		l, _, _, err := open(mem, "/data", aof.LogMode(aof.Ring), aof.Fsync(aof.No))
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			set(t, l, "a", "1")
			if s := l.Status(); s.Buffered == 0 {
				t.Fatal("Buffered = 0 before the delay, want the record buffered")
			}
			time.Sleep(time.Millisecond)
			synctest.Wait()
			if s := l.Status(); s.Buffered != 0 || s.Unsynced == 0 {
				t.Fatalf("Status = %+v, want the record written but not synced", s)
			}
			size := l.Status().CurrentSize
			time.Sleep(time.Hour)
			if s := l.Status(); s.CurrentSize != size {
				t.Fatalf("CurrentSize = %d of an idle log, want %d", s.CurrentSize, size)
			}
		}
		closeLog(t, l)
	})
}

// TestRingEverySecond checks that appended records are durable 2 seconds later, however long the
// flusher waits. If the disk is slow, writers wait.
func TestRingEverySecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := vfs.NewMem("/data")
		fs := &slowFS{FS: mem}
		l, _, _, err := open(fs, "/data", slowRing(aof.Fsync(aof.EverySec))...)
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for range 5 {
			list = append(list, set(t, l, "a", "1"))
			time.Sleep(1001 * time.Millisecond)
			synctest.Wait()
			wantIn(t, mem.Crash(vfs.KeepNone, 0), list)
		}
		fs.delay.Store(int64(5 * time.Second))
		began := time.Now()
		set(t, l, "b", "1") // its sync begins after 1 s and ends after 6 s
		time.Sleep(1500 * time.Millisecond)
		set(t, l, "b", "2") // that sync does not cover it, but it is not late
		if took := time.Since(began); took != 1500*time.Millisecond {
			t.Fatalf("a write that is not late took until %v, want 1.5s", took)
		}
		time.Sleep(time.Second)
		set(t, l, "b", "3")
		// The first sync ends at 6 s. The second write is late then, and its sync ends at 11 s.
		if took := time.Since(began); took != 11*time.Second {
			t.Fatalf("a late write took until %v, want 11s", took)
		}
		if s := l.Status(); s.DelayedFsync != 1 {
			t.Fatalf("DelayedFsync = %d, want 1", s.DelayedFsync)
		}
		closeLog(t, l)
	})
}

// TestRingOverflows checks that log records that do not fit in a region are safe before Commit
// returns, and that all later records are too.
func TestRingOverflows(t *testing.T) {
	mem := vfs.NewMem("/data")
	l, _, _, err := open(mem, "/data", slowRing()...)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for i := range 300 {
		list = append(list, set(t, l, fmt.Sprint(i), strings.Repeat("v", i*i%40_000)))
		if i%3 > 0 {
			continue
		}
		wantIn(t, mem.Kill(), list)
	}
	closeLog(t, l)
}

// TestRingWithoutMapping checks that the log is in Direct mode and reports the reason.
func TestRingWithoutMapping(t *testing.T) {
	for _, kind := range []string{"boot", "share", "create", "syncdir"} {
		mem := vfs.NewMem("/data")
		fs := vfs.NewFault(mem, func(op vfs.Op) error {
			if op.Kind == kind && (kind == "boot" || strings.Contains(op.Name, ".tail")) {
				return errors.New("not here")
			}
			return nil
		})
		l, _, _, err := open(fs, "/data", slowRing()...)
		if err != nil {
			t.Fatal(err)
		}
		list := []string{set(t, l, "a", "1")}
		s := l.Status()
		if kind != "syncdir" && (s.Mode != "direct" || !strings.Contains(s.ModeReason, "not here") || s.Buffered > 0) {
			t.Fatalf("%s: Status = %+v, want Direct mode with the reason", kind, s)
		}
		if _, err := mem.Lstat(tailName); err == nil && kind != "syncdir" {
			t.Fatalf("%s: the tail file exists, want none", kind)
		}
		wantIn(t, mem.Kill(), list)
		closeLog(t, l)
	}
}

// TestRingFault makes a store to the mapping fail. The log must continue in Direct mode, with all
// records of the ring.
func TestRingFault(t *testing.T) {
	for n := range 40 {
		mem := vfs.NewMem("/data")
		stores, broken := 0, atomic.Bool{}
		fs := vfs.NewFault(mem, func(op vfs.Op) error {
			if op.Kind == "put" || op.Kind == "store" {
				if stores++; stores > n {
					broken.Store(true)
					return vfs.ErrFault
				}
			}
			return nil
		})
		l, _, _, err := open(fs, "/data", slowRing()...)
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for i := range 20 {
			list = append(list, set(t, l, fmt.Sprint(i), "v"))
		}
		if err := rewrite(l, list); err != nil {
			t.Fatal(err)
		}
		list = append(list, set(t, l, "after", "v"))
		if s := l.Status(); broken.Load() && (s.Mode != "direct" || s.ModeReason == "") {
			t.Fatalf("store %d: Status = %+v, want Direct mode with a reason", n, s)
		}
		wantIn(t, mem.Kill(), list)
		closeLog(t, l)
		if names, _ := mem.ReadDir(logDir); strings.Contains(strings.Join(names, " "), ".tail") {
			t.Fatalf("store %d: files = %q, want no tail file", n, names)
		}
	}
}

// TestRingConfigure changes the policy at run time. Each policy must keep its promise.
func TestRingConfigure(t *testing.T) {
	mem := vfs.NewMem("/data")
	l, _, _, err := open(mem, "/data", slowRing()...)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for i := range 30 {
		policy := []aof.FsyncPolicy{aof.EverySec, aof.Always, aof.No}[i%3]
		if err := l.Configure(aof.Fsync(policy)); err != nil {
			t.Fatal(err)
		}
		kind := vfs.KeepAll
		if policy == aof.Always {
			kind = vfs.KeepNone
		}
		for range 2 {
			list = append(list, set(t, l, fmt.Sprint(i), "v"))
			wantIn(t, mem.Crash(kind, 0), list)
		}
	}
	closeLog(t, l)
}

// TestRingOnOS uses the real mapping, and truncates the mapped file.
func TestRingOnOS(t *testing.T) {
	dir := t.TempDir()
	l, _, _ := mustOpen(t, dir, slowRing()...)
	if s := l.Status(); s.Mode != "ring" {
		closeLog(t, l)
		t.Skip(s.ModeReason)
	}
	list := []string{set(t, l, "a", "1")}
	copied := t.TempDir()
	copyTree(t, dir, copied)
	_, u, rec := mustOpen(t, copied)
	want(t, u, list)
	if rec.Merged == 0 {
		t.Fatalf("report = %+v, want merged bytes", rec)
	}
	if err := os.Truncate(filepath.Join(dir, "appendonlydir", "appendonly.aof.tail"), 0); err != nil {
		t.Fatal(err)
	}
	list = append(list, set(t, l, "b", "2"), set(t, l, "c", "3"))
	if s := l.Status(); s.Mode != "direct" || l.Err() != nil {
		t.Fatalf("Status = %+v, Err = %v, want Direct mode and nil", s, l.Err())
	}
	closeLog(t, l)
	_, u, _ = mustOpen(t, dir)
	want(t, u, list)
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// TestRingAllocations counts the allocations of the fast path, and of a write that is synced: those
// of the timer of the sync interval that it begins.
func TestRingAllocations(t *testing.T) {
	l, _, _, err := open(vfs.OS(), t.TempDir(), aof.LogMode(aof.Ring))
	if err != nil {
		t.Fatal(err)
	}
	defer closeLog(t, l)
	if s := l.Status(); s.Mode != "ring" {
		t.Skip(s.ModeReason)
	}
	for _, c := range []struct {
		durable bool
		writes  int
		most    float64
	}{{false, 20_000, 0}, {true, 200, 3}} {
		n := testing.AllocsPerRun(c.writes, func() {
			if err := l.Commit(l.Append(0, 0, benchUnit), c.durable); err != nil {
				t.Fatal(err)
			}
		})
		if n > c.most {
			t.Errorf("durable %v: %v allocations, want at most %v", c.durable, n, c.most)
		}
	}
}
