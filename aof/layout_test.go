package aof_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/resp"
	"github.com/perduredb/perdure/internal/vfs"
)

func legacyLog() ([]byte, []string) {
	data := resp.AppendCommand(nil, "SELECT", "0")
	data = resp.AppendCommand(data, "set", "a", "1")
	data = resp.AppendCommand(data, "SELECT", "2")
	data = resp.AppendCommand(data, "SETEX", "b", "10", "2")
	return data, []string{"0: set a 1", "2: SETEX b 10 2"}
}

func TestLegacyUpgrade(t *testing.T) {
	data, list := legacyLog()
	manifest := []byte("file appendonly.aof seq 1 type b\n")
	for _, c := range []struct {
		name  string
		setUp func(t *testing.T, dir string)
		want  []string
		fails error
	}{
		{"plain", func(t *testing.T, dir string) {
			writeFile(t, data, dir, "appendonly.aof")
		}, list, nil},
		{"torn", func(t *testing.T, dir string) {
			writeFile(t, append(data[:len(data):len(data)], "*3\r\n$3\r\nSE"...), dir, "appendonly.aof")
		}, list, nil},
		{"preamble", func(t *testing.T, dir string) {
			writeFile(t, append([]byte(rdbHead+"\n0: SET base 1\nEND\n"), data...), dir, "appendonly.aof")
		}, append([]string{"0: SET base 1"}, list...), nil},
		{"empty directory", func(t *testing.T, dir string) {
			writeFile(t, data, dir, "appendonly.aof")
			if err := os.Mkdir(filepath.Join(dir, "appendonlydir"), 0o700); err != nil {
				t.Fatal(err)
			}
		}, list, nil},
		{"interrupted", func(t *testing.T, dir string) {
			writeFile(t, data, dir, "appendonly.aof")
			writeFile(t, manifest, dir, "appendonlydir/appendonly.aof.manifest")
		}, list, nil},
		{"both: the directory wins", func(t *testing.T, dir string) {
			writeFile(t, []byte("nonsense"), dir, "appendonly.aof")
			writeFile(t, manifest, dir, "appendonlydir/appendonly.aof.manifest")
			writeFile(t, data, dir, "appendonlydir/appendonly.aof")
		}, list, nil},
		{"listed and nowhere", func(t *testing.T, dir string) {
			writeFile(t, manifest, dir, "appendonlydir/appendonly.aof.manifest")
		}, nil, corrupt.ErrCorrupt},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			c.setUp(t, dir)
			l, u, _, err := open(vfs.OS(), dir)
			if c.fails != nil {
				if !errors.Is(err, c.fails) {
					t.Fatal(err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want(t, u, c.want)
			more := append(u.got, set(t, l, "new", "n"))
			closeLog(t, l)
			l, u, _ = mustOpen(t, dir)
			want(t, u, more)
			if err := rewrite(l, more); err != nil {
				t.Fatal(err)
			}
			closeLog(t, l)
			if got := dirNames(t, filepath.Join(dir, "appendonlydir")); strings.Contains(got, "appendonly.aof ") {
				t.Fatalf("files = %s, want no single file", got)
			}
			_, u, _ = mustOpen(t, dir)
			want(t, u, more)
		})
	}
}

func TestOpenAndReplayChangeNothing(t *testing.T) {
	dir := t.TempDir()
	data, _ := legacyLog()
	writeFile(t, data, dir, "appendonly.aof")
	var changed []string
	watch := vfs.NewFault(vfs.OS(), func(op vfs.Op) error {
		switch op.Kind {
		case "open", "readdir", "lstat", "read", "readat", "close", "size":
		default:
			changed = append(changed, op.String())
		}
		return nil
	})
	l := aof.New()
	if _, err := l.Open(env(watch, dir)); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Replay(t.Context(), &units{}); err != nil {
		t.Fatal(err)
	}
	if len(changed) > 0 {
		t.Fatalf("changed files = %q, want none", changed)
	}
}

func TestMissingFile(t *testing.T) {
	for _, name := range []string{"base.rdb", "incr.aof"} {
		dir, _, _ := smallLog(t, true)
		if err := os.Remove(filepath.Join(dir, "appendonlydir", "appendonly.aof.1."+name)); err != nil {
			t.Fatal(err)
		}
		_, _, _, err := open(vfs.OS(), dir)
		if !errors.Is(err, corrupt.ErrCorrupt) || !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

// TestUnlistedFilesStay checks that files that no manifest lists are not read, deleted, or
// overwritten, except temporary files.
func TestUnlistedFilesStay(t *testing.T) {
	dir, list, _ := smallLog(t, true)
	sub := filepath.Join(dir, "appendonlydir")
	orphans := []string{"appendonly.aof.2.base.rdb", "appendonly.aof.7.incr.aof", "appendonly.aof.0.incr.aof", "notes"}
	for _, name := range orphans {
		writeFile(t, []byte("keep"), sub, name)
	}
	writeFile(t, []byte("gone"), sub, "temp-perdure-appendonly.aof.2.base.rdb")
	l, u, _ := mustOpen(t, dir)
	want(t, u, list)
	if err := rewrite(l, list); err != nil {
		t.Fatal(err)
	}
	closeLog(t, l)
	names := dirNames(t, sub)
	if names != "appendonly.aof.0.incr.aof appendonly.aof.2.base.rdb appendonly.aof.3.base.rdb "+
		"appendonly.aof.7.incr.aof appendonly.aof.8.incr.aof appendonly.aof.manifest notes" {
		t.Fatalf("files = %s, want the unlisted files too", names)
	}
	for _, name := range orphans {
		if string(readFile(t, sub, name)) != "keep" {
			t.Fatalf("%s has changed, want it unchanged", name)
		}
	}
}

func TestObsoleteFilesAreDeleted(t *testing.T) {
	dir, list, _ := smallLog(t, true)
	sub := filepath.Join(dir, "appendonlydir")
	writeFile(t, []byte("old"), sub, "appendonly.aof.1.incr.old")
	writeFile(t, []byte(baseLine+"file appendonly.aof.1.incr.old seq 1 type h\n"+incrLine), sub, "appendonly.aof.manifest")
	l, u, _ := mustOpen(t, dir)
	want(t, u, list)
	closeLog(t, l)
	if got := dirNames(t, sub); strings.Contains(got, "old") {
		t.Fatalf("files = %s, want no obsolete file", got)
	}
	if got := serverManifest(string(readFile(t, sub, "appendonly.aof.manifest"))); got != baseLine+incrLine {
		t.Fatalf("manifest = %s, want %s", got, baseLine+incrLine)
	}
}

func TestEndOffsetIsDropped(t *testing.T) {
	dir, _, _ := smallLog(t, true)
	sub := filepath.Join(dir, "appendonlydir")
	line := strings.TrimSuffix(incrLine, "\n")
	writeFile(t, []byte(baseLine+line+" startoffset 5 endoffset 9\n"), sub, "appendonly.aof.manifest")
	l, _, _ := mustOpen(t, dir)
	closeLog(t, l)
	if got := string(readFile(t, sub, "appendonly.aof.manifest")); !strings.Contains(got, line+" startoffset 5 size ") || strings.Contains(got, "endoffset") {
		t.Fatalf("manifest = %s, want startoffset and no endoffset", got)
	}
}

func TestSwappedFile(t *testing.T) {
	// Exchanging the incremental file is detected, although both are whole.
	dir, list, _ := smallLog(t, true)
	first := readFile(t, dir, incr1)
	l, _, _ := mustOpen(t, dir)
	if err := rewrite(l, list); err != nil {
		t.Fatal(err)
	}
	set(t, l, "a", "b")
	closeLog(t, l)
	writeFile(t, first, dir, "appendonlydir/appendonly.aof.2.incr.aof")
	_, u, recovery, err := open(vfs.OS(), dir)
	if err == nil && recovery.Cut == 0 {
		t.Fatalf("Open of an exchanged file yields %q, want an error or a truncated tail", u.got)
	}
}

func TestEnableOverOldLog(t *testing.T) {
	// A log that is switched on while the store runs replaces an earlier log.
	dir, _, _ := smallLog(t, true)
	l := aof.New(aof.LogMode(aof.Direct))
	if found, err := l.Open(env(vfs.OS(), dir)); !found || err != nil {
		t.Fatalf("Open = %v, %v, want true, nil", found, err)
	}
	if s := l.Status(); s.Published {
		t.Fatal("Published = true before the first base, want false")
	}
	list := []string{"0: SET only this"}
	if err := rewrite(l, list); err != nil {
		t.Fatal(err)
	}
	list = append(list, set(t, l, "and", "that"))
	closeLog(t, l)
	_, u, _ := mustOpen(t, dir, aof.LogMode(aof.Direct))
	want(t, u, list)
	if got := dirNames(t, filepath.Join(dir, "appendonlydir")); got !=
		"appendonly.aof.2.base.rdb appendonly.aof.2.incr.aof appendonly.aof.manifest" {
		t.Fatalf("files = %s, want only generation 2", got)
	}
}

func TestEmptyLogFiles(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, []byte(incrLine+"file appendonly.aof.2.incr.aof seq 2 type i\n"), dir, "appendonlydir/appendonly.aof.manifest")
	writeFile(t, nil, dir, incr1)
	writeFile(t, nil, dir, "appendonlydir/appendonly.aof.2.incr.aof")
	l, u, recovery := mustOpen(t, dir)
	want(t, u, nil)
	if recovery.Files != 2 {
		t.Fatalf("report = %+v, want 2 files", recovery)
	}
	list := []string{set(t, l, "a", "1")}
	closeLog(t, l)
	_, u, _ = mustOpen(t, dir)
	want(t, u, list)
}

// TestUpgradeNextToOlderFile is a regression test. After a downgrade to an older Redis, the log is
// a single file, and the log directory may contain an older file of the same name. Open must not
// confuse them. Once the manifest listed the name, the next Open loaded the older file.
func TestUpgradeNextToOlderFile(t *testing.T) {
	mem := vfs.NewMem("/data")
	old := resp.AppendCommand(resp.AppendCommand(nil, "SELECT", "0"), "SET", "k", "old")
	now := resp.AppendCommand(resp.AppendCommand(nil, "SELECT", "0"), "SET", "k", "new")
	if err := mem.Mkdir(logDir); err != nil {
		t.Fatal(err)
	}
	replaceFile(t, mem, logDir+"appendonly.aof", old)
	replaceFile(t, mem, "/data/appendonly.aof", now)
	for range 2 {
		_, u, _, err := open(mem, "/data")
		if !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), logDir+"appendonly.aof") {
			t.Fatal(err)
		}
		want(t, u, []string{"0: SET k new"})
	}
	if err := mem.Remove(logDir + "appendonly.aof"); err != nil {
		t.Fatal(err)
	}
	l, u, _, err := open(mem, "/data")
	if err != nil {
		t.Fatal(err)
	}
	want(t, u, []string{"0: SET k new"})
	closeLog(t, l)
}
