package integration_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/storefs"
	"github.com/perduredb/perdure/internal/vfs"
)

// closed opens a store, calls do, and closes the store.
func closed(t *testing.T, dir string, do func(*perdure.Store), opts ...perdure.Option) {
	t.Helper()
	s, err := perdure.Open(dir, opts...)
	ok(t, err)
	do(s)
	ok(t, s.Close())
}

func setTo(t *testing.T, key, value string) func(*perdure.Store) {
	return func(s *perdure.Store) { ok(t, s.Set(key, []byte(value))) }
}

// logKinds are the kinds of log. The order of runs must not depend on the kind.
var logKinds = map[string]func() perdure.Option{
	"ring":     func() perdure.Option { return perdure.WithAppendLog(aof.New()) },
	"always":   func() perdure.Option { return perdure.WithAppendLog(aof.New(aof.Fsync(aof.Always))) },
	"commands": func() perdure.Option { return perdure.WithAppendLog(aof.New(aof.RDBBase(false))) },
	"plain":    func() perdure.Option { return perdure.WithAppendLog(aof.New(aof.Checksums(false))) },
}

func TestCloseIsNotUndoneByLogSwitchedOff(t *testing.T) {
	for kind, log := range logKinds {
		t.Run(kind, func(t *testing.T) {
			dir := t.TempDir()
			closed(t, dir, func(s *perdure.Store) {
				setTo(t, "old", "1")(s)
				ok(t, s.Configure(perdure.WithoutAppendLog()))
				setTo(t, "new", "1")(s)
			}, log())
			for range 2 {
				closed(t, dir, func(s *perdure.Store) {
					want(t, s, "old", "1")
					want(t, s, "new", "1")
					if s.Recovery().NewerDump {
						t.Error("NewerDump = true for the store's own dump, want false")
					}
				}, log())
			}
			// Without the dump, only the log that was switched off remains.
			ok(t, os.Remove(filepath.Join(dir, "dump.rdb")))
			closed(t, dir, func(s *perdure.Store) { want(t, s, "new", "1") }, log())
		})
	}
}

func TestKillAfterLogSwitchedOffKeepsLog(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	setTo(t, "old", "1")(s)
	ok(t, s.Configure(perdure.WithoutAppendLog()))
	setTo(t, "new", "1")(s)
	copied := filepath.Join(t.TempDir(), "copy")
	ok(t, os.CopyFS(copied, os.DirFS(dir))) // the state after a kill: no dump was saved
	want(t, open(t, copied), "old", "1")
}

// TestCloseAfterKillOfIdleLogIsNotUndone kills a store before its first write. Its log ends with an
// empty marker that no Close wrote.
func TestCloseAfterKillOfIdleLogIsNotUndone(t *testing.T) {
	for kind, log := range logKinds {
		t.Run(kind, func(t *testing.T) {
			idle := t.TempDir()
			open(t, idle, log())
			for name, run := range map[string]func(dir string){
				"switched off": func(dir string) {
					closed(t, dir, func(s *perdure.Store) {
						ok(t, s.Configure(perdure.WithoutAppendLog()))
						setTo(t, "new", "1")(s)
					}, log())
				},
				"closed, then without a log": func(dir string) {
					closed(t, dir, func(*perdure.Store) {}, log())
					closed(t, dir, setTo(t, "new", "1"), perdure.WithoutAppendLog())
				},
			} {
				t.Run(name, func(t *testing.T) {
					dir := filepath.Join(t.TempDir(), "copy")
					ok(t, os.CopyFS(dir, os.DirFS(idle)))
					run(dir)
					closed(t, dir, func(s *perdure.Store) { want(t, s, "new", "1") }, log())
				})
			}
		})
	}
}

func TestRunsWithoutLogAreContinued(t *testing.T) {
	for kind, log := range logKinds {
		t.Run(kind, func(t *testing.T) {
			dir := t.TempDir()
			closed(t, dir, setTo(t, "a", "1"), log())
			closed(t, dir, setTo(t, "b", "2"), perdure.WithoutAppendLog())
			closed(t, dir, setTo(t, "c", "3"), perdure.WithoutAppendLog())
			closed(t, dir, func(s *perdure.Store) {
				want(t, s, "a", "1")
				want(t, s, "b", "2")
				want(t, s, "c", "3")
				setTo(t, "d", "4")(s)
			}, log())
			ok(t, os.Remove(filepath.Join(dir, "dump.rdb")))
			closed(t, dir, func(s *perdure.Store) { // the new log contains all data
				want(t, s, "b", "2")
				want(t, s, "d", "4")
			}, log())
		})
	}
}

func TestLogThatDumpLacksIsNotIgnored(t *testing.T) {
	for kind, log := range logKinds {
		t.Run(kind, func(t *testing.T) {
			dir := t.TempDir()
			closed(t, dir, setTo(t, "a", "1"), log(), perdure.WithSaveRules())
			_, err := perdure.Open(dir, perdure.WithoutAppendLog())
			is(t, err, perdure.ErrLogIgnored)
			if !strings.Contains(err.Error(), dir) {
				t.Errorf("Open = %v, want an error that names %s", err, dir)
			}
			closed(t, dir, func(s *perdure.Store) { want(t, s, "a", "1") }, log())
		})
	}
}

// TestOwnDumpIsNotReported tests dumps that a store saved while its log was on, before a kill and
// before Close, with file times as old or new as possible.
func TestOwnDumpIsNotReported(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	setTo(t, "k", "v")(s)
	_, err := s.Save(context.Background())
	ok(t, err)
	later(t, filepath.Join(dir, "dump.rdb"))
	killed := filepath.Join(t.TempDir(), "killed")
	ok(t, os.CopyFS(killed, os.DirFS(dir)))
	later(t, filepath.Join(killed, "dump.rdb"))
	ok(t, s.Close())
	for _, dir := range []string{dir, killed} {
		for range 2 {
			later(t, filepath.Join(dir, "dump.rdb"))
			closed(t, dir, func(s *perdure.Store) {
				want(t, s, "k", "v")
				if s.Recovery().NewerDump {
					t.Errorf("%s: Recovery = %+v, want no newer dump", dir, s.Recovery())
				}
			})
		}
	}
}

func TestForeignDumpIsReportedAndKept(t *testing.T) {
	other := t.TempDir()
	closed(t, other, setTo(t, "theirs", "1"))
	theirs, err := os.ReadFile(filepath.Join(other, "dump.rdb"))
	ok(t, err)
	dir := t.TempDir()
	closed(t, dir, setTo(t, "ours", "1"))
	ok(t, os.WriteFile(filepath.Join(dir, "dump.rdb"), theirs, 0o600))
	closed(t, dir, func(s *perdure.Store) {
		want(t, s, "ours", "1")
		absent(t, s, "theirs")
		if !s.Recovery().NewerDump {
			t.Error("Recovery().NewerDump = false, want true")
		}
	})
	kept, err := os.ReadFile(filepath.Join(dir, "dump.rdb.kept-1"))
	ok(t, err)
	if string(kept) != string(theirs) {
		t.Error("kept dump differs, want the original dump")
	}
	closed(t, dir, func(s *perdure.Store) {
		if s.Recovery().NewerDump {
			t.Error("Recovery().NewerDump = true after the dump was replaced, want false")
		}
	})
}

func TestMissingLogDirectoryIsReported(t *testing.T) {
	dir := t.TempDir()
	closed(t, dir, setTo(t, "k", "v"))
	ok(t, os.RemoveAll(filepath.Join(dir, "appendonlydir")))
	closed(t, dir, func(s *perdure.Store) {
		want(t, s, "k", "v")
		if !s.Recovery().LogMissing {
			t.Error("Recovery().LogMissing = false, want true")
		}
	})
	closed(t, dir, func(s *perdure.Store) {
		if s.Recovery().LogMissing || s.Recovery().NewerDump {
			t.Errorf("Recovery = %+v, want neither LogMissing nor NewerDump", s.Recovery())
		}
	})
}

func TestCopiesAndMovesOfDirectoryAreSameStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a")
	closed(t, dir, setTo(t, "k", "1"))
	clone := filepath.Join(t.TempDir(), "clone")
	ok(t, os.CopyFS(clone, os.DirFS(dir)))
	moved := filepath.Join(t.TempDir(), "moved")
	ok(t, os.Rename(dir, moved))
	for _, dir := range []string{clone, moved} {
		closed(t, dir, func(s *perdure.Store) {
			want(t, s, "k", "1")
			setTo(t, "k", "2")(s)
		})
		closed(t, dir, func(s *perdure.Store) { want(t, s, "k", "2") })
	}
}

// deafLog is a log whose Commit fails with a separate error that Err does not return.
type deafLog struct {
	*aof.Log
	fail error
}

func (l *deafLog) Commit(p appendlog.Position, durable bool) error {
	if l.fail != nil {
		return l.fail
	}
	return l.Log.Commit(p, durable)
}

func TestErrorOfAnyLogIsFinalUntilRecovery(t *testing.T) {
	boom := errors.New("boom")
	l := &deafLog{Log: aof.New(aof.LogMode(aof.Direct))}
	s := open(t, t.TempDir(), perdure.WithAppendLog(l), perdure.WithAutoRecover(false))
	setTo(t, "before", "1")(s)
	l.fail = boom
	err := s.Set("unknown", nil)
	is(t, err, perdure.ErrLogFailed)
	is(t, err, boom)
	l.fail = nil
	for _, err := range []error{s.Set("refused", nil), s.Err()} {
		is(t, err, perdure.ErrLogFailed)
		is(t, err, boom)
	}
	want(t, s, "before", "1")
	ok(t, s.Recover(context.Background()))
	setTo(t, "after", "1")(s)
	ok(t, s.Err())
}

func TestJobsDoNotWaitForOpenSnapshot(t *testing.T) {
	s := open(t, t.TempDir())
	setTo(t, "k", "v")(s)
	snap, err := s.Snapshot()
	ok(t, err)
	_, err = s.Save(context.Background())
	is(t, err, perdure.ErrBusy)
	_, err = s.BGSave()
	is(t, err, perdure.ErrBusy)
	is(t, s.Rewrite(context.Background()), perdure.ErrBusy)
	_, err = s.BGRewrite()
	is(t, err, perdure.ErrBusy)
	snap.Close()
	_, err = s.Save(context.Background())
	ok(t, err)
	ok(t, s.Rewrite(context.Background()))
}

func TestExpiryErrorNamesValueAndConflict(t *testing.T) {
	s := memory(t)
	for what, opts := range map[string][]perdure.SetOption{
		"0s is not positive":  {perdure.TTL(0)},
		"-1s is not positive": {perdure.TTL(-1e9)},
		"TTL and KeepTTL":     {perdure.TTL(1), perdure.KeepTTL()},
	} {
		err := s.Set("k", nil, opts...)
		is(t, err, perdure.ErrTTL)
		if !strings.Contains(err.Error(), what) {
			t.Errorf("error = %q, want %q in it", err, what)
		}
	}
}

func TestLoadProgressCountsKeysOfReplay(t *testing.T) {
	dir := t.TempDir()
	closed(t, dir, func(s *perdure.Store) {
		for i := range 20000 {
			setTo(t, string(rune('a'+i%26))+string(rune(i)), "v")(s)
		}
	}, perdure.WithSaveRules())
	var last perdure.LoadProgress
	s := open(t, dir, perdure.WithLoadProgress(func(p perdure.LoadProgress) { last = p }))
	if last.Keys != s.Recovery().Keys || last.Done != last.Total {
		t.Errorf("last progress = %+v, want Done = Total and %d keys", last, s.Recovery().Keys)
	}
}

// later sets the modification time of a file after that of all other files.
func later(t *testing.T, path string) {
	t.Helper()
	at := time.Now().Add(time.Hour)
	ok(t, os.Chtimes(path, at, at))
}

// TestLogOlderThanDumpIsRefused opens a log that lacks data that Close confirmed, and that the dump
// contains.
func TestLogOlderThanDumpIsRefused(t *testing.T) {
	t.Run("a copy of the log from before", func(t *testing.T) {
		dir, old := t.TempDir(), filepath.Join(t.TempDir(), "old")
		closed(t, dir, setTo(t, "a", "1"))
		ok(t, os.CopyFS(old, os.DirFS(filepath.Join(dir, "appendonlydir"))))
		closed(t, dir, setTo(t, "b", "2"))
		ok(t, os.RemoveAll(filepath.Join(dir, "appendonlydir")))
		ok(t, os.CopyFS(filepath.Join(dir, "appendonlydir"), os.DirFS(old)))
		wantDiverged(t, dir)
	})
	t.Run("the log of another directory name", func(t *testing.T) {
		dir := t.TempDir()
		other := perdure.WithAppendLog(aof.New(aof.Dirname("other")))
		closed(t, dir, setTo(t, "a", "1"))
		closed(t, dir, func(s *perdure.Store) {
			want(t, s, "a", "1")
			setTo(t, "b", "2")(s)
		}, other)
		wantDiverged(t, dir)
	})
	t.Run("the dump of a clone", func(t *testing.T) {
		dir, clone := t.TempDir(), filepath.Join(t.TempDir(), "clone")
		closed(t, dir, setTo(t, "a", "1"))
		ok(t, os.CopyFS(clone, os.DirFS(dir)))
		closed(t, clone, setTo(t, "b", "2"))
		closed(t, dir, setTo(t, "c", "3"))
		dump, err := os.ReadFile(filepath.Join(clone, "dump.rdb"))
		ok(t, err)
		ok(t, os.WriteFile(filepath.Join(dir, "dump.rdb"), dump, 0o600))
		wantDiverged(t, dir)
		ok(t, os.Remove(filepath.Join(dir, "dump.rdb"))) // the recovery
		closed(t, dir, func(s *perdure.Store) { want(t, s, "c", "3") })
	})
}

func wantDiverged(t *testing.T, dir string) {
	t.Helper()
	before := files(t, dir)
	_, err := perdure.Open(dir)
	is(t, err, perdure.ErrDiverged)
	same(t, files(t, dir), before)
}

func TestDamagedOriginIsDamageOfDump(t *testing.T) {
	for name, opt := range map[string]perdure.Option{"with the log": perdure.WithAppendLog(aof.New()), "without it": perdure.WithoutAppendLog()} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			closed(t, dir, setTo(t, "a", "1"))
			path := filepath.Join(dir, "dump.rdb")
			dump, err := os.ReadFile(path)
			ok(t, err)
			at := bytes.Index(dump, []byte("since:")) + len("since:")
			dump[at] ^= 8 // from 1 to 9: the generation of a newer log
			ok(t, os.WriteFile(path, dump, 0o600))
			_, err = perdure.Open(dir, opt)
			var damage *perdure.CorruptError
			if !errors.As(err, &damage) || filepath.Base(damage.File) != "dump.rdb" {
				t.Errorf("Open = %v, want damage of dump.rdb", err)
			}
		})
	}
}

func TestRewrittenLogIsNewerThanDump(t *testing.T) {
	dir := t.TempDir()
	closed(t, dir, setTo(t, "a", "1"))
	s := open(t, dir)
	setTo(t, "b", "2")(s)
	ok(t, s.Rewrite(t.Context()))
	setTo(t, "c", "3")(s)
	ok(t, s.CloseNoSave()) // the dump is the one that the first Close saved
	closed(t, dir, func(s *perdure.Store) {
		want(t, s, "c", "3")
		if s.Recovery().NewerDump {
			t.Error("NewerDump = true for the store's own dump, want false")
		}
	})
}

func TestLogContinuesWithoutChecksums(t *testing.T) {
	plain := func() perdure.Option { return perdure.WithAppendLog(aof.New(aof.Checksums(false))) }
	dir := t.TempDir()
	closed(t, dir, setTo(t, "a", "1"))
	closed(t, dir, func(s *perdure.Store) {
		setTo(t, "b", "2")(s)
		ok(t, s.Configure(perdure.WithoutAppendLog()))
		setTo(t, "c", "3")(s)
	}, plain())
	killed := filepath.Join(t.TempDir(), "killed")
	s := open(t, dir, plain())
	want(t, s, "c", "3")
	setTo(t, "d", "4")(s)
	ok(t, s.Sync(t.Context())) // nothing moves from the tail file to the log during the copy
	ok(t, os.CopyFS(killed, os.DirFS(dir)))
	ok(t, s.Close())
	for _, dir := range []string{dir, killed} {
		for range 2 {
			closed(t, dir, func(s *perdure.Store) {
				want(t, s, "c", "3")
				want(t, s, "d", "4")
				if r := s.Recovery(); r.TailMissing || r.NewerDump || r.Cut > 0 {
					t.Errorf("Recovery = %+v, want nothing missing, newer, or truncated", r)
				}
			})
		}
	}
}

// TestChecksumsMayChangeWithEveryOpen opens a log with and without checksums in every order of four
// runs, each closed or killed. A file that began without checksums, and then got markers, is not
// continued without them.
func TestChecksumsMayChangeWithEveryOpen(t *testing.T) {
	for order := range 32 {
		mem := vfs.NewMem("/data")
		for run := range 4 {
			log := perdure.WithAppendLog(aof.New(aof.Checksums(order>>run&1 != 0)))
			s := open(t, "/data", log, perdure.WithSaveRules(), storefs.Option(mem))
			for i := range run {
				want(t, s, fmt.Sprint("k", i), "v")
			}
			setTo(t, fmt.Sprint("k", run), "v")(s)
			if order >= 16 { // killed
				ok(t, s.Sync(t.Context()))
				killed := mem.Kill()
				ok(t, s.Close())
				mem = killed
				continue
			}
			ok(t, s.Close())
		}
		s := open(t, "/data", storefs.Option(mem))
		for i := range 4 {
			want(t, s, fmt.Sprint("k", i), "v")
		}
		if r := s.Recovery(); r.Cut > 0 || r.TailMissing {
			t.Errorf("order %05b: Recovery() = %+v, want nothing truncated", order, r)
		}
	}
}
