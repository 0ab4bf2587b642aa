package aof_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/vfs"
)

// slowFS is a file system with a slow Datasync, which waits without a lock.
type slowFS struct {
	vfs.FS
	delay, count atomic.Int64
}

type slowFile struct {
	vfs.File
	fs *slowFS
}

func (s *slowFS) wrap(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &slowFile{f, s}, nil
}

func (s *slowFS) Create(name string) (vfs.File, error)    { return s.wrap(s.FS.Create(name)) }
func (s *slowFS) OpenWrite(name string) (vfs.File, error) { return s.wrap(s.FS.OpenWrite(name)) }

func (f *slowFile) Datasync() error {
	f.fs.count.Add(1)
	time.Sleep(time.Duration(f.fs.delay.Load()))
	return f.File.Datasync()
}

func TestSyncAfterSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := vfs.NewMem("/data")
		fs := &slowFS{FS: mem}
		l, _, _, err := open(fs, "/data")
		if err != nil {
			t.Fatal(err)
		}
		fs.count.Store(0)
		set(t, l, "a", "1")
		time.Sleep(999 * time.Millisecond)
		synctest.Wait()
		if fs.count.Load() != 0 || l.Status().Unsynced == 0 {
			t.Fatalf("%d syncs before a second is over, want 0 and unsynced bytes; Status = %+v", fs.count.Load(), l.Status())
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		if fs.count.Load() != 1 || l.Status().Unsynced != 0 {
			t.Fatalf("%d syncs after a second, want 1; Status = %+v", fs.count.Load(), l.Status())
		}
		time.Sleep(time.Hour)
		if fs.count.Load() != 1 {
			t.Fatalf("%d syncs of an idle log, want 1", fs.count.Load())
		}
		closeLog(t, l)
	})
}

// TestUnsyncedForAtMostTwoSeconds checks the documented bound: when a Commit returns, no
// acknowledged byte has been unsynced for more than two seconds.
func TestUnsyncedForAtMostTwoSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := &slowFS{FS: vfs.NewMem("/data")}
		l, _, _, err := open(fs, "/data")
		if err != nil {
			t.Fatal(err)
		}
		fs.delay.Store(int64(5 * time.Second))
		type write struct {
			p    appendlog.Position
			time time.Time
		}
		var open []write // written but not known to be synced
		var held int
		for range 300 {
			before := time.Now()
			p, _ := command(l, 0, "SET", "k", "v")
			if err := l.Commit(p, false); err != nil {
				t.Fatal(err)
			}
			if time.Since(before) > 0 {
				held++
			}
			open = append(open, write{p, time.Now()})
			for synced := p - appendlog.Position(l.Status().Unsynced); len(open) > 0 && open[0].p <= synced; {
				open = open[1:]
			}
			if len(open) > 0 && time.Since(open[0].time) > 2*time.Second {
				t.Fatalf("a byte is unsynced for %v when a Commit returns, want at most 2s", time.Since(open[0].time))
			}
			time.Sleep(100 * time.Millisecond)
		}
		if held == 0 || l.Status().DelayedFsync != int64(held) {
			t.Fatalf("DelayedFsync = %d, want %d, and at least 1", l.Status().DelayedFsync, held)
		}
		fs.delay.Store(0)
		time.Sleep(10 * time.Second)
		before := time.Now()
		set(t, l, "free", "again")
		if time.Since(before) != 0 {
			t.Fatalf("Commit of a synced log waited for %v, want 0", time.Since(before))
		}
		closeLog(t, l)
	})
}

func TestNoFsyncOnRewrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := &slowFS{FS: vfs.NewMem("/data")}
		l, _, _, err := open(fs, "/data", aof.Fsync(aof.Always), aof.NoFsyncOnRewrite(true))
		if err != nil {
			t.Fatal(err)
		}
		list := []string{set(t, l, "a", "1")}
		r, err := l.BeginRewrite()
		if err != nil {
			t.Fatal(err)
		}
		fs.count.Store(0)
		list = append(list, set(t, l, "b", "2"))
		if fs.count.Load() != 0 {
			t.Fatalf("%d syncs during the rewrite, want 0", fs.count.Load())
		}
		p, s := command(l, 0, "SET", "c", "3")
		list = append(list, s)
		if err := l.Commit(p, true); err != nil || fs.count.Load() != 1 {
			t.Fatalf("durable Commit = %v with %d syncs, want nil and 1", err, fs.count.Load())
		}
		r.Cut()
		if err := r.Commit(context.Background(), base(list)); err != nil {
			t.Fatal(err)
		}
		fs.count.Store(0)
		set(t, l, "d", "4")
		if fs.count.Load() != 1 {
			t.Fatalf("%d syncs after the rewrite, want 1", fs.count.Load())
		}
		closeLog(t, l)
	})
}

func TestBackgroundFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := vfs.NewMem("/data")
		l, _, _, err := open(mem, "/data", aof.Fsync(aof.No))
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			command(l, 0, "DEL", "expired")
			if l.Status().Buffered == 0 {
				t.Fatal("Buffered = 0, want the record buffered")
			}
			time.Sleep(101 * time.Millisecond)
			synctest.Wait()
			if s := l.Status(); s.Buffered != 0 || s.Unsynced == 0 {
				t.Fatalf("Status = %+v, want the record written but not synced", s)
			}
		}
		killed, u, _, err := open(mem.Crash(vfs.KeepAll, 0), "/data")
		if err != nil {
			t.Fatal(err)
		}
		closeLog(t, killed)
		want(t, u, []string{"0: DEL expired", "0: DEL expired", "0: DEL expired"})
		closeLog(t, l)
	})
}

func TestGroupCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := &slowFS{FS: vfs.NewMem("/data")}
		l, _, _, err := open(fs, "/data", aof.Fsync(aof.Always))
		if err != nil {
			t.Fatal(err)
		}
		fs.delay.Store(int64(100 * time.Microsecond))
		fs.count.Store(0)
		const writers, each = 64, 50
		var wg sync.WaitGroup
		for g := range writers {
			wg.Go(func() {
				for i := range each {
					p, _ := command(l, g%3, "SET", fmt.Sprint(g), fmt.Sprint(i))
					if err := l.Commit(p, false); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if n := fs.count.Load(); n > writers*each/16 {
			t.Fatalf("%d syncs for %d writes, want at most 1/16", n, writers*each)
		}
		closeLog(t, l)
	})
}

func TestConcurrentRewrites(t *testing.T) {
	for name, opts := range policies() {
		t.Run(name, func(t *testing.T) {
			mem := vfs.NewMem("/data")
			l, _, _, err := open(mem, "/data", opts...)
			if err != nil {
				t.Fatal(err)
			}
			var mu sync.Mutex // like the table's locks: append and list are one step
			var list []string
			var wg sync.WaitGroup
			for g := range 8 {
				wg.Go(func() {
					for i := range 200 {
						mu.Lock()
						p, s := command(l, g%3, "SET", fmt.Sprint(g), fmt.Sprint(i))
						list = append(list, s)
						mu.Unlock()
						if err := l.Commit(p, i%50 == 0); err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
			for range 5 {
				r, err := l.BeginRewrite()
				if err != nil {
					t.Fatal(err)
				}
				if _, err := l.BeginRewrite(); !errors.Is(err, appendlog.ErrRewriteRunning) {
					t.Fatal(err)
				}
				mu.Lock()
				r.Cut()
				cut := list[:len(list):len(list)]
				mu.Unlock()
				if err := r.Commit(context.Background(), base(cut)); err != nil {
					t.Fatal(err)
				}
			}
			wg.Wait()
			closeLog(t, l)
			_, u, _, err := open(mem, "/data")
			if err != nil {
				t.Fatal(err)
			}
			want(t, u, list)
		})
	}
}

func TestSyncEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := &slowFS{FS: vfs.NewMem("/data")}
		l, _, _, err := open(fs, "/data")
		if err != nil {
			t.Fatal(err)
		}
		fs.delay.Store(int64(time.Minute))
		set(t, l, "a", "1")
		time.Sleep(1500 * time.Millisecond) // the background sync runs
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := l.Sync(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		closeLog(t, l)
	})
}

// TestDurableWithBusyAppenders checks that a goroutine that waits for the disk is not delayed by
// goroutines that append continuously without waiting.
func TestDurableWithBusyAppenders(t *testing.T) {
	l, _, _, err := open(vfs.OS(), t.TempDir(), aof.LogMode(aof.Ring))
	if err != nil {
		t.Fatal(err)
	}
	commit := func(durable bool) {
		if err := l.Commit(l.Append(0, 0, benchUnit), durable); err != nil {
			t.Error(err)
		}
	}
	var stop atomic.Bool
	var busy, durable sync.WaitGroup
	for range 4 {
		busy.Go(func() {
			for !stop.Load() {
				commit(false)
			}
		})
	}
	for range 20 { // two wait concurrently, then one alone
		for range 2 {
			durable.Go(func() { commit(true) })
		}
		durable.Wait()
		commit(true)
	}
	stop.Store(true)
	busy.Wait()
	closeLog(t, l)
}
