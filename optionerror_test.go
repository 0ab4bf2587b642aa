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
	"github.com/perduredb/perdure/snapshot"
)

// namesWithoutADump contains names under which a store cannot save a dump.
var namesWithoutADump = []string{
	"", ".", "a/b", strings.Repeat("n", 245), strings.Repeat("n", 255), "appendonlydir", "perdure.lock", "temp-perdure-x", "a\x00",
}

// TestOptionErrorsOfComponentsMatchErrOptions opens stores with invalid options of rdb or aof, and
// with invalid components. Open must not create anything.
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
		"nil perdure.Opt.": {},
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

// TestConfigureErrorsLeaveStoreUsable passes invalid options to an open store and its components.
// Afterwards the store writes, saves, and accepts a valid option.
func TestConfigureErrorsLeaveStoreUsable(t *testing.T) {
	var noLog *aof.Log
	for name, o := range map[string]perdure.Option{
		"zero Option":    {},
		"nil log":        perdure.WithAppendLog(nil),
		"nil *aof.Log":   perdure.WithAppendLog(noLog),
		"save rule":      perdure.WithSaveRules(snapshot.Rule{}),
		"only at Open":   perdure.WithDatabases(4),
		"only at Open 2": perdure.WithReadOnly(),
	} {
		t.Run(name, func(t *testing.T) {
			configureAndGoOn(t, func(s *perdure.Store, _ *rdb.Dump) error { return s.Configure(o) })
		})
	}
	dump := map[string]rdb.Option{"zero rdb.Option": {}, "dump version": rdb.Version(3)}
	for _, name := range namesWithoutADump {
		dump["dump "+name] = rdb.Filename(name)
	}
	for name, o := range dump {
		t.Run(name, func(t *testing.T) {
			configureAndGoOn(t, func(_ *perdure.Store, d *rdb.Dump) error { return d.Configure(rdb.Compression(false), o) })
		})
	}
}

func configureAndGoOn(t *testing.T, configure func(*perdure.Store, *rdb.Dump) error) {
	t.Helper()
	d := rdb.New()
	s, err := perdure.Open(t.TempDir(), perdure.WithoutAppendLog(), perdure.WithSnapshotter(d))
	ok(t, err)
	defer s.CloseNoSave()
	wantOptionError(t, configure(s, d))
	ok(t, s.Set("k", []byte("v")))
	if _, err := s.Save(context.Background()); err != nil {
		t.Error(err)
	}
	ok(t, s.Configure(perdure.WithAppendLog(aof.New())))
}

func TestZeroAOFOptionIsRefusedWhileOpen(t *testing.T) {
	log := aof.New()
	s, err := perdure.Open(t.TempDir(), perdure.WithAppendLog(log))
	ok(t, err)
	defer s.CloseNoSave()
	wantOptionError(t, log.Configure(aof.Fsync(aof.Always), aof.Option{}))
	if got := s.Stats().FsyncPolicy; got != "everysec" {
		t.Errorf("FsyncPolicy after a refused Configure = %q, want %q", got, "everysec")
	}
}

// TestConfigureErrorAppliesNothing passes a valid option together with one of each kind that is
// refused.
func TestConfigureErrorAppliesNothing(t *testing.T) {
	lost := t.TempDir()
	f, err := os.Create(filepath.Join(lost, "appendonlydir"))
	ok(t, err)
	ok(t, f.Close())
	for name, bad := range map[string]perdure.Option{
		"refused by its value": perdure.WithSaveRules(snapshot.Rule{}),
		"only at Open":         perdure.WithLogger(nil),
		"second log":           perdure.WithAppendLog(aof.New()),
	} {
		t.Run(name, func(t *testing.T) {
			s, err := perdure.Open(t.TempDir(), perdure.WithSaveRules(snapshot.Rule{Seconds: 900, Changes: 1}))
			ok(t, err)
			defer s.CloseNoSave()
			wantOptionError(t, s.Configure(perdure.WithSaveRules(), bad))
			rulesInForce(t, s, 1)
		})
	}
	t.Run("log that cannot be opened", func(t *testing.T) {
		s, err := perdure.Open(lost, perdure.WithoutAppendLog(), perdure.WithSaveRules(snapshot.Rule{Seconds: 900, Changes: 1}))
		if err != nil {
			t.Skip(err) // Open looks at the log's directory too
		}
		defer s.CloseNoSave()
		if s.Configure(perdure.WithSaveRules(), perdure.WithAppendLog(aof.New())) == nil {
			t.Fatal("Configure(WithAppendLog) = nil over a file with the name of the log's directory, want an error")
		}
		rulesInForce(t, s, 1)
	})
	t.Run("store without directory", func(t *testing.T) {
		s, err := perdure.New()
		ok(t, err)
		defer s.Close()
		for _, o := range []perdure.Option{perdure.WithAppendLog(aof.New()), perdure.WithSaveRules(snapshot.Rule{Seconds: 1})} {
			err := s.Configure(o)
			wantOptionError(t, err)
			is(t, err, perdure.ErrNoDirectory)
		}
	})
}

// rulesInForce fails the test unless the store has as many save rules as want says. Close saves a
// dump if there is a rule.
func rulesInForce(t *testing.T, s *perdure.Store, want int) {
	t.Helper()
	ok(t, s.Set("k", []byte("v")))
	before := s.Stats().Saves
	ok(t, s.FlushAll()) // saves an empty dump if there are rules
	if got := int(s.Stats().Saves - before); got != want {
		t.Errorf("FlushAll saved %d dumps, want %d: the rules were changed", got, want)
	}
}

func TestDumpNameOfDirectoryIsRefused(t *testing.T) {
	dir := t.TempDir()
	ok(t, os.Mkdir(filepath.Join(dir, "logs"), 0o700))
	_, err := perdure.Open(dir, perdure.WithSnapshotter(rdb.New(rdb.Filename("logs"))))
	wantOptionError(t, err)
}
