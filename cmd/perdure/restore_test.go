package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/storefs"
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/rdb"
)

// aside returns the directory where a restore kept the old files.
func aside(t *testing.T, dir string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "before-restore-*"))
	check(t, err)
	if len(found) != 1 {
		t.Fatalf("directories with old files = %v, want one", found)
	}
	return found[0]
}

// value opens a directory and returns the value of key:00, which is the word that fill got.
func value(t *testing.T, dir string, opts ...perdure.Option) string {
	t.Helper()
	s, err := perdure.Open(dir, opts...)
	check(t, err)
	defer func() { check(t, s.CloseNoSave()) }()
	v, err := s.Get("key:00")
	check(t, err)
	return string(v)
}

// TestRestore restores every form of backup onto a directory with a log and a newer dump.
func TestRestore(t *testing.T) {
	backup := store(t)
	all := want(t, exitGood, "dump", backup).stdout
	for _, name := range forms {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			want(t, exitGood, "convert", backup, path)
			dir := filepath.Join(t.TempDir(), "data")
			fill(t, dir, "old")
			old := want(t, exitGood, "dump", dir).stdout

			r := want(t, exitGood, "restore", path, dir)
			r.wants(t, "27 keys", "before-restore-", dumpName+" and a log")
			want(t, exitGood, "check", dir)
			for _, part := range []string{"", dumpName, logDirName} {
				if want(t, exitGood, "dump", filepath.Join(dir, part)).stdout != all {
					t.Errorf("dump of %q differs, want the backup", part)
				}
			}
			for _, part := range []string{"", dumpName, logDirName} {
				if want(t, exitGood, "dump", filepath.Join(aside(t, dir), part)).stdout != old {
					t.Errorf("dump of the old %q differs, want the old data", part)
				}
			}
			if v := value(t, dir); v != "v" {
				t.Errorf("Get(key:00) after Open = %q, want %q", v, "v")
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "temp-*")); len(left) > 0 {
				t.Errorf("restore left %v, want no temporary file", left)
			}
		})
	}
}

func TestRestoreNewDirectory(t *testing.T) {
	backup := filepath.Join(store(t), dumpName)
	dir := filepath.Join(t.TempDir(), "new")
	r := want(t, exitGood, "restore", backup, dir)
	if strings.Contains(r.stdout, "before-restore") {
		t.Error("restore created a directory for old files, want none")
	}
	want(t, exitGood, "check", filepath.Join(dir, logDirName))
	if v := value(t, dir); v != "v" {
		t.Errorf("Get(key:00) after Open = %q, want %q", v, "v")
	}
	// A second restore, from the restored dump.
	want(t, exitGood, "restore", filepath.Join(dir, dumpName), dir)
	if v := value(t, dir); v != "v" {
		t.Errorf("Get(key:00) after Open = %q, want %q", v, "v")
	}
}

// TestRestoreWithoutLog restores to a store that uses only snapshots.
func TestRestoreWithoutLog(t *testing.T) {
	backup := filepath.Join(store(t), dumpName)
	for _, test := range []struct {
		flag string
		log  bool
	}{{"", false}, {"--log", true}, {"--no-log", false}} {
		dir := filepath.Join(t.TempDir(), "data")
		fill(t, dir, "old", perdure.WithoutAppendLog())
		args := []string{"restore", backup, dir}
		if test.flag != "" {
			args = append(args, test.flag)
		}
		want(t, exitGood, args...)
		if isDir(vfs.OS(), filepath.Join(dir, logDirName)) != test.log {
			t.Errorf("restore %s: log exists = %v, want %v", test.flag, !test.log, test.log)
		}
		if v := value(t, aside(t, dir), perdure.WithoutAppendLog()); v != "old" {
			t.Errorf("old dump: Get(key:00) = %q, want %q", v, "old")
		}
		if v := value(t, dir, perdure.WithoutAppendLog(), perdure.WithReadOnly()); v != "v" {
			t.Errorf("without a log: Get(key:00) = %q, want %q", v, "v")
		}
		if v := value(t, dir); v != "v" {
			t.Errorf("with a log: Get(key:00) = %q, want %q", v, "v")
		}
	}
}

// TestRestoreOtherLogs replaces a single file of Redis 6, and logs with other names.
func TestRestoreOtherLogs(t *testing.T) {
	backup := filepath.Join(store(t), dumpName)
	single := strings.Replace(setKV, "$1\r\nk", "$6\r\nkey:00", 1)

	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, logName), []byte(selects+single), 0o600))
	want(t, exitGood, "restore", backup, dir)
	if read(t, filepath.Join(aside(t, dir), logName)) != selects+single {
		t.Error("kept file differs, want the old file")
	}
	if v := value(t, dir); v != "v" {
		t.Errorf("Get(key:00) = %q, want %q", v, "v")
	}

	dir = filepath.Join(t.TempDir(), "data")
	fill(t, dir, "old", otherNames())
	want(t, exitGood, "restore", backup, dir)
	if v := value(t, dir, otherNames()); v != "v" {
		t.Errorf("other names: Get(key:00) = %q, want %q", v, "v")
	}
	if v := value(t, dir); v != "v" {
		t.Errorf("default names: Get(key:00) = %q, want %q", v, "v")
	}
}

func TestRestoreRefuses(t *testing.T) {
	backup := filepath.Join(store(t), dumpName)
	dir := filepath.Join(t.TempDir(), "data")
	s, err := perdure.Open(dir)
	check(t, err)
	want(t, exitFailed, "restore", backup, dir).wants(t, "locked by")
	check(t, s.Set("key:00", []byte("old")))
	check(t, s.Close())

	check(t, os.WriteFile(backup, []byte(read(t, backup)[:100]), 0o600))
	before := tree(t, dir)
	want(t, exitDamaged, "restore", backup, dir).wants(t, "offset")
	after := tree(t, dir)
	delete(before, filepath.Join(dir, lockName))
	delete(after, filepath.Join(dir, lockName))
	if len(before) != len(after) {
		t.Errorf("%d files after a refused restore, want %d", len(after), len(before))
	}
	if v := value(t, dir); v != "old" {
		t.Errorf("Get(key:00) after a refused restore = %q, want %q", v, "old")
	}
}

func TestRestoreRefusesLinks(t *testing.T) {
	backup := filepath.Join(store(t), dumpName)
	elsewhere, dir := store(t), t.TempDir()
	if err := os.Symlink(filepath.Join(elsewhere, logDirName), filepath.Join(dir, logDirName)); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	want(t, exitFailed, "restore", backup, dir).wants(t, "symbolic link")
	want(t, exitGood, "check", elsewhere).wants(t, "incr.aof")
}

var errPower = errors.New("power failure")

// TestRestoreCrash simulates a power failure before every operation of a restore, and keeps none,
// all, or some of the unsynced data. Open must load the old data or the backup, completely.
func TestRestoreCrash(t *testing.T) {
	var dump bytes.Buffer
	source, err := perdure.New()
	check(t, err)
	defer source.Close()
	for i := range 5 {
		check(t, source.Set(fmt.Sprint(i), []byte("new")))
	}
	snap, err := source.Snapshot()
	check(t, err)
	_, err = snap.WriteTo(&dump)
	check(t, err)
	check(t, snap.Close())

	for name, test := range map[string]struct {
		opts []perdure.Option
		edit func(mem *vfs.Mem)
	}{
		"log and dump": {nil, nil},
		"dump alone":   {[]perdure.Option{perdure.WithoutAppendLog()}, nil},
		"log and single file": {nil, func(mem *vfs.Mem) {
			put(t, mem, "/srv/data/"+logName, selects+setKV) // ignored by Open next to a manifest
		}},
		"single file": {nil, func(mem *vfs.Mem) {
			check(t, removeTree(mem, "/srv/data/"+logDirName))
			put(t, mem, "/srv/data/"+logName, oldCommands())
			check(t, mem.Mkdir("/srv/data/"+logDirName))
			check(t, mem.SyncDir("/srv/data"))
		}},
		"interrupted upgrade": {nil, func(mem *vfs.Mem) {
			dir := "/srv/data/" + logDirName
			check(t, removeTree(mem, dir))
			check(t, mem.Mkdir(dir))
			put(t, mem, "/srv/data/"+logName, oldCommands())
			put(t, mem, dir+"/"+logName+manifestSuffix, "file "+logName+" seq 1 type b\n")
			check(t, mem.SyncDir("/srv/data"))
		}},
		"nothing": {nil, func(mem *vfs.Mem) {
			check(t, errors.Join(removeTree(mem, "/srv/data"), mem.SyncDir("/srv")))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			crashes := 0
			for n := 0; ; n++ {
				mem := oldStore(t, test.opts)
				put(t, mem, "/srv/backup.rdb", dump.String())
				if test.edit != nil {
					test.edit(mem)
				}
				fault := vfs.NewFault(mem, func(op vfs.Op) error {
					if op.N >= n {
						return errPower
					}
					return nil
				})
				a := &app{ctx: context.Background(), fs: fault, stdout: io.Discard, stderr: io.Discard}
				code := a.run([]string{"restore", "/srv/backup.rdb", "/srv/data"})
				for _, kind := range []vfs.CrashKind{vfs.KeepNone, vfs.KeepAll, vfs.KeepSome} {
					crashed := mem.Crash(kind, uint64(n))
					old := "old"
					if name == "nothing" {
						old = ""
					}
					wantOldOrNew(t, crashed, n, old, test.opts)
				}
				if crashes++; code == exitGood {
					break
				}
			}
			if crashes < 20 {
				t.Errorf("%d crashes, want at least 20", crashes)
			}
		})
	}
}

// inMemory returns options for a store in mem. The log is in Direct mode, which saves the memory of
// a tail file.
func inMemory(mem *vfs.Mem) []perdure.Option {
	return []perdure.Option{storefs.Option(mem), perdure.WithAppendLog(aof.New(aof.LogMode(aof.Direct)))}
}

func oldStore(t *testing.T, opts []perdure.Option) *vfs.Mem {
	t.Helper()
	mem := vfs.NewMem("/srv/data")
	s, err := perdure.Open("/srv/data", append(inMemory(mem), opts...)...)
	check(t, err)
	for i := range 5 {
		check(t, s.Set(fmt.Sprint(i), []byte("old")))
	}
	check(t, s.Close())
	return mem
}

// oldCommands returns the log of oldStore, as Redis 6 would write it.
func oldCommands() string {
	text := selects
	for i := range 5 {
		text += fmt.Sprintf("*3\r\n$3\r\nSET\r\n$1\r\n%d\r\n$3\r\nold\r\n", i)
	}
	return text
}

func put(t *testing.T, mem *vfs.Mem, path, content string) {
	t.Helper()
	f, err := mem.Create(path)
	check(t, err)
	_, err = io.WriteString(f, content)
	check(t, errors.Join(err, f.Sync(), f.Close(), mem.SyncDir(filepath.Dir(path))))
}

// wantOldOrNew opens a crash image. It must contain five old or five new values.
func wantOldOrNew(t *testing.T, mem *vfs.Mem, n int, old string, opts []perdure.Option) {
	t.Helper()
	s, err := perdure.Open("/srv/data", append(inMemory(mem), opts...)...)
	if err != nil {
		t.Fatalf("Open after a power failure before operation %d = %v, want nil", n, err)
	}
	defer s.CloseNoSave()
	got := make(map[string]int)
	for _, v := range s.All() {
		got[string(v)]++
	}
	if len(got) == 0 && old == "" || len(got) == 1 && (got["new"] == 5 || old != "" && got[old] == 5) {
		return
	}
	t.Fatalf("power failure before operation %d: values %v, want five old or five new", n, got)
}

// TestRestoreFailsOnce injects one error into each operation in turn. A second run must succeed.
func TestRestoreFailsOnce(t *testing.T) {
	var dump bytes.Buffer
	s, err := perdure.New()
	check(t, err)
	check(t, s.Set("0", []byte("new")))
	snap, err := s.Snapshot()
	check(t, err)
	_, err = snap.WriteTo(&dump)
	check(t, errors.Join(err, snap.Close(), s.Close()))
	for n := 0; ; n++ {
		mem := oldStore(t, nil)
		put(t, mem, "/srv/backup.rdb", dump.String())
		fired := false
		fault := vfs.NewFault(mem, func(op vfs.Op) error {
			if op.N == n {
				fired = true
				return fs.ErrPermission
			}
			return nil
		})
		a := &app{ctx: context.Background(), fs: fault, stdout: io.Discard, stderr: io.Discard}
		first := a.run([]string{"restore", "/srv/backup.rdb", "/srv/data"})
		if !fired {
			break
		}
		a.fs = mem
		if code := a.run([]string{"restore", "/srv/backup.rdb", "/srv/data"}); code != exitGood {
			t.Fatalf("restore after operation %d failed (exit status %d): exit status %d, want 0", n, first, code)
		}
		opened, err := perdure.Open("/srv/data", append(inMemory(mem), perdure.WithSnapshotter(rdb.New()))...)
		check(t, err)
		if v, err := opened.Get("0"); string(v) != "new" {
			t.Fatalf("operation %d: Get(0) = %q, %v, want %q", n, v, err, "new")
		}
		check(t, opened.Close())
	}
}

// TestRestoreUntilInPlace restores a data directory to an earlier time in place. The old files are
// kept.
func TestRestoreUntilInPlace(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, logDirName)
	check(t, os.Mkdir(log, 0o700))
	text := "#TS:1000\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n#TS:2000\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n2\r\n"
	check(t, os.WriteFile(filepath.Join(log, "appendonly.aof.1.incr.aof"), []byte(text), 0o600))
	check(t, os.WriteFile(filepath.Join(log, "appendonly.aof.manifest"), []byte("file appendonly.aof.1.incr.aof seq 1 type i\n"), 0o600))
	want(t, exitGood, "restore", "--until", "1500", dir, dir).wants(t, "offset 37", "skipped 37 bytes of later writes", "before-restore-")
	want(t, exitGood, "dump", dir).wants(t, `"value":"1"`)
	kept, err := filepath.Glob(filepath.Join(dir, "before-restore-*"))
	check(t, err)
	if len(kept) != 1 || read(t, filepath.Join(kept[0], logDirName, "appendonly.aof.1.incr.aof")) != text {
		t.Errorf("kept files = %v, want the complete old log", kept)
	}
	want(t, exitGood, "dump", kept[0]).wants(t, `"value":"2"`)
}
