package integration_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/storefs"
	"github.com/perduredb/perdure/internal/vfs"
)

// contents describes the regular files, links, and other files below a directory.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		all[rel] = d.Type().String()
		if d.Type().IsRegular() {
			data, err := os.ReadFile(path)
			all[rel] = string(data)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// holds opens a directory's store again and checks its values.
func holds(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	s, err := perdure.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.CloseNoSave()
	if n := s.Len(); n != int64(len(want)) {
		t.Errorf("%s: %d keys, want %d", dir, n, len(want))
	}
	for k, v := range want {
		if got, err := s.Get(k); string(got) != v {
			t.Errorf("%s: %s = %q, %v; want %q", dir, k, got, err, v)
		}
	}
}

// made creates the directory of a store, closes the store, and returns the files.
func made(t *testing.T, dir, key string) map[string]string {
	t.Helper()
	s, err := perdure.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Set(key, []byte("precious")), s.Close()); err != nil {
		t.Fatal(err)
	}
	return contents(t, dir)
}

// everyStep calls all methods that use the disk and returns the errors by method name.
func everyStep(s *perdure.Store) map[string]error {
	ctx := context.Background()
	errs := map[string]error{}
	_, errs["Save"] = s.Save(ctx)
	errs["Set"] = s.Set("b", []byte("2"))
	errs["Rewrite"] = s.Rewrite(ctx)
	errs["Sync"] = s.Sync(ctx)
	errs["Close"] = s.Close()
	return errs
}

func noErrors(t *testing.T, errs map[string]error) {
	t.Helper()
	for name, err := range errs {
		if err != nil {
			t.Errorf("%s = %v, want nil", name, err)
		}
	}
}

func TestChdirLeavesOtherStoreUntouched(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	before := made(t, filepath.Join(b, "data"), "mine")
	t.Chdir(a)
	s, err := perdure.Open("data")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Set("a", []byte("1")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(b)
	noErrors(t, everyStep(s))
	if after := contents(t, filepath.Join(b, "data")); !equalFiles(before, after) {
		t.Error("the other store's files have changed, want them unchanged")
	}
	holds(t, filepath.Join(b, "data"), map[string]string{"mine": "precious"})
	holds(t, filepath.Join(a, "data"), map[string]string{"a": "1", "b": "2"})
}

func TestChdirToPlaceWithoutDirectory(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	t.Chdir(a)
	s, err := perdure.Open("data")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(b)
	noErrors(t, everyStep(s))
	if left := contents(t, b); len(left) != 0 {
		t.Errorf("the new working directory has %v, want no files", left)
	}
	holds(t, filepath.Join(a, "data"), map[string]string{"b": "2"})
}

func equalFiles(a, b map[string]string) bool {
	for name, text := range a {
		if got, ok := b[name]; !ok || got != text {
			return false
		}
	}
	return len(a) == len(b)
}

func TestReadOnlyOpenOfMissingDirectory(t *testing.T) {
	for _, dir := range []string{filepath.Join(t.TempDir(), "missing"), filepath.Join(t.TempDir(), "no", "such")} {
		s, err := perdure.Open(dir, perdure.WithReadOnly())
		if err == nil {
			s.Close()
		}
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Open(%q) = %v, want fs.ErrNotExist", dir, err)
		}
	}
}

func TestReadOnlyOpenOfEmptyDirectory(t *testing.T) {
	dir := t.TempDir()
	s, err := perdure.Open(dir, perdure.WithReadOnly())
	if err != nil {
		t.Fatal(err)
	}
	if s.Len() != 0 || s.Recovery().Source != "empty" {
		t.Errorf("Len = %d from %q, want 0 from empty", s.Len(), s.Recovery().Source)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if left := contents(t, dir); len(left) != 0 {
		t.Errorf("the directory has %v, want no files", left)
	}
}

func TestUnwritableDirectoryFailsAtOpen(t *testing.T) {
	for name, opts := range map[string][]perdure.Option{
		"log":    {perdure.WithAppendLog(aof.New(aof.Fsync(aof.Always)))},
		"no log": {perdure.WithoutAppendLog()},
	} {
		mem, denied := vfs.NewMem("/data"), false
		fsys := vfs.NewFault(mem, func(op vfs.Op) error {
			if denied && (op.Kind == "create" || op.Kind == "mkdir" || op.Kind == "rename" || op.Kind == "remove") {
				return fs.ErrPermission
			}
			return nil
		})
		for range 2 { // the second Open finds the lock file
			s, err := perdure.Open("/data", append(opts, storefs.Option(fsys))...)
			if err == nil {
				err = s.Close()
			}
			if denied != errors.Is(err, fs.ErrPermission) || !denied && err != nil {
				t.Errorf("%s: Open = %v, want a permission error: %v", name, err, denied)
			}
			denied = true
			opts = map[string][]perdure.Option{
				"log":    {perdure.WithAppendLog(aof.New(aof.Fsync(aof.Always)))},
				"no log": {perdure.WithoutAppendLog()},
			}[name]
		}
	}
}

func TestDirectoryOfMode0555FailsAtOpen(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root can write everywhere")
	}
	dir := filepath.Join(t.TempDir(), "data")
	made(t, dir, "k")
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o755)
	s, err := perdure.Open(dir)
	if err == nil {
		s.Close()
	}
	if !errors.Is(err, fs.ErrPermission) {
		t.Errorf("Open = %v, want %v", err, fs.ErrPermission)
	}
}
