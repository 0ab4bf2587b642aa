package perdure_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/rdb"
)

// namesWithoutADump are those under which a store cannot save a dump.
var namesWithoutADump = []string{
	"", ".", "a/b", strings.Repeat("n", 245), strings.Repeat("n", 255), "appendonlydir", "perdure.lock", "temp-perdure-x", "a\x00",
}

// TestOptionErrorsOfComponentsMatchErrOptions opens stores with what is wrong in an option of rdb or
// aof, and with components that are none. Nothing may be made of it.
func TestOptionErrorsOfComponentsMatchErrOptions(t *testing.T) {
	var noLog *aof.Log
	var noDump *rdb.Dump
	cases := map[string]perdure.Option{
		"ring size":        perdure.WithAppendLog(aof.New(aof.RingSize(1))),
		"log dirname":      perdure.WithAppendLog(aof.New(aof.Dirname(".."))),
		"zero aof.Option":  perdure.WithAppendLog(aof.New(aof.Option{})),
		"nil log":          perdure.WithAppendLog(nil),
		"nil *aof.Log":     perdure.WithAppendLog(noLog),
		"zero aof.Log":     perdure.WithAppendLog(new(aof.Log)),
		"dump version":     perdure.WithSnapshotter(rdb.New(rdb.Version(3))),
		"zero rdb.Option":  perdure.WithSnapshotter(rdb.New(rdb.Option{})),
		"foreign option":   perdure.WithSnapshotter(rdb.New(rdb.AOFBase(true))),
		"nil snapshotter":  perdure.WithSnapshotter(nil),
		"nil *rdb.Dump":    perdure.WithSnapshotter(noDump),
		"zero rdb.Dump":    perdure.WithSnapshotter(new(rdb.Dump)),
		"nil perdure.Opt.": nil,
	}
	for _, name := range namesWithoutADump {
		cases["dump "+name] = perdure.WithSnapshotter(rdb.New(rdb.Filename(name)))
	}
	for name, o := range cases {
		t.Run(name, func(t *testing.T) {
			s, err := perdure.Open(t.TempDir(), o)
			if err == nil {
				s.CloseNoSave()
			}
			wantOptionError(t, err)
		})
	}
}

func wantOptionError(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, perdure.ErrOptions) || strings.Count(err.Error(), "perdure: ") != 1 {
		t.Errorf("%v: want an ErrOptions with its prefix once", err)
	}
}

// TestConfigureRefusesBadSettingsAndGoesOn applies each to an open store, which then still writes,
// saves, and takes a good setting.
func TestConfigureRefusesBadSettingsAndGoesOn(t *testing.T) {
	var noLog *aof.Log
	for name, set := range map[string]perdure.Setting{
		"zero Setting":    {},
		"nil log":         perdure.AppendLogOn(nil),
		"nil *aof.Log":    perdure.AppendLogOn(noLog),
		"zero rdb.Option": perdure.Snapshots(rdb.Option{}),
		"dump version":    perdure.Snapshots(rdb.Version(3)),
	} {
		t.Run(name, func(t *testing.T) { configureAndGoOn(t, set) })
	}
	for _, name := range namesWithoutADump {
		t.Run("dump "+name, func(t *testing.T) { configureAndGoOn(t, perdure.Snapshots(rdb.Filename(name))) })
	}
}

func configureAndGoOn(t *testing.T, set perdure.Setting) {
	t.Helper()
	s, err := perdure.Open(t.TempDir(), perdure.WithoutAppendLog())
	ok(t, err)
	defer s.CloseNoSave()
	wantOptionError(t, s.Configure(set))
	ok(t, s.Set("k", []byte("v")))
	if _, err := s.Save(context.Background()); err != nil {
		t.Error(err)
	}
	ok(t, s.Configure(perdure.AppendLogOn(aof.New())))
}

func TestZeroAOFOptionIsRefusedWhileOpen(t *testing.T) {
	s, err := perdure.Open(t.TempDir())
	ok(t, err)
	defer s.CloseNoSave()
	wantOptionError(t, s.Configure(perdure.Log(aof.Option{})))
}

func TestDumpNameOfDirectoryIsRefused(t *testing.T) {
	dir := t.TempDir()
	ok(t, os.Mkdir(filepath.Join(dir, "logs"), 0o700))
	_, err := perdure.Open(dir, perdure.WithSnapshotter(rdb.New(rdb.Filename("logs"))))
	wantOptionError(t, err)
}
