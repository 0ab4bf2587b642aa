package integration_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/snapshot"
)

// content returns all data of a store in a comparable form.
func content(t testing.TB, s *perdure.Store) map[string]string {
	t.Helper()
	all := map[string]string{}
	for db := range s.Databases() {
		d := s.DB(db)
		for k := range d.Keys("*") {
			v, err := d.Get(k)
			if err != nil {
				v = []byte(err.Error())
			}
			ttl, err := d.TTL(k)
			if err != nil {
				continue // the key has expired since
			}
			all[fmt.Sprintf("%d/%s", db, k)] = fmt.Sprintf("%q ttl %v", v, ttl > 0)
		}
	}
	return all
}

func same(t testing.TB, got, want map[string]string) {
	t.Helper()
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%s = %.60s, want %.60s", k, got[k], v)
		}
	}
	for k := range got {
		if _, ok := want[k]; !ok {
			t.Errorf("key %s exists, want none", k)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
}

// files returns the contents of all files below a directory except the lock file.
func files(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "perdure.lock" {
			return err
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		all[rel] = string(data)
		return err
	})
	ok(t, err)
	return all
}

// mutate makes n random changes, including transactions.
func mutate(t testing.TB, s *perdure.Store, rng *rand.Rand, n int) {
	t.Helper()
	key := func() string { return fmt.Sprint("key:", rng.IntN(200)) }
	for range n {
		d := s.DB(rng.IntN(3))
		var err error
		switch rng.IntN(12) {
		case 0, 1, 2:
			err = d.Set(key(), []byte(strings.Repeat("v", rng.IntN(300))))
		case 3:
			err = d.Set(key(), fmt.Append(nil, rng.Int64()), perdure.TTL(time.Hour))
		case 4:
			_, err = d.Incr(fmt.Sprint("counter:", rng.IntN(20)))
		case 5:
			_, err = d.Delete(key(), key())
		case 6:
			_, err = d.Append(fmt.Sprint("log:", rng.IntN(20)), []byte("entry;"))
		case 7:
			_, err = d.Expire(key(), time.Hour)
		case 8:
			_, err = d.Persist(key())
		case 9:
			err = d.MSet(perdure.Pair{Key: key(), Value: []byte("m1")}, perdure.Pair{Key: key(), Value: []byte("m2")})
		case 10:
			err = s.Update(func(tx *perdure.Tx) error {
				for db := range 3 {
					if err := tx.DB(db).Set(key(), []byte("tx")); err != nil {
						return err
					}
				}
				_, err := tx.Delete(key())
				return err
			})
		case 11:
			err = d.Set(key(), make([]byte, rng.IntN(100_000)), perdure.KeepTTL())
		}
		ok(t, err)
	}
}

// TestReopen makes random changes, closes or crashes the store, and opens it again, in each
// persistence mode.
func TestReopen(t *testing.T) {
	ways := map[string]func() []perdure.Option{
		"default":   func() []perdure.Option { return nil },
		"log":       func() []perdure.Option { return logOnly() },
		"always":    func() []perdure.Option { return logOnly(aof.Fsync(aof.Always)) },
		"no":        func() []perdure.Option { return logOnly(aof.Fsync(aof.No)) },
		"resp base": func() []perdure.Option { return logOnly(aof.RDBBase(false)) },
		"plain log": func() []perdure.Option { return logOnly(aof.Checksums(false)) },
		"rdb": func() []perdure.Option {
			return []perdure.Option{perdure.WithoutAppendLog(), perdure.WithSaveRules(snapshot.Rule{Seconds: 3600, Changes: 1})}
		},
	}
	for name, options := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(1, 2))
			dir := t.TempDir()
			wantAll := map[string]string{}
			changes := 80
			if os.Getenv("PERDURE_EVERY") != "" {
				changes = 400
			}
			for round := range 6 {
				s, err := perdure.Open(dir, options()...)
				ok(t, err)
				same(t, content(t, s), wantAll)
				mutate(t, s, rng, changes)
				if round%3 == 1 && name != "rdb" {
					ok(t, s.Rewrite(context.Background()))
					mutate(t, s, rng, 100)
				}
				if round%3 == 2 {
					if _, err := s.Save(context.Background()); err != nil {
						t.Fatal(err)
					}
				}
				wantAll = content(t, s)
				ok(t, s.Close())
			}
		})
	}
}

// TestDamageIsRefusedAndNothingChanges flips a byte in each file, one file at a time.
func TestDamageIsRefusedAndNothingChanges(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for i := range 100 {
		ok(t, s.Set(fmt.Sprint("key:", i), []byte(strings.Repeat("value", i))))
	}
	ok(t, s.Rewrite(context.Background()))
	for i := range 100 {
		ok(t, s.Set(fmt.Sprint("key:", i), []byte("new")))
		if i == 50 {
			ok(t, s.Sync(context.Background()))
		}
	}
	ok(t, s.Close())
	good := files(t, dir)
	names := make([]string, 0, len(good))
	for name := range good {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if strings.HasSuffix(name, "dump.rdb") {
			continue
		}
		t.Run(filepath.Base(name), func(t *testing.T) {
			path := filepath.Join(dir, name)
			bad := []byte(good[name])
			bad[len(bad)/3] ^= 0x10
			ok(t, os.WriteFile(path, bad, 0o600))
			defer os.WriteFile(path, []byte(good[name]), 0o600)
			before := files(t, dir)
			s, err := perdure.Open(dir)
			if err == nil {
				s.CloseNoSave()
				t.Fatal("Open of a damaged directory = nil, want an error")
			}
			is(t, err, perdure.ErrCorrupt)
			if !strings.Contains(err.Error(), filepath.Base(name)) {
				t.Errorf("Open = %v, want an error that names %s", err, filepath.Base(name))
			}
			same(t, files(t, dir), before)
		})
	}
	t.Run("dump.rdb", func(t *testing.T) {
		path := filepath.Join(dir, "dump.rdb")
		for _, damage := range []string{good["dump.rdb"][:40], "", good["dump.rdb"][:len(good["dump.rdb"])-3] + "xyz"} {
			ok(t, os.WriteFile(path, []byte(damage), 0o600))
			before := files(t, dir)
			_, err := perdure.Open(dir, perdure.WithoutAppendLog(), perdure.WithReadOnly())
			is(t, err, perdure.ErrCorrupt)
			same(t, files(t, dir), before)

			// The log is on but missing. Open must not build a log if it loads the dump.
			only := t.TempDir()
			ok(t, os.WriteFile(filepath.Join(only, "dump.rdb"), []byte(damage), 0o600))
			before = files(t, only)
			_, err = perdure.Open(only)
			is(t, err, perdure.ErrCorrupt)
			same(t, files(t, only), before)
		}
	})
}

func TestTornTail(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, logOnly()...)
	ok(t, s.Set("a", []byte("1")))
	ok(t, s.Close())
	path := filepath.Join(dir, "appendonlydir", "appendonly.aof.1.incr.aof")
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	ok(t, err)
	_, err = f.WriteString("*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$5\r\nto")
	ok(t, err)
	ok(t, f.Close())

	before := files(t, dir)
	_, err = perdure.Open(dir, append(logOnly(), perdure.WithRecovery(perdure.Strict))...)
	is(t, err, perdure.ErrTorn)
	same(t, files(t, dir), before)

	s = open(t, dir, logOnly()...)
	want(t, s, "a", "1")
	absent(t, s, "b")
	if r := s.Recovery(); r.Cut == 0 || filepath.Base(r.CutFile) != filepath.Base(path) {
		t.Errorf("Recovery = %+v, want bytes truncated from %s", r, path)
	}
	ok(t, s.Set("c", []byte("3")))
	ok(t, s.Close())
	s = open(t, dir, append(logOnly(), perdure.WithRecovery(perdure.Strict))...)
	want(t, s, "c", "3")
}

// TestBlockOfGarbageIsNotAnotherProgram is a regression test from a power-failure campaign. A lost
// block hid the difference between perdure's SELECT and Redis's. The group then looked like
// Redis's, and its bad commit marker like damage.
func TestBlockOfGarbageIsNotAnotherProgram(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, logOnly(aof.LogMode(aof.Direct), aof.Fsync(aof.No))...)
	ok(t, s.Set("kept", []byte("1")))
	ok(t, s.DB(1).Set("lost", []byte("2")))
	ok(t, s.Set("behind", []byte("3")))
	data := []byte(logText(t, dir))
	crashed := copyFiles(t, dir, "appendonlydir")
	at := strings.Index(string(data), "*2\r\n$6\r\nselect\r\n$1\r\n1")
	copy(data[at:], "#\xa4#")
	ok(t, os.WriteFile(filepath.Join(crashed, "appendonlydir", "appendonly.aof.1.incr.aof"), data, 0o600))
	b := open(t, crashed, logOnly(aof.LogMode(aof.Direct), aof.Fsync(aof.No))...)
	want(t, b, "kept", "1")
	absent(t, b.DB(1), "lost")
	absent(t, b, "behind")
	if r := b.Recovery(); r.Cut != int64(len(data)-at) {
		t.Errorf("Recovery = %+v, want %d bytes truncated", r, len(data)-at)
	}
}

func TestOneOpenerPerDirectory(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	_, err := perdure.Open(dir)
	is(t, err, perdure.ErrLocked)
	if !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("Open = %v, want an error with the process ID %d", err, os.Getpid())
	}
	ok(t, s.Close())
	open(t, dir)
}

func TestReadOnlyChangesNothing(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	ok(t, s.Set("k", []byte("v")))
	ok(t, s.Close())
	before := files(t, dir)
	s = open(t, dir, perdure.WithReadOnly())
	want(t, s, "k", "v")
	is(t, s.Set("k", nil), perdure.ErrReadOnly)
	_, err := s.Save(context.Background())
	is(t, err, perdure.ErrReadOnly)
	ok(t, s.Close())
	same(t, files(t, dir), before)
}

func TestCacheWritesNothing(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, snapshotsOnly()...)
	ok(t, s.Set("k", []byte("v")))
	ok(t, s.Close())
	if got := files(t, dir); len(got) != 0 {
		t.Errorf("files = %v, want none", got)
	}
}

func TestRestoreAndSnapshot(t *testing.T) {
	a := open(t, t.TempDir(), logOnly()...)
	mutate(t, a, rand.New(rand.NewPCG(3, 4)), 500)
	wantAll := content(t, a)
	snap, err := a.Snapshot()
	ok(t, err)
	mutate(t, a, rand.New(rand.NewPCG(5, 6)), 500)
	_, err = a.BGSave()
	is(t, err, perdure.ErrBusy)
	var dump strings.Builder
	n, err := snap.WriteTo(&dump)
	ok(t, err)
	if n != int64(dump.Len()) {
		t.Errorf("WriteTo = %d, want %d", n, dump.Len())
	}
	ok(t, snap.Close())

	dir := t.TempDir()
	b := open(t, dir, logOnly()...)
	ok(t, b.Set("old", []byte("goes")))
	is(t, b.Restore(context.Background(), strings.NewReader(dump.String()[:100])), perdure.ErrCorrupt)
	want(t, b, "old", "goes")
	ok(t, b.Restore(context.Background(), strings.NewReader(dump.String())))
	same(t, content(t, b), wantAll)
	ok(t, b.Set("after", []byte("1")))
	wantAll["0/after"] = `"1" ttl false`
	ok(t, b.Close())
	same(t, content(t, open(t, dir, logOnly()...)), wantAll)
}

func TestSwitchLogOnAndOff(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, snapshotsOnly()...)
	ok(t, s.Set("before", []byte("1")))
	is(t, s.Durable().Set("durable", nil), perdure.ErrNoAppendLog)
	ok(t, s.Configure(perdure.WithAppendLog(aof.New())))
	for !s.Stats().LogReady {
		ok(t, s.Set("during", []byte("2")))
	}
	ok(t, s.Durable().Set("after", []byte("3")))
	wantAll := content(t, s)
	ok(t, s.CloseNoSave())

	s = open(t, dir, logOnly()...)
	same(t, content(t, s), wantAll)
	ok(t, s.Configure(perdure.WithoutAppendLog()))
	ok(t, s.Set("not logged", nil))
	ok(t, s.Configure(perdure.WithAppendLog(aof.New())))
	for !s.Stats().LogReady {
	}
	wantAll = content(t, s)
	ok(t, s.CloseNoSave())
	same(t, content(t, open(t, dir, logOnly()...)), wantAll)
}

// TestDumpWithKeyTwiceIsRefused checks that such a dump is reported as damaged, with the offset.
// redis-server panics on it.
func TestDumpWithKeyTwiceIsRefused(t *testing.T) {
	dir := t.TempDir()
	dump := "REDIS0003" + "\xfe\x00" + "\x00\x01k\x01a" + "\x00\x01j\x01b" + "\x00\x01k\x01c" + "\xff"
	path := filepath.Join(dir, "dump.rdb")
	ok(t, os.WriteFile(path, []byte(dump), 0o600))
	_, err := perdure.Open(dir, snapshotsOnly()...)
	var bad *perdure.CorruptError
	if !errors.As(err, &bad) || bad.Offset != 21 || bad.File != path {
		t.Errorf("Open = %v (%+v), want damage of %s at offset 21", err, bad, path)
	}
}

// TestLoadProgress checks that progress grows to the end. A context that ends stops Open and leaves
// all files unchanged.
func TestLoadProgress(t *testing.T) {
	for name, options := range map[string]func() []perdure.Option{
		"dump": snapshotsOnly,
		"log":  func() []perdure.Option { return logOnly() },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir, options()...)
			for i := range 3000 {
				ok(t, s.Set(fmt.Sprint(i), []byte(strings.Repeat(fmt.Sprint(i), 500))))
			}
			if name == "dump" {
				_, err := s.Save(context.Background())
				ok(t, err)
			}
			ok(t, s.Close())

			var last perdure.LoadProgress
			s = open(t, dir, append(options(), perdure.WithLoadProgress(func(p perdure.LoadProgress) {
				if p.Done < last.Done || p.Done > p.Total {
					t.Errorf("progress = %+v after %+v, want it to grow up to the total", p, last)
				}
				last = p
			}))...)
			ok(t, s.CloseNoSave())
			if last.Total == 0 || last.Done != last.Total {
				t.Errorf("last progress = %+v, want Done = Total", last)
			}

			before := files(t, dir)
			ctx, cancel := context.WithCancel(context.Background())
			_, err := perdure.OpenContext(ctx, dir, append(options(), perdure.WithLoadProgress(func(perdure.LoadProgress) { cancel() }))...)
			is(t, err, context.Canceled)
			same(t, files(t, dir), before)
			open(t, dir, options()...)
		})
	}
}
