package rdb_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/perduredb/perdure/internal/dirfs"
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

const dir = "/data"

// open returns a Dump in the data directory of fsys.
func open(t *testing.T, fsys vfs.FS, opts ...rdb.Option) *rdb.Dump {
	t.Helper()
	d := rdb.New(opts...)
	if err := d.Open(snapshot.Env{FS: dirfs.New(fsys), Dir: dir, Logger: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	return d
}

// put creates a file in the data directory.
func put(t *testing.T, fsys vfs.FS, name string, p []byte) {
	t.Helper()
	f, err := fsys.Create(dir + "/" + name)
	if err == nil {
		_, err = f.Write(p)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// load returns the contents of the dump.
func load(t *testing.T, fsys vfs.FS) *got {
	t.Helper()
	g := new(got)
	if _, err := open(t, fsys).Load(context.Background(), g); err != nil {
		t.Fatal(err)
	}
	return g
}

func TestDumpRoundTrip(t *testing.T) {
	fsys := vfs.NewMem(dir)
	d := open(t, fsys)
	if _, err := d.Stat(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat without a dump = %v, want ErrNotExist", err)
	}
	if _, err := d.Load(context.Background(), new(got)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load without a dump = %v, want ErrNotExist", err)
	}
	want := someData(50)
	saved, err := d.Save(context.Background(), want)
	if err != nil || saved.Name != "dump.rdb" || saved.Keys != 50 || saved.Version != "RDB 9" {
		t.Fatalf("Save = %+v, %v, want dump.rdb with 50 keys", saved, err)
	}
	stat, err := d.Stat()
	if err != nil || stat.Keys != -1 || stat.Size != saved.Size || stat.Version != saved.Version || !stat.Time.Equal(saved.Time) {
		t.Errorf("Stat = %+v, %v, want size, version, and time of %+v", stat, err, saved)
	}
	g := new(got)
	info, err := d.Load(context.Background(), g)
	if err != nil || info != saved || g.list() != want.list() {
		t.Errorf("Load = %+v, %v, want %+v and equal data", info, err, saved)
	}
}

func TestDumpConfigure(t *testing.T) {
	fsys := vfs.NewMem(dir)
	d := open(t, fsys, rdb.Filename("a.rdb"), rdb.Compression(false), rdb.Checksum(false))
	one := &data{entries: []snapshot.Entry{str(0, "k", strings.Repeat("a", 100), 0)}}
	raw, err := d.Save(context.Background(), one)
	if err != nil || raw.Name != "a.rdb" {
		t.Fatalf("Save = %+v, %v, want a.rdb", raw, err)
	}
	for _, o := range []rdb.Option{rdb.Filename("b.rdb"), rdb.Compression(true), rdb.Version(11)} {
		if err := d.Configure(o); err != nil {
			t.Fatal(err)
		}
	}
	small, err := d.Save(context.Background(), one)
	if err != nil || small.Name != "b.rdb" || small.Version != "RDB 11" || small.Size > raw.Size-90 {
		t.Errorf("Save = %+v, %v, want a compressed b.rdb in RDB 11, after %+v", small, err, raw)
	}
	for _, bad := range []rdb.Option{rdb.Filename("../x"), rdb.Version(3), rdb.AOFBase(true), {}} {
		if err := d.Configure(rdb.Compression(false), bad); !errors.Is(err, rdb.ErrOption) {
			t.Errorf("Configure = %v, want an error matching ErrOption", err)
		}
	}
	if info, err := d.Stat(); err != nil || info.Name != "b.rdb" {
		t.Errorf("Stat = %+v, %v, want b.rdb", info, err)
	}
}

func TestFilename(t *testing.T) {
	for name, good := range map[string]bool{
		"dump.rdb": true, "x": true, "..x": true, "": false, ".": false, "..": false, "a/b": false, `a\b`: false, "/a": false, "a\x00": false,
	} {
		err := rdb.New(rdb.Filename(name)).Open(snapshot.Env{})
		if (err == nil) != good || !good && !errors.Is(err, rdb.ErrOption) {
			t.Errorf("Open with Filename(%q) = %v, want success: %v", name, err, good)
		}
	}
}

// TestDumpFileDamage checks that errors of Load and Stat contain the name of the file.
func TestDumpFileDamage(t *testing.T) {
	for name, c := range map[string]struct {
		p    string
		stat bool // Stat also fails
	}{
		"empty":   {"", true},
		"short":   {"REDIS00", true},
		"other":   {"something else", true},
		"foreign": {"VALKEY001\xff", true},
		"damaged": {"REDIS0009\x08\xff", false},
	} {
		fsys := vfs.NewMem(dir)
		put(t, fsys, "dump.rdb", []byte(c.p))
		d := open(t, fsys)
		_, err := d.Load(context.Background(), new(got))
		var bad *rdb.CorruptError
		damaged := errors.As(err, &bad) && strings.Contains(bad.File, "dump.rdb")
		if damaged == (name == "foreign") || errors.Is(err, rdb.ErrUnsupported) == damaged || !strings.Contains(err.Error(), "dump.rdb") {
			t.Errorf("%s: Load = %v, want an error with dump.rdb", name, err)
		}
		if _, err := d.Stat(); (err != nil) != c.stat || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: Stat = %v, want an error: %v", name, err, c.stat)
		}
	}
	fsys := vfs.NewMem(dir)
	put(t, fsys, "dump.rdb", append(unhex(goldenThree), "\n"...))
	if g := load(t, fsys); len(g.entries) != 3 {
		t.Errorf("dump with trailing bytes: %d entries, want 3", len(g.entries))
	}
}

// TestSaveFaults injects an error into each operation of a Save in turn. The previous dump must be
// unchanged.
func TestSaveFaults(t *testing.T) {
	boom := errors.New("boom")
	before, after := someData(10), someData(3000)
	for fails, short := 0, false; ; short = !short {
		mem := vfs.NewMem(dir)
		if _, err := open(t, mem).Save(context.Background(), before); err != nil {
			t.Fatal(err)
		}
		seen := ""
		fsys := vfs.NewFault(mem, func(op vfs.Op) error {
			if op.N != fails {
				return nil
			}
			seen = op.Kind
			if short {
				return &vfs.ShortWrite{N: 5, Err: boom}
			}
			return boom
		})
		_, err := open(t, fsys).Save(context.Background(), after)
		g := load(t, mem)
		var dirSync *snapshot.DirSyncError
		switch {
		case seen == "" && err == nil:
			if fails < 6 {
				t.Errorf("Save has %d operations, want at least 6", fails)
			}
			return
		case seen == "lstat" && err == nil: // the dump exists, but its time is unknown
			if g.list() != after.list() {
				t.Errorf("%s failed, Save = nil: dump differs, want the new one", seen)
			}
		case errors.As(err, &dirSync): // both dumps are complete; a crash may leave either
			if g.list() != after.list() {
				t.Errorf("%s failed, Save = %v: dump differs, want the new one", seen, err)
			}
		case !errors.Is(err, boom) || g.list() != before.list():
			t.Errorf("operation %d, %s: Save = %v, want boom and the old dump", fails, seen, err)
		}
		if v := fsys.Violations(); len(v) > 0 {
			t.Errorf("operation %d, %s: violations %v, want none", fails, seen, v)
		}
		if short {
			fails++
		}
	}
}

// TestSaveCrash simulates a power failure at each operation of a Save. The old or the new dump must
// be complete.
func TestSaveCrash(t *testing.T) {
	before, after := someData(10), someData(400)
	for n := 0; ; n++ {
		mem := vfs.NewMem(dir)
		if _, err := open(t, mem).Save(context.Background(), before); err != nil {
			t.Fatal(err)
		}
		var crashed []*vfs.Mem
		fsys := vfs.NewFault(mem, func(op vfs.Op) error {
			if op.N == n {
				for seed := range uint64(4) {
					crashed = append(crashed, mem.Crash(vfs.KeepSome, seed))
				}
			}
			return nil
		})
		if _, err := open(t, fsys).Save(context.Background(), after); err != nil {
			t.Fatal(err)
		}
		if len(crashed) == 0 {
			break
		}
		for _, m := range crashed {
			if list := load(t, m).list(); list != before.list() && list != after.list() {
				t.Errorf("crash after %d operations: dump differs, want the old or the new one", n)
			}
		}
	}
}

// TestSaveStops checks that the old dump is kept if the view or the context fails.
func TestSaveStops(t *testing.T) {
	fsys := vfs.NewMem(dir)
	d := open(t, fsys)
	before := someData(10)
	if _, err := d.Save(context.Background(), before); err != nil {
		t.Fatal(err)
	}
	boom := errors.New("boom")
	if _, err := d.Save(context.Background(), &data{fail: boom}); !errors.Is(err, boom) {
		t.Errorf("Save = %v, want the error of the view", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := d.Save(ctx, someData(20)); !errors.Is(err, context.Canceled) {
		t.Errorf("Save = %v, want context.Canceled", err)
	}
	if names, err := fsys.ReadDir(dir); err != nil || len(names) != 1 {
		t.Errorf("ReadDir = %v, %v, want one file", names, err)
	}
	if load(t, fsys).list() != before.list() {
		t.Error("dump differs, want the old one")
	}
}

// TestSavedTime checks that the dump contains the time of the view.
func TestSavedTime(t *testing.T) {
	fsys := vfs.NewMem(dir)
	if _, err := open(t, fsys).Save(context.Background(), &data{time: time.Unix(1234567890, 999)}); err != nil {
		t.Fatal(err)
	}
	f, err := fsys.Open(dir + "/dump.rdb")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var h rdb.Header
	if _, err := rdb.Decode(context.Background(), f, -1, new(got), rdb.HeaderTo(&h)); err != nil || h.Created.Unix() != 1234567890 {
		t.Errorf("Created = %v, %v, want the time of the view", h.Created, err)
	}
	var b bytes.Buffer
	if _, err := rdb.Encode(context.Background(), &b, new(data)); err != nil {
		t.Error(err)
	}
}
