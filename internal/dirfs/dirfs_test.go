package dirfs_test

import (
	"errors"
	"io/fs"
	"log/slog"
	"testing"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/dirfs"
	"github.com/perduredb/perdure/internal/option"
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/snapshot"
)

// elsewhere is a snapshot.FS that was not created by New.
type elsewhere struct{ snapshot.FS }

func TestOfReturnsWrappedFS(t *testing.T) {
	mem := vfs.NewMem("/d")
	if got, err := dirfs.Of(dirfs.New(mem)); got != vfs.FS(mem) || err != nil {
		t.Errorf("Of(New(mem)) = %v, %v, want mem", got, err)
	}
	if got, err := dirfs.Of(nil); got != vfs.OS() || err != nil {
		t.Errorf("Of(nil) = %v, %v, want the file system of the operating system", got, err)
	}
	if got := dirfs.New(nil); got != nil {
		t.Errorf("New(nil) = %v, want nil", got)
	}
}

func TestForeignFileSystemIsRefused(t *testing.T) {
	foreign := elsewhere{dirfs.New(vfs.NewMem("/d"))}
	if _, err := dirfs.Of(foreign); !errors.Is(err, option.ErrOptions) {
		t.Errorf("Of = %v, want an error matching ErrOptions", err)
	}
	env := snapshot.Env{FS: foreign, Dir: "/d", Logger: slog.New(slog.DiscardHandler)}
	if _, err := aof.New().Open(env); !errors.Is(err, aof.ErrOptions) {
		t.Errorf("aof Open = %v, want an error matching ErrOptions", err)
	}
	if _, err := aof.Check("/d", aof.OnFS(foreign)); !errors.Is(err, aof.ErrOptions) {
		t.Errorf("aof.Check = %v, want an error matching ErrOptions", err)
	}
	if _, err := aof.Repair("/d", aof.OnFS(foreign)); !errors.Is(err, aof.ErrOptions) {
		t.Errorf("aof.Repair = %v, want an error matching ErrOptions", err)
	}
}

// TestFailedOpenReturnsNilFile compares with nil, because a component may do so.
func TestFailedOpenReturnsNilFile(t *testing.T) {
	fsys := dirfs.New(vfs.NewMem("/d"))
	for name, open := range map[string]func(string) (snapshot.File, error){"Open": fsys.Open, "OpenWrite": fsys.OpenWrite} {
		if f, err := open("/d/missing"); f != nil || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s = %v, %v, want nil and an error matching fs.ErrNotExist", name, f, err)
		}
	}
}
