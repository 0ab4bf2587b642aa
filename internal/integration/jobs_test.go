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

// settle advances the fake clock by d and waits until every goroutine is blocked.
func settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// moments records times.
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
		quiet   time.Duration // no save before this time
		saved   time.Duration // one save by this time
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
					t.Fatalf("Saves = %d after %v, want 0", n, c.quiet)
				}
				if c.saved == 0 {
					return
				}
				settle(c.saved - c.quiet)
				if st := s.Stats(); st.Saves != 1 || st.ChangesSinceSave != 0 {
					t.Fatalf("Saves = %d, ChangesSinceSave = %d after %v, want 1 and 0", st.Saves, st.ChangesSinceSave, c.saved)
				}
			})
		})
	}
}

// TestFailedSaveDelaysRetryAndStopsWrites checks Redis's rule: writes return MISCONF until a save
// succeeds.
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
		// The tries are at 2 s and at 8 s, because more than five whole seconds are between them.
		at := tries.all()
		if len(at) < 2 || at[1].Sub(at[0]) < 5*time.Second || at[1].Sub(at[0]) > 7*time.Second {
			t.Errorf("saves were tried at %v, want 5 to 7 s between two tries", at)
		}
		if st := s.Stats(); st.LastSaveOK || st.ChangesSinceSave != 1 {
			t.Errorf("Stats = %+v, want a failed save and one change", st)
		}
		broken.Store(false)
		settle(7 * time.Second)
		ok(t, s.Set("k", []byte("w")))
		if st := s.Stats(); !st.LastSaveOK {
			t.Errorf("Stats = %+v, want a successful save", st)
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
			t.Errorf("ChangesSinceSave = %d, want 3", n)
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
			t.Errorf("ChangesSinceSave = %d, want 0", n)
		}
		again := fsys.Crash(vfs.KeepNone, 0)
		b := rules(t, again)
		if b.Len() != 0 || b.Recovery().Source != "rdb" {
			t.Errorf("Len = %d from %s, want 0 from rdb", b.Len(), b.Recovery().Source)
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
			t.Errorf("rules %v: dump exists: %v, want %v", c.rules, err == nil, c.want)
		}
	}
}

func TestEverysecSyncsWithinSecond(t *testing.T) {
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
			t.Error("the write is synced before one second is over, want later")
		}
		settle(1100 * time.Millisecond)
		if lost() {
			t.Error("the write is unsynced after one second, want it synced")
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
			t.Fatalf("Rewrites = %d below the minimum size, want 0", n)
		}
		for range 5 {
			ok(t, s.Set("k", value))
		}
		settle(time.Second)
		st := s.Stats()
		if st.Rewrites != 1 || st.LogSize > 3000 {
			t.Fatalf("Rewrites = %d, LogSize = %d, want 1 and at most 3000", st.Rewrites, st.LogSize)
		}
		want(t, s, "k", string(value))
		ok(t, log.Configure(aof.AutoRewrite(0, 0)))
		for range 100 {
			ok(t, s.Set("k", value))
		}
		settle(time.Second)
		if n := s.Stats().Rewrites; n != 1 {
			t.Errorf("Rewrites = %d with the trigger off, want 1", n)
		}
	})
}

// TestRewriteBackOff checks that automatic rewrites wait 1, 2, and 4 minutes from the third
// consecutive failure on.
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
			t.Fatalf("%d rewrites were tried, want at least 4", len(at))
		}
		for i, least := range []time.Duration{0, 0, time.Minute, 2 * time.Minute} {
			if i+1 < len(at) && at[i+1].Sub(at[i]) < least {
				t.Errorf("try %d is %v after the previous one, want at least %v", i+2, at[i+1].Sub(at[i]), least)
			}
		}
		if st := s.Stats(); st.RewriteFailures != len(tries.all()) || st.LastRewriteOK {
			t.Errorf("Stats = %+v, want %d failed rewrites", st, len(tries.all()))
		}
		broken.Store(false)
		ok(t, s.Rewrite(context.Background()))
		if st := s.Stats(); st.RewriteFailures != 0 {
			t.Errorf("RewriteFailures = %d, want 0", st.RewriteFailures)
		}
	})
}

// TestLogThatFailed checks that the error is sticky, reads continue, and a recovery loses nothing.
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
			t.Errorf("Info = %s, want a save in progress and a scheduled rewrite", info)
		}
		_, err = s.BGRewrite()
		is(t, err, perdure.ErrRewriteInProgress)
		close(gate)
		_, err = save.Wait(context.Background())
		ok(t, err)
		_, err = rewrite.Wait(context.Background())
		ok(t, err)
		if info := s.Info(); !strings.Contains(info, "aof_rewrites:1") || !strings.Contains(info, "rdb_saves:1") {
			t.Errorf("Info = %s, want one save and one rewrite", info)
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
		t.Errorf("Save = %+v, then %+v, want a large and a small other.rdb", large, small)
	}
	if err := d.Configure(rdb.Filename("../evil")); err == nil {
		t.Error("Configure of a file name with a directory = nil, want an error")
	}
	ok(t, s.Configure(perdure.WithSaveRules(snapshot.Rule{Seconds: 5, Changes: 1})))
	is(t, s.Configure(perdure.WithSaveRules(snapshot.Rule{})), perdure.ErrOptions)
}

// panicky is a Snapshotter that panics.
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
			t.Errorf("Wait = %v, want an error about a panic", err)
		}
		synctest.Wait()
		want(t, s, "k", "v")
		if err := s.Set("k", nil); err == nil || !strings.Contains(err.Error(), "a bug") {
			t.Errorf("Set = %v, want an error about the panic", err)
		}
		settle(time.Minute) // no recovery is attempted, because the log has not failed
		if err := s.Set("k", nil); err == nil || !strings.Contains(err.Error(), "a bug") {
			t.Errorf("Set after a minute = %v, want an error about the panic", err)
		}
		ok(t, s.Close())
	})
}

// TestManualSaveErrorGoesToCallerOnly checks that writes continue, as after Redis's SAVE.
func TestManualSaveErrorGoesToCallerOnly(t *testing.T) {
	full := &failing{Snapshotter: rdb.New()}
	s := open(t, t.TempDir(), perdure.WithSnapshotter(full))
	if _, err := s.Save(t.Context()); !errors.Is(err, errFull) {
		t.Errorf("Save = %v, want %v", err, errFull)
	}
	if err := s.FlushAll(); !errors.Is(err, errFull) {
		t.Errorf("FlushAll = %v, want %v", err, errFull)
	}
	ok(t, s.Set("k", nil))
	task, err := s.BGSave()
	ok(t, err)
	if _, err := task.Wait(t.Context()); !errors.Is(err, errFull) {
		t.Errorf("Wait of BGSave = %v, want %v", err, errFull)
	}
	is(t, s.Set("k", nil), perdure.ErrSaveFailed)
	if err := s.Close(); !errors.Is(err, errFull) {
		t.Errorf("Close = %v, want %v", err, errFull)
	}
}

// failing is a Snapshotter on a full disk.
type failing struct{ perdure.Snapshotter }

var errFull = errors.New("no space")

func (*failing) Save(context.Context, snapshot.View) (snapshot.Info, error) {
	return snapshot.Info{}, errFull
}
