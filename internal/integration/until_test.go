package integration_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/redistest"
	"github.com/perduredb/perdure/internal/storefs"
	"github.com/perduredb/perdure/internal/vfs"
)

// stamped extends the log of upstream's test of timestamps: two lines in a row, one in a
// transaction, and one at the end. The commands between two annotations are of one second.
var stamped = []string{
	frames("SELECT 0", "SET before 1"),
	"#TS:1628217470\r\n", frames("SET foo 0", "SET n 1"),
	"#TS:1628217471\r\n", frames("INCR foo"), "#some other line\r\n", frames("MULTI", "INCR n", "SELECT 3", "SET x 1", "EXEC"),
	"#TS:1628217473\r\n", "#TS:1628217474\r\n", frames("SET late #TS:1628217000"),
	"#TS:1628217475\r\n", frames("DEL foo"), "#TS:1628217476\r\n",
}

// TestUntilIsRedis truncates a log of Redis with redis-check-aof --truncate-to-timestamp and with
// WithRecoverUntil. The server's data and perdure's data must agree, and the log is kept.
func TestUntilIsRedis(t *testing.T) {
	tool := redistest.Tool(t, "redis-check-aof")
	log := strings.Join(stamped, "")
	for second := int64(1628217470); second <= 1628217477; second++ {
		t.Run(fmt.Sprint(second), func(t *testing.T) {
			t.Parallel()
			ours, theirs := t.TempDir(), t.TempDir()
			writeIncr(t, ours, log)
			writeIncr(t, theirs, log)
			out, err := exec.Command(tool, "--truncate-to-timestamp", strconv.FormatInt(second, 10),
				filepath.Join(theirs, "appendonlydir", "appendonly.aof.manifest")).CombinedOutput()
			if err != nil {
				t.Fatalf("redis-check-aof = %v, want nil: %s", err, out)
			}
			server := redistest.Start(t, theirs, "--appendonly", "yes")
			want := dataOfServer(server)
			server.Kill()

			until := perdure.WithRecoverUntil(time.Unix(second, 999e6))
			s := open(t, ours, append(logOnly(), until, perdure.WithReadOnly())...)
			sameData(t, "read-only", dataOf(t, s), want, 0)
			if logText(t, ours) != log {
				t.Error("a read-only Open has changed the log, want it unchanged")
			}
			s.Close()

			s = open(t, ours, append(logOnly(), until)...)
			sameData(t, "until", dataOf(t, s), want, 0)
			r := s.Recovery()
			ok(t, s.Set("more", []byte("1")))
			ok(t, s.Close())
			if (r.LeftOut > 0) != (second < 1628217476) || (r.Kept != "") != (r.LeftOut > 0) {
				t.Fatalf("Recovery = %+v, want bytes left out and a copy before the last second", r)
			}
			if r.Kept != "" && logText(t, r.Kept) != log {
				t.Error("copy differs, want the log")
			}
			want["0/more"] = datum{"1", 0}
			server = redistest.Start(t, ours, "--appendonly", "yes")
			sameData(t, "in the server", dataOfServer(server), want, 0)
			server.Kill()
			sameData(t, "again", dataOf(t, open(t, ours, logOnly()...)), want, 0)
		})
	}
}

// TestUntilWithinTransaction uses a transaction that contains a timestamp annotation.
// redis-check-aof truncates inside the transaction, and a server then drops it. perdure truncates
// before its MULTI, which yields equal data and an undamaged file.
func TestUntilWithinTransaction(t *testing.T) {
	dir := t.TempDir()
	before := "#TS:100\r\n" + frames("SET a 1")
	writeIncr(t, dir, before+frames("MULTI", "SET a 2")+"#TS:200\r\n"+frames("SET b 2", "EXEC", "SET c 3"))
	s := open(t, dir, append(logOnly(aof.Checksums(false)), perdure.WithRecoverUntil(time.Unix(150, 0)))...)
	if got := content(t, s); len(got) != 1 || got["0/a"] == "" {
		t.Errorf("content = %v, want only a", got)
	}
	ok(t, s.Close())
	if got := logText(t, dir); got != before {
		t.Errorf("log = %q, want %q", got, before)
	}
}

// TestUntilRefused checks that Open refuses a time that the log cannot restore, and changes
// nothing.
func TestUntilRefused(t *testing.T) {
	for name, log := range map[string]string{
		"no stamps":     frames("SET a 1"),
		"begins later":  "#TS:2000\r\n" + frames("SET a 1"),
		"stamp by name": frames("SET #TS:500 #TS:500"),
	} {
		dir := t.TempDir()
		writeIncr(t, dir, log)
		_, err := perdure.Open(dir, append(logOnly(), perdure.WithRecoverUntil(time.Unix(1000, 0)))...)
		if is(t, err, perdure.ErrUntil); logText(t, dir) != log {
			t.Errorf("%s: the log has changed, want it unchanged", name)
		}
	}
	_, err := perdure.Open(t.TempDir(), perdure.WithRecoverUntil(time.Unix(1000, 0)))
	is(t, err, perdure.ErrUntil)
}

// timeline runs a store through several seconds of writes, with two rewrites. It returns the data
// at the end of each second.
func timeline(t *testing.T, dir string, o ...aof.Option) (states []map[string]string, began time.Time) {
	s := open(t, dir, logOnly(append(o, aof.Timestamps(true))...)...)
	began = time.Now()
	for second := range 12 {
		for i := range 5 {
			ok(t, s.Set(fmt.Sprint("k", second%4, i), []byte(fmt.Sprint(second))))
			_, err := s.Incr("n")
			ok(t, err)
			ok(t, s.Update(func(tx *perdure.Tx) error {
				tx.Set("a", []byte(fmt.Sprint(second, i)))
				return tx.DB(2).Set("b", []byte(fmt.Sprint(second, i)))
			}))
			time.Sleep(100 * time.Millisecond)
		}
		states = append(states, content(t, s))
		if second == 3 || second == 7 {
			ok(t, s.Rewrite(t.Context()))
		}
		time.Sleep(500 * time.Millisecond)
	}
	ok(t, s.Close())
	return states, began
}

// TestUntilOverLog recovers every second of a perdure log that consists of a base and an
// incremental file, with RDB bases and with bases of commands.
func TestUntilOverLog(t *testing.T) {
	for _, o := range [][]aof.Option{nil, {aof.RDBBase(false)}, {aof.Checksums(false)}} {
		synctest.Test(t, func(t *testing.T) {
			dir := t.TempDir()
			states, began := timeline(t, dir, o...)
			for second, want := range states {
				until := perdure.WithRecoverUntil(began.Add(time.Duration(second) * time.Second))
				here := copyFiles(t, dir, "appendonlydir")
				s, err := perdure.Open(here, append(logOnly(o...), until)...)
				if second < 7 { // the last rewrite was in second 7
					is(t, err, perdure.ErrUntil)
					continue
				}
				ok(t, err)
				if got := content(t, s); !maps.Equal(got, want) {
					t.Fatalf("second %d: %v, want %v", second, got, want)
				}
				kept := s.Recovery().Kept
				ok(t, s.Set("more", nil))
				ok(t, s.Close())
				again := content(t, open(t, here, logOnly(o...)...))
				if len(again) != len(want)+1 || again["0/n"] != want["0/n"] {
					t.Errorf("second %d: content after reopening = %v, want one key more than %v", second, again, want)
				}
				if second < 11 {
					all := content(t, open(t, kept, logOnly(o...)...))
					if !maps.Equal(all, states[11]) {
						t.Errorf("second %d: the copy of the log has %v, want %v", second, all, states[11])
					}
				}
			}
		})
	}
}

// TestUntilInEarlierFile truncates an incremental file that is not the last, which
// redis-check-aof refuses.
func TestUntilInEarlierFile(t *testing.T) {
	dir := t.TempDir()
	writeIncr(t, dir, "#TS:100\r\n"+frames("SET a 1")+"#TS:200\r\n"+frames("SET a 2"))
	log := filepath.Join(dir, "appendonlydir")
	ok(t, os.WriteFile(filepath.Join(log, "appendonly.aof.2.incr.aof"), []byte("#TS:300\r\n"+frames("SET a 3")), 0o600))
	ok(t, os.WriteFile(filepath.Join(log, "appendonly.aof.manifest"),
		[]byte("file appendonly.aof.1.incr.aof seq 1 type i\nfile appendonly.aof.2.incr.aof seq 2 type i\n"), 0o600))
	for _, c := range []struct {
		second int64
		want   string
	}{{250, "2"}, {100, "1"}} {
		s := open(t, dir, append(logOnly(), perdure.WithRecoverUntil(time.Unix(c.second, 0)))...)
		if v, err := s.Get("a"); string(v) != c.want || err != nil {
			t.Errorf("second %d: Get = %q, %v, want %q", c.second, v, err, c.want)
		}
		ok(t, s.Close())
		if _, err := os.Stat(filepath.Join(log, "appendonly.aof.2.incr.aof")); (err == nil) != (c.second == 250) {
			t.Errorf("second %d: the later incremental file exists: %v, want %v", c.second, err == nil, c.second == 250)
		}
	}
}

// TestUntilIsWholeAfterCrash simulates a power failure before every operation of an Open that
// truncates the log. The next Open finds the whole log, or the log up to the requested time or the
// end of that file. In the latter case the copy contains the whole log.
func TestUntilIsWholeAfterCrash(t *testing.T) {
	files := map[string]string{
		"appendonly.aof.1.incr.aof": "#TS:100\r\n" + frames("SET a 1") + "#TS:200\r\n" + frames("SET a 2"),
		"appendonly.aof.2.incr.aof": "#TS:300\r\n" + frames("SET a 3"),
		"appendonly.aof.manifest":   "file appendonly.aof.1.incr.aof seq 1 type i\nfile appendonly.aof.2.incr.aof seq 2 type i\n",
	}
	mem := vfs.NewMem("/data")
	ok(t, mem.Mkdir("/data/appendonlydir"))
	for name, text := range files {
		f, err := mem.Create("/data/appendonlydir/" + name)
		ok(t, err)
		_, err = f.Write([]byte(text))
		ok(t, errors.Join(err, f.Sync(), f.Close()))
	}
	ok(t, errors.Join(mem.SyncDir("/data/appendonlydir"), mem.SyncDir("/data"), mem.SyncDir("/")))
	value := func(dir string, fs vfs.FS) string {
		s, err := perdure.Open(dir, append(logOnly(aof.LogMode(aof.Direct)), storefs.Option(fs))...)
		if err != nil {
			return err.Error()
		}
		defer s.Close()
		v, err := s.Get("a")
		ok(t, err)
		return string(v)
	}
	seen := map[string]int{}
	look := func(op vfs.Op, image *vfs.Mem) {
		got := value("/data", image)
		seen[got]++
		if got == "3" {
			return
		}
		kept := ""
		names, err := image.ReadDir("/data")
		ok(t, err)
		for _, name := range names {
			if strings.HasPrefix(name, "before-restore-") {
				kept = "/data/" + name
			}
		}
		if got != "1" && got != "2" || kept == "" || value(kept, image) != "3" {
			t.Fatalf("before %v: Get = %q, copy at %q, want a prefix and a copy of the whole log", op, got, kept)
		}
	}
	fault := vfs.NewFault(mem, func(op vfs.Op) error {
		look(op, mem.Crash(vfs.KeepAll, 0))
		look(op, mem.Crash(vfs.KeepNone, 0))
		for seed := range uint64(5) {
			look(op, mem.Crash(vfs.KeepSome, seed))
		}
		return nil
	})
	s := open(t, "/data", append(logOnly(), storefs.Option(fault), perdure.WithRecoverUntil(time.Unix(100, 0)))...)
	ok(t, s.Close())
	if seen["3"] == 0 || seen["2"] == 0 || seen["1"] == 0 {
		t.Errorf("states seen = %v, want all", seen)
	}
}

// TestUntilOverSingleFile truncates the single file of Redis 6, which is then moved into the log's
// directory.
func TestUntilOverSingleFile(t *testing.T) {
	dir := t.TempDir()
	log := "#TS:100\r\n" + frames("SET a 1") + "#TS:200\r\n" + frames("SET a 2")
	ok(t, os.WriteFile(filepath.Join(dir, "appendonly.aof"), []byte(log), 0o600))
	s := open(t, dir, append(logOnly(), perdure.WithRecoverUntil(time.Unix(100, 0)))...)
	kept := s.Recovery().Kept
	ok(t, s.Close())
	for in, want := range map[string]string{dir: "1", kept: "2"} {
		s := open(t, in, append(logOnly(), perdure.WithReadOnly())...)
		if v, err := s.Get("a"); string(v) != want || err != nil {
			t.Errorf("%s: Get = %q, %v, want %q", in, v, err, want)
		}
		ok(t, s.Close())
	}
	data, err := os.ReadFile(filepath.Join(kept, "appendonly.aof"))
	if ok(t, err); string(data) != log {
		t.Error("copy differs, want the file")
	}
}

// TestUntilLooksAtBase opens a server's log whose base is later than the requested time.
func TestUntilLooksAtBase(t *testing.T) {
	dir := t.TempDir()
	server := redistest.Start(t, dir, "--appendonly", "yes", "--aof-timestamp-enabled", "yes")
	server.Must("SET", "a", "1")
	server.Must("BGREWRITEAOF")
	server.Wait("aof_rewrite_in_progress", "0")
	// A server writes only one timestamp annotation per second.
	incr := filepath.Join(dir, "appendonlydir", "appendonly.aof.2.incr.aof")
	for stamped := false; !stamped; {
		server.Must("SET", "b", "1")
		data, err := os.ReadFile(incr)
		ok(t, err)
		stamped = strings.Contains(string(data), "#TS:")
	}
	server.Kill()
	until := func(at time.Time) error {
		s, err := perdure.Open(dir, append(logOnly(), perdure.WithReadOnly(), perdure.WithRecoverUntil(at))...)
		if err == nil {
			defer s.Close()
			if n := s.Len(); n != 2 {
				t.Errorf("Len = %d, want 2", n)
			}
		}
		return err
	}
	is(t, until(time.Now().Add(-time.Hour)), perdure.ErrUntil)
	ok(t, until(time.Now().Add(time.Hour)))
}
