package perdure_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/storefs"
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/snapshot"
)

// namedOnce fails the test unless err begins with the library's name, has it once, and matches
// target.
func namedOnce(t *testing.T, what string, err, target error) {
	t.Helper()
	if err == nil || !strings.HasPrefix(err.Error(), "perdure: ") || strings.Count(err.Error(), "perdure:") != 1 {
		t.Errorf("%s: error %q, want one that begins with perdure: and has it once", what, err)
	}
	if !errors.Is(err, target) {
		t.Errorf("%s: error %q, want one that matches %v", what, err, target)
	}
}

func TestErrorsOfOpenNameLibraryOnce(t *testing.T) {
	openWith := func(prepare func(dir string), opts ...perdure.Option) error {
		dir := t.TempDir()
		prepare(dir)
		s, err := perdure.Open(dir, opts...)
		if err == nil {
			s.CloseNoSave()
		}
		return err
	}
	write := func(name, content string) func(string) {
		return func(dir string) { ok(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600)) }
	}
	nothing := func(string) {}
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	s := open(t, t.TempDir())
	ok(t, s.Set("k", []byte("v")))

	namedOnce(t, "damaged dump", openWith(write("dump.rdb", "REDISx"), perdure.WithoutAppendLog()), perdure.ErrCorrupt)
	namedOnce(t, "damaged log", openWith(write("appendonly.aof", "*1\r\n$x\r\n")), perdure.ErrCorrupt)
	namedOnce(t, "unknown command", openWith(write("appendonly.aof", "*1\r\n$4\r\nFOOO\r\n")), perdure.ErrCommand)
	namedOnce(t, "no directory", func() error { _, err := perdure.Open("/does/not/exist"); return err }(), fs.ErrNotExist)
	namedOnce(t, "option", openWith(nothing, perdure.WithSaveRules(snapshot.Rule{})), perdure.ErrOptions)
	namedOnce(t, "database", openWith(write("appendonly.aof", "*2\r\n$6\r\nSELECT\r\n$2\r\n99\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n")),
		perdure.ErrDatabase)
	_, err := s.Save(canceled)
	namedOnce(t, "canceled save", err, context.Canceled)
	namedOnce(t, "canceled rewrite", s.Rewrite(canceled), context.Canceled)
	namedOnce(t, "bad dump", s.Restore(context.Background(), strings.NewReader("REDIS")), perdure.ErrCorrupt)
}

// TestErrorsOfDiskNameLibraryOnce makes each operation of the file system fail in turn.
func TestErrorsOfDiskNameLibraryOnce(t *testing.T) {
	broken := errors.New("disk is broken")
	check := func(what string, err error) {
		if err != nil {
			t.Helper()
			namedOnce(t, what, err, broken)
		}
	}
	for _, mode := range []aof.Mode{aof.Direct, aof.Ring} {
		for kind := range strings.FieldsSeq("open create write sync datasync rename lstat readdir syncdir truncate remove") {
			on := false
			fsys := vfs.NewFault(vfs.NewMem("/data"), func(op vfs.Op) error {
				if on && op.Kind == kind {
					return broken
				}
				return nil
			})
			s := open(t, "/data", perdure.WithAppendLog(aof.New(aof.LogMode(mode), aof.Fsync(aof.Always))),
				storefs.Option(fsys), perdure.WithAutoRecover(false))
			on = true
			_, err := s.Save(context.Background())
			check(kind+": Save", err)
			check(kind+": Rewrite", s.Rewrite(context.Background()))
			check(kind+": Set", s.Set("k", []byte("v")))
			check(kind+": Sync", s.Sync(context.Background()))
			check(kind+": Recover", s.Recover(context.Background()))
			check(kind+": Close", s.Close())
			_, err = perdure.Open("/data", storefs.Option(fsys))
			check(kind+": Open", err)
		}
	}
}
