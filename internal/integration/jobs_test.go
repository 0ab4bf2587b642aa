package integration_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/storefs"
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

func rules(t testing.TB, fsys vfs.FS, r ...snapshot.Rule) *perdure.Store {
	t.Helper()
	return open(t, "/data", storefs.Option(fsys), perdure.WithoutAppendLog(), perdure.WithSaveRules(r...))
}

// settle lets d pass and waits until every goroutine is blocked.
func settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// moments are the times at which something happened.
type moments struct {
	mu sync.Mutex
	at []time.Time
}

func (m *moments) add() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at = append(m.at, time.Now())
}

func (m *moments) all() []time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.at)
}

func TestSaveRules(t *testing.T) {
	cases := []struct {
		rules   []snapshot.Rule
		changes int
		quiet   time.Duration // no save up to here
		saved   time.Duration // one by now
	}{
		{[]snapshot.Rule{{Seconds: 1, Changes: 1}}, 1, 1900 * time.Millisecond, 2100 * time.Millisecond},
		{[]snapshot.Rule{{Seconds: 60, Changes: 10}}, 10, 60900 * time.Millisecond, 61200 * time.Millisecond},
		{[]snapshot.Rule{{Seconds: 60, Changes: 10}}, 9, time.Hour, 0},
		{[]snapshot.Rule{{Seconds: 900, Changes: 1}, {Seconds: 10, Changes: 5}}, 5, 10900 * time.Millisecond, 11200 * time.Millisecond},
		{[]snapshot.Rule{{Seconds: 10, Changes: 0}}, 0, 10900 * time.Millisecond, 11200 * time.Millisecond},
		{nil, 100, time.Hour, 0},
	}
	for i, c := range cases {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := rules(t, vfs.NewMem("/data"), c.rules...)
				for n := range c.changes {
					ok(t, s.Set(fmt.Sprint(n), nil))
				}
				settle(c.quiet)
				if n := s.Stats().Saves; n != 0 {
					t.Fatalf("%d saves after %v", n, c.quiet)
				}
				if c.saved == 0 {
					return
				}
				settle(c.saved - c.quiet)
				if st := s.Stats(); st.Saves != 1 || st.ChangesSinceSave != 0 {
					t.Fatalf("%d saves, %d changes after %v", st.Saves, st.ChangesSinceSave, c.saved)
				}
			})
		})
	}
}

// TestFailedSaveDelaysRetryAndStopsWrites follows Redis: MISCONF until a save succeeds.
func TestFailedSaveDelaysRetryAndStopsWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		broken.Store(true)
		disk := errors.New("disk is broken")
		var tries moments
		fsys := vfs.NewFault(vfs.NewMem("/data"), func(op vfs.Op) error {
			if op.Kind == "create" && strings.Contains(op.Name, "dump.rdb") {
				tries.add()
				if broken.Load() {
					return disk
				}
			}
			return nil
		})
		s := rules(t, fsys, snapshot.Rule{Seconds: 1, Changes: 1})
		ok(t, s.Set("k", []byte("v")))
		settle(2500 * time.Millisecond)
		is(t, s.Set("k", nil), perdure.ErrSaveFailed)
		is(t, s.Err(), perdure.ErrSaveFailed)
		want(t, s, "k", "v")
		settle(10 * time.Second)
		// At 2 and 8 seconds: more than five whole ones between.
		at := tries.all()
		if len(at) < 2 || at[1].Sub(at[0]) < 5*time.Second || at[1].Sub(at[0]) > 7*time.Second {
			t.Errorf("tries at %v", at)
		}
		if st := s.Stats(); st.LastSaveOK || st.ChangesSinceSave != 1 {
			t.Errorf("%+v", st)
		}
		broken.Store(false)
		settle(7 * time.Second)
		ok(t, s.Set("k", []byte("w")))
		if st := s.Stats(); !st.LastSaveOK {
			t.Errorf("%+v", st)
		}
		broken.Store(true)
		_, err := s.Save(context.Background())
		is(t, err, disk)
		ok(t, s.Configure(perdure.WithStopWritesOnSaveError(false)))
		ok(t, s.Set("k", []byte("x")))
	})
}

func TestChangesDuringSaveStayDirty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		fsys := vfs.NewFault(vfs.NewMem("/data"), func(op vfs.Op) error {
			if op.Kind == "rename" {
				<-gate
			}
			return nil
		})
		s := rules(t, fsys)
		for i := range 10 {
			ok(t, s.Set(fmt.Sprint(i), nil))
		}
		task, err := s.BGSave()
		ok(t, err)
		synctest.Wait()
		_, err = s.BGSave()
		is(t, err, perdure.ErrSaveInProgress)
		_, err = s.Save(context.Background())
		is(t, err, perdure.ErrSaveInProgress)
		for i := range 3 {
			ok(t, s.Set(fmt.Sprint(i), nil))
		}
		close(gate)
		_, err = task.Wait(context.Background())
		ok(t, err)
		if n := s.Stats().ChangesSinceSave; n != 3 {
			t.Errorf("%d changes since the save", n)
		}
	})
}

func TestFlushAllSavesEmptyDump(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := vfs.NewMem("/data")
		s := rules(t, fsys, snapshot.Rule{Seconds: 3600, Changes: 1})
		ok(t, s.Set("k", nil))
		_, err := s.Save(context.Background())
		ok(t, err)
		ok(t, s.FlushAll())
		if n := s.Stats().ChangesSinceSave; n != 0 {
			t.Errorf("%d changes", n)
		}
		again := fsys.Crash(vfs.KeepNone, 0)
		b := rules(t, again)
		if b.Len() != 0 || b.Recovery().Source != "rdb" {
			t.Errorf("%d keys from %s", b.Len(), b.Recovery().Source)
		}
	})
}

func TestCloseSavesOnlyWithRules(t *testing.T) {
	for _, c := range []struct {
		rules []snapshot.Rule
		close func(*perdure.Store) error
		want  bool
	}{
		{[]snapshot.Rule{{Seconds: 900, Changes: 1}}, (*perdure.Store).Close, true},
		{[]snapshot.Rule{{Seconds: 900, Changes: 1}}, (*perdure.Store).CloseNoSave, false},
		{nil, (*perdure.Store).Close, false},
	} {
		dir := t.TempDir()
		s := open(t, dir, perdure.WithoutAppendLog(), perdure.WithSaveRules(c.rules...))
		ok(t, s.Set("k", nil))
		ok(t, c.close(s))
		if _, err := os.Stat(filepath.Join(dir, "dump.rdb")); (err == nil) != c.want {
			t.Errorf("rules %v: dump there: %v", c.rules, err == nil)
		}
	}
}

func TestEverySecSyncsWithinSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := vfs.NewMem("/data")
		s := open(t, "/data", append(logOnly(), storefs.Option(fsys))...)
		settle(3 * time.Second)
		ok(t, s.Set("k", []byte("v")))
		lost := func() bool {
			b := open(t, "/data", append(logOnly(), storefs.Option(fsys.Crash(vfs.KeepNone, 0)))...)
			defer b.Close()
			_, err := b.Get("k")
			return err != nil
		}
		if !lost() {
			t.Error("synced before the second was over")
		}
		settle(1100 * time.Millisecond)
		if lost() {
			t.Error("not synced after a second")
		}
		ok(t, s.Durable().Set("k2", []byte("v")))
		b := open(t, "/data", append(logOnly(), storefs.Option(fsys.Crash(vfs.KeepNone, 0)))...)
		want(t, b, "k2", "v")
	})
}

// TestRewriteTrigger checks that a log that has doubled and exceeds its minimum is rewritten.
func TestRewriteTrigger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := aof.New(aof.AutoRewrite(100, 10_000))
		s := open(t, "/data", perdure.WithAppendLog(log), perdure.WithSaveRules(), storefs.Option(vfs.NewMem("/data")))
		value := make([]byte, 1000)
		for range 9 {
			ok(t, s.Set("k", value))
		}
		settle(time.Second)
		if n := s.Stats().Rewrites; n != 0 {
			t.Fatalf("%d rewrites below the minimum", n)
		}
		for range 5 {
			ok(t, s.Set("k", value))
		}
		settle(time.Second)
		st := s.Stats()
		if st.Rewrites != 1 || st.LogSize > 3000 {
			t.Fatalf("%d rewrites, log of %d bytes", st.Rewrites, st.LogSize)
		}
		want(t, s, "k", string(value))
		ok(t, log.Configure(aof.AutoRewrite(0, 0)))
		for range 100 {
			ok(t, s.Set("k", value))
		}
		settle(time.Second)
		if n := s.Stats().Rewrites; n != 1 {
			t.Errorf("%d rewrites with the trigger off", n)
		}
	})
}

// TestRewriteBackOff: from the third failure in a row, automatic rewrites wait 1, 2, 4 minutes.
func TestRewriteBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		var tries moments
		fsys := vfs.NewFault(vfs.NewMem("/data"), func(op vfs.Op) error {
			if broken.Load() && op.Kind == "create" && strings.Contains(op.Name, "base") {
				tries.add()
				return errors.New("no room for a base")
			}
			return nil
		})
		s := open(t, "/data", append(logOnly(aof.AutoRewrite(1, 1)), storefs.Option(fsys))...)
		broken.Store(true)
		ok(t, s.Set("k", make([]byte, 5000)))
		settle(4 * time.Minute)
		ok(t, s.Set("still", []byte("works")))
		at := tries.all()
		if len(at) < 4 {
			t.Fatalf("%d tries", len(at))
		}
		for i, least := range []time.Duration{0, 0, time.Minute, 2 * time.Minute} {
			if i+1 < len(at) && at[i+1].Sub(at[i]) < least {
				t.Errorf("try %d came %v after the one before", i+2, at[i+1].Sub(at[i]))
			}
		}
		if st := s.Stats(); st.RewriteFailures != len(tries.all()) || st.LastRewriteOK {
			t.Errorf("%+v", st)
		}
		broken.Store(false)
		ok(t, s.Rewrite(context.Background()))
		if st := s.Stats(); st.RewriteFailures != 0 {
			t.Errorf("%+v", st)
		}
	})
}

// TestLogThatFailed checks that the error is sticky, reads continue, and recovery loses nothing.
func TestLogThatFailed(t *testing.T) {
	for _, auto := range []bool{false, true} {
		t.Run(fmt.Sprint("auto ", auto), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var broken atomic.Bool
				disk := errors.New("disk is broken")
				mem := vfs.NewMem("/data")
				fsys := vfs.NewFault(mem, func(op vfs.Op) error {
					if broken.Load() && strings.HasSuffix(op.Kind, "sync") {
						return disk
					}
					return nil
				})
				var failures, recoveries atomic.Int32
				s := open(t, "/data", append(logOnly(aof.Fsync(aof.Always)), storefs.Option(fsys),
					perdure.WithAutoRecover(auto), perdure.WithHooks(perdure.Hooks{
						LogFailed: func(error) { failures.Add(1) },
						Recovered: func() { recoveries.Add(1) },
					}))...)
				ok(t, s.Set("before", []byte("1")))
				broken.Store(true)
				err := s.Set("unknown", []byte("2"))
				is(t, err, perdure.ErrLogFailed)
				is(t, err, disk)
				is(t, s.Set("refused", nil), perdure.ErrLogFailed)
				want(t, s, "before", "1")
				settle(5 * time.Second)
				is(t, s.Set("refused", nil), perdure.ErrLogFailed)
				is(t, s.Recover(context.Background()), disk)
				broken.Store(false)
				if auto {
					settle(2 * time.Minute)
				} else {
					settle(2 * time.Minute)
					is(t, s.Err(), perdure.ErrLogFailed)
					ok(t, s.Recover(context.Background()))
				}
				ok(t, s.Set("after", []byte("3")))
				if failures.Load() != 1 || recoveries.Load() != 1 {
					t.Errorf("%d calls of LogFailed and %d of Recovered, want 1 and 1", failures.Load(), recoveries.Load())
				}
				if v := fsys.Violations(); len(v) > 0 {
					t.Error(v)
				}
				b := open(t, "/data", append(logOnly(), storefs.Option(mem.Crash(vfs.KeepNone, 0)))...)
				want(t, b, "before", "1")
				want(t, b, "unknown", "2")
				want(t, b, "after", "3")
			})
		})
	}
}

// TestRewriteWaitsForSave checks that the rewrite is scheduled and that Info reports it.
func TestRewriteWaitsForSave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		fsys := vfs.NewFault(vfs.NewMem("/data"), func(op vfs.Op) error {
			if op.Kind == "rename" && strings.Contains(op.Name, "dump.rdb") {
				<-gate
			}
			return nil
		})
		s := open(t, "/data", append(logOnly(), storefs.Option(fsys))...)
		ok(t, s.Set("k", nil))
		save, err := s.BGSave()
		ok(t, err)
		rewrite, err := s.BGRewrite()
		ok(t, err)
		synctest.Wait()
		if info := s.Info(); !strings.Contains(info, "aof_rewrite_scheduled:1") || !strings.Contains(info, "rdb_bgsave_in_progress:1") {
			t.Error(info)
		}
		_, err = s.BGRewrite()
		is(t, err, perdure.ErrRewriteInProgress)
		close(gate)
		_, err = save.Wait(context.Background())
		ok(t, err)
		_, err = rewrite.Wait(context.Background())
		ok(t, err)
		if info := s.Info(); !strings.Contains(info, "aof_rewrites:1") || !strings.Contains(info, "rdb_saves:1") {
			t.Error(info)
		}
	})
}

func TestConfigureDump(t *testing.T) {
	dir := t.TempDir()
	d := rdb.New()
	s := open(t, dir, append(snapshotsOnly(), perdure.WithSnapshotter(d))...)
	ok(t, s.Set("k", []byte(strings.Repeat("x", 10_000))))
	small, err := s.Save(context.Background())
	ok(t, err)
	ok(t, d.Configure(rdb.Compression(false), rdb.Filename("other.rdb")))
	large, err := s.Save(context.Background())
	ok(t, err)
	if large.Size < 10_000 || small.Size > 1000 || filepath.Base(large.Name) != "other.rdb" {
		t.Errorf("%+v, then %+v", small, large)
	}
	if err := d.Configure(rdb.Filename("../evil")); err == nil {
		t.Error("a file name with a directory was taken")
	}
	ok(t, s.Configure(perdure.WithSaveRules(snapshot.Rule{Seconds: 5, Changes: 1})))
	is(t, s.Configure(perdure.WithSaveRules(snapshot.Rule{})), perdure.ErrOptions)
}

// panicky is a Snapshotter with a bug.
type panicky struct {
	perdure.Snapshotter
}

func (panicky) Save(context.Context, snapshot.View) (snapshot.Info, error) { panic("a bug") }

// TestPanicInBackgroundIsContained checks that the program survives, the task ends with an
// error, reads continue, writes are refused, and Close does not hang.
func TestPanicInBackgroundIsContained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := perdure.Open("/data", storefs.Option(vfs.NewMem("/data")), perdure.WithoutAppendLog(),
			perdure.WithSaveRules(), perdure.WithSnapshotter(panicky{rdb.New()}))
		ok(t, err)
		ok(t, s.Set("k", []byte("v")))
		task, err := s.BGSave()
		ok(t, err)
		if _, err := task.Wait(context.Background()); err == nil || !strings.Contains(err.Error(), "panic") {
			t.Errorf("the task's result: %v", err)
		}
		synctest.Wait()
		want(t, s, "k", "v")
		if err := s.Set("k", nil); err == nil || !strings.Contains(err.Error(), "a bug") {
			t.Errorf("Set: %v", err)
		}
		settle(time.Minute) // a bug is not a log failure, which a recovery would repair
		if err := s.Set("k", nil); err == nil || !strings.Contains(err.Error(), "a bug") {
			t.Errorf("Set after a minute: %v", err)
		}
		ok(t, s.Close())
	})
}

// TestManualSaveErrorGoesToCallerOnly: as after Redis's SAVE, writes continue.
func TestManualSaveErrorGoesToCallerOnly(t *testing.T) {
	full := &failing{Snapshotter: rdb.New()}
	s := open(t, t.TempDir(), perdure.WithSnapshotter(full))
	if _, err := s.Save(t.Context()); !errors.Is(err, errFull) {
		t.Errorf("Save: %v", err)
	}
	if err := s.FlushAll(); !errors.Is(err, errFull) {
		t.Errorf("FlushAll: %v", err)
	}
	ok(t, s.Set("k", nil))
	task, err := s.BGSave()
	ok(t, err)
	if _, err := task.Wait(t.Context()); !errors.Is(err, errFull) {
		t.Errorf("BGSave: %v", err)
	}
	is(t, s.Set("k", nil), perdure.ErrSaveFailed)
	if err := s.Close(); !errors.Is(err, errFull) {
		t.Errorf("Close: %v", err)
	}
}

// failing is a dump on a full disk.
type failing struct{ perdure.Snapshotter }

var errFull = errors.New("no space")

func (*failing) Save(context.Context, snapshot.View) (snapshot.Info, error) {
	return snapshot.Info{}, errFull
}
