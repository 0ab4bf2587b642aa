//go:build unix

package integration_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/vfs"
)

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// exchange exchanges two names atomically.
func exchange(t *testing.T, a, b string) {
	t.Helper()
	rename(t, a, a+".x")
	rename(t, b, a)
	rename(t, a+".x", b)
}

func opened(t *testing.T, dir string, opts ...perdure.Option) *perdure.Store {
	t.Helper()
	s, err := perdure.Open(dir, opts...)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Set("a", []byte(filepath.Base(dir))); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStoreStaysInRenamedDirectory(t *testing.T) {
	root := t.TempDir()
	data := filepath.Join(root, "data")
	first := opened(t, data)
	rename(t, data, data+".bak")
	second := opened(t, data)
	noErrors(t, everyStep(first))
	if err := errors.Join(second.Set("new", []byte("1")), second.CloseNoSave()); err != nil {
		t.Error(err)
	}
	holds(t, data, map[string]string{"a": "data", "new": "1"})
	holds(t, data+".bak", map[string]string{"a": "data", "b": "2"})
}

func TestStoresStayInExchangedDirectories(t *testing.T) {
	root := t.TempDir()
	a, b := filepath.Join(root, "a"), filepath.Join(root, "b")
	first, second := opened(t, a), opened(t, b)
	exchange(t, a, b)
	noErrors(t, everyStep(first))
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	holds(t, b, map[string]string{"a": "a", "b": "2"})
	holds(t, a, map[string]string{"a": "b"})
}

func TestRemovedDirectoryFailsEveryPromise(t *testing.T) {
	for name, opts := range map[string][]perdure.Option{
		"always":          {perdure.WithAppendLog(aof.New(aof.Fsync(aof.Always)))},
		"always, no save": {perdure.WithAppendLog(aof.New(aof.Fsync(aof.Always))), perdure.WithSaveRules()},
		"ring":            {perdure.WithSaveRules()},
		"no log":          {perdure.WithoutAppendLog(), perdure.WithSaveRules()},
		"no log, saves":   {perdure.WithoutAppendLog()},
	} {
		dir := filepath.Join(t.TempDir(), "data")
		s := opened(t, dir, append(opts, perdure.WithAutoRecover(false))...)
		if err := s.Sync(context.Background()); err != nil && !errors.Is(err, perdure.ErrNoAppendLog) {
			t.Fatal(err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(dir, 0o700); err != nil { // an unrelated directory of the same name
			t.Fatal(err)
		}
		if err := s.Sync(context.Background()); err == nil {
			t.Errorf("%s: Sync with nothing to sync = nil, want an error", name)
		}
		for step, err := range everyStep(s) {
			if err == nil && (step != "Set" || name[0] == 'a') {
				t.Errorf("%s: %s = nil, want an error", name, step)
			}
		}
		if left := contents(t, dir); len(left) != 0 {
			t.Errorf("%s: the other directory has %v, want no files", name, left)
		}
	}
}

func TestUnlinkedIncrementFailsLog(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, dir, perdure.WithAppendLog(aof.New(aof.Fsync(aof.Always))), perdure.WithAutoRecover(false))
	defer s.CloseNoSave()
	if err := os.Remove(filepath.Join(dir, "appendonlydir", "appendonly.aof.1.incr.aof")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Set("b", []byte("2")); !errors.Is(err, perdure.ErrLogFailed) {
			t.Errorf("Set = %v, want %v", err, perdure.ErrLogFailed)
		}
	}
	if err := s.Recover(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := s.Set("c", []byte("3")); err != nil {
		t.Error(err)
	}
}

func TestRemovedLogDirectoryIsMadeAgainByRecover(t *testing.T) {
	dir := t.TempDir()
	always := []perdure.Option{perdure.WithAppendLog(aof.New(aof.Fsync(aof.Always))), perdure.WithAutoRecover(false)}
	s := opened(t, dir, always...)
	if err := os.RemoveAll(filepath.Join(dir, "appendonlydir")); err != nil {
		t.Fatal(err)
	}
	if err := s.Set("b", []byte("2")); !errors.Is(err, perdure.ErrLogFailed) {
		t.Errorf("Set = %v, want %v", err, perdure.ErrLogFailed)
	}
	if err := errors.Join(s.Recover(context.Background()), s.Set("b", []byte("2")), s.Close()); err != nil {
		t.Error(err)
	}
	holds(t, dir, map[string]string{"a": filepath.Base(dir), "b": "2"})
}

func TestReplacedIncrementIsNotListed(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, dir, perdure.WithAppendLog(aof.New(aof.LogMode(aof.Direct))))
	incr := filepath.Join(dir, "appendonlydir", "appendonly.aof.1.incr.aof")
	rename(t, incr, incr+".away")
	if err := os.WriteFile(incr, []byte("of another log"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Rewrite(context.Background()); !errors.Is(err, vfs.ErrMoved) {
		t.Errorf("Rewrite = %v, want %v", err, vfs.ErrMoved)
	}
	rename(t, incr+".away", incr)
	if err := errors.Join(s.Rewrite(context.Background()), s.Close()); err != nil {
		t.Error(err)
	}
	holds(t, dir, map[string]string{"a": filepath.Base(dir)})
}

func TestLostLockIsReported(t *testing.T) {
	ways := map[string]func(lock string) error{
		"removed":  os.Remove,
		"replaced": func(lock string) error { return errors.Join(os.Remove(lock), os.WriteFile(lock, nil, 0o600)) },
		"a link":   func(lock string) error { return errors.Join(os.Remove(lock), os.Symlink("dump.rdb", lock)) },
	}
	calls := map[string]func(s *perdure.Store) error{
		"Save":      func(s *perdure.Store) error { _, err := s.Save(context.Background()); return err },
		"BGSave":    func(s *perdure.Store) error { _, err := s.BGSave(); return err },
		"Rewrite":   func(s *perdure.Store) error { return s.Rewrite(context.Background()) },
		"BGRewrite": func(s *perdure.Store) error { _, err := s.BGRewrite(); return err },
		"Restore":   func(s *perdure.Store) error { return s.Restore(context.Background(), bytes.NewReader(nil)) },
		"Close":     (*perdure.Store).Close,
	}
	for way, lose := range ways {
		dir := t.TempDir()
		s := opened(t, dir)
		if _, err := s.Save(context.Background()); err != nil {
			t.Fatal(err)
		}
		dump := contents(t, dir)["dump.rdb"]
		if err := errors.Join(s.Set("b", []byte("2")), lose(filepath.Join(dir, "perdure.lock"))); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"Save", "BGSave", "Rewrite", "BGRewrite", "Restore", "Close"} {
			if err := calls[name](s); !errors.Is(err, perdure.ErrLockLost) {
				t.Errorf("%s: %s = %v, want %v", way, name, err, perdure.ErrLockLost)
			}
		}
		if contents(t, dir)["dump.rdb"] != dump {
			t.Errorf("%s: the dump was replaced, want it unchanged", way)
		}
		os.Remove(filepath.Join(dir, "perdure.lock"))
		holds(t, dir, map[string]string{"a": filepath.Base(dir), "b": "2"})
	}
}

func TestExchangedLogDirectoriesStayApart(t *testing.T) {
	root := t.TempDir()
	a, b := filepath.Join(root, "a"), filepath.Join(root, "b")
	before := made(t, b, "mine")
	s := opened(t, a, perdure.WithAppendLog(aof.New(aof.LogMode(aof.Direct))))
	exchange(t, filepath.Join(a, "appendonlydir"), filepath.Join(b, "appendonlydir"))
	if err := s.Rewrite(context.Background()); !errors.Is(err, vfs.ErrMoved) {
		t.Errorf("Rewrite = %v, want %v", err, vfs.ErrMoved)
	}
	exchange(t, filepath.Join(a, "appendonlydir"), filepath.Join(b, "appendonlydir"))
	if !equalFiles(before, contents(t, b)) {
		t.Error("the other store's files have changed, want them unchanged")
	}
	noErrors(t, everyStep(s))
	holds(t, a, map[string]string{"a": "a", "b": "2"})
}

func TestDataDirectoryMayBeLink(t *testing.T) {
	root := t.TempDir()
	data, link, other := filepath.Join(root, "data"), filepath.Join(root, "link"), filepath.Join(root, "other")
	for _, dir := range []string{data, other} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(data, link); err != nil {
		t.Fatal(err)
	}
	s := opened(t, link)
	if err := errors.Join(os.Remove(link), os.Symlink(other, link)); err != nil {
		t.Fatal(err)
	}
	noErrors(t, everyStep(s))
	if left := contents(t, other); len(left) != 0 {
		t.Errorf("the target of the new link has %v, want no files", left)
	}
	holds(t, data, map[string]string{"a": "link", "b": "2"})
}

func TestBindMountOverOpenDirectory(t *testing.T) {
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		t.Skip("mounts need root on Linux")
	}
	root := t.TempDir()
	a, b := filepath.Join(root, "a"), filepath.Join(root, "b")
	before := made(t, b, "mine")
	s := opened(t, a)
	if out, err := exec.Command("mount", "--bind", b, a).CombinedOutput(); err != nil {
		s.Close()
		t.Skipf("mount: %v: %s", err, out)
	}
	errs := everyStep(s)
	if out, err := exec.Command("umount", a).CombinedOutput(); err != nil {
		t.Fatalf("umount = %v, want nil: %s", err, out)
	}
	noErrors(t, errs)
	if !equalFiles(before, contents(t, b)) {
		t.Error("the other store's files have changed, want them unchanged")
	}
	holds(t, a, map[string]string{"a": "a", "b": "2"})
}

func TestLockFileWithSecondNameIsRefused(t *testing.T) {
	dir := t.TempDir()
	made(t, dir, "k")
	lock := filepath.Join(dir, "perdure.lock")
	if err := errors.Join(os.Remove(lock), os.Link(filepath.Join(dir, "dump.rdb"), lock)); err != nil {
		t.Fatal(err)
	}
	before := contents(t, dir)
	if s, err := perdure.Open(dir); !errors.Is(err, vfs.ErrManyNames) {
		if err == nil {
			s.Close()
		}
		t.Errorf("Open = %v, want %v", err, vfs.ErrManyNames)
	}
	if !equalFiles(before, contents(t, dir)) {
		t.Error("the files have changed, want them unchanged")
	}
}

// otherKinds replaces a file with something else. outside is a directory that must not change.
var otherKinds = map[string]func(path, outside string) error{
	"link":          func(path, outside string) error { return os.Symlink(filepath.Join(outside, "secret"), path) },
	"dangling link": func(path, outside string) error { return os.Symlink(filepath.Join(outside, "new"), path) },
	"directory link": func(path, outside string) error {
		return os.Symlink(filepath.Join(outside, "data", "appendonlydir"), path)
	},
	"link inside": func(path, _ string) error { return os.Symlink("dump.rdb", path) },
	"fifo":        func(path, _ string) error { return syscall.Mkfifo(path, 0o600) },
	"socket": func(path, _ string) error {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
		if err != nil {
			return err
		}
		l.SetUnlinkOnClose(false)
		return l.Close()
	},
	"device": func(path, _ string) error { return syscall.Mknod(path, syscall.S_IFCHR|0o600, 0x105) },
}

// placesOfFiles contains the names of the files that a store opens.
var placesOfFiles = []string{
	"perdure.lock", "dump.rdb", "temp-perdure-dump.rdb", "temp-perdure-probe", "appendonly.aof",
	"appendonlydir", "appendonlydir/appendonly.aof.manifest", "appendonlydir/appendonly.aof.1.base.rdb",
	"appendonlydir/appendonly.aof.1.incr.aof", "appendonlydir/appendonly.aof.2.incr.aof",
	"appendonlydir/appendonly.aof.tail", "appendonlydir/temp-perdure-appendonly.aof.manifest",
	"appendonlydir/temp-perdure-appendonly.aof.2.base.rdb", "appendonlydir/temp-perdure-probe",
}

// TestOtherKindsOfFilesAreNeitherFollowedNorWaitedFor replaces each file of a store with links,
// FIFOs, sockets, and devices. A store may open if it does not need the file.
func TestOtherKindsOfFilesAreNeitherFollowedNorWaitedFor(t *testing.T) {
	whole := filepath.Join(t.TempDir(), "data")
	made(t, whole, "k")
	for kind, put := range otherKinds {
		for _, place := range placesOfFiles {
			home, err := os.MkdirTemp(memoryDir(), "p") // the path of a socket must be short
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(home)
			dir, outside := filepath.Join(home, "data"), filepath.Join(home, "out")
			path := filepath.Join(dir, filepath.FromSlash(place))
			err = errors.Join(os.CopyFS(dir, os.DirFS(whole)), os.CopyFS(filepath.Join(outside, "data"), os.DirFS(whole)),
				os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600), os.RemoveAll(path))
			if err != nil {
				t.Fatal(err)
			}
			if err := put(path, outside); errors.Is(err, syscall.EPERM) {
				t.Logf("%s: not permitted here", kind)
				break
			} else if err != nil {
				t.Fatal(err)
			}
			openOther(t, kind+" at "+place, dir, outside)
		}
	}
}

// openOther opens a directory in all ways and checks that nothing outside is written.
func openOther(t *testing.T, name, dir, outside string) {
	t.Helper()
	before, dump := contents(t, outside), contents(t, dir)["dump.rdb"]
	var errs []error
	for _, opts := range [][]perdure.Option{
		{perdure.WithReadOnly()}, {perdure.WithoutAppendLog(), perdure.WithSaveRules()}, {},
	} {
		s, err := perdure.Open(dir, opts...)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if contents(t, dir)["dump.rdb"] != dump {
			t.Errorf("%s: Open changed the dump, want it unchanged", name)
		}
		if len(opts) == 0 {
			everyStep(s)
		}
		s.CloseNoSave()
	}
	if !equalFiles(before, contents(t, outside)) {
		t.Errorf("%s: outside has changed (Open: %v), want it unchanged", name, errs)
	}
	for _, needed := range []string{" at appendonlydir", " at perdure.lock"} {
		if strings.HasSuffix(name, needed) && len(errs) == 0 {
			t.Errorf("%s: every Open = nil, want an error", name)
		}
	}
}

// memoryDir returns a directory in memory if there is one, or the default directory.
func memoryDir() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return ""
}
