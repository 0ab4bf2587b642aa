package perdure_test

import (
	"io"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// TestConfigureAcceptsOptionsThatMayChange passes each option to an open store.
func TestConfigureAcceptsOptionsThatMayChange(t *testing.T) {
	for name, c := range map[string]struct {
		option perdure.Option
		live   bool
	}{
		"WithSaveRules":             {perdure.WithSaveRules(snapshot.Rule{Seconds: 1}), true},
		"WithStopWritesOnSaveError": {perdure.WithStopWritesOnSaveError(false), true},
		"WithAutoRecover":           {perdure.WithAutoRecover(false), true},
		"WithAppendLog":             {perdure.WithAppendLog(aof.New()), true},
		"WithoutAppendLog":          {perdure.WithoutAppendLog(), true},
		"WithSnapshotter":           {perdure.WithSnapshotter(rdb.New()), false},
		"WithRecovery":              {perdure.WithRecovery(perdure.Strict), false},
		"WithRecoverUntil":          {perdure.WithRecoverUntil(time.Unix(1, 0)), false},
		"WithDatabases":             {perdure.WithDatabases(4), false},
		"WithLogger":                {perdure.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil))), false},
		"WithHooks":                 {perdure.WithHooks(perdure.Hooks{}), false},
		"WithReadOnly":              {perdure.WithReadOnly(), false},
		"WithLoadProgress":          {perdure.WithLoadProgress(nil), false},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir(), perdure.WithoutAppendLog())
			err := s.Configure(c.option)
			if c.live {
				ok(t, err)
				return
			}
			wantOptionError(t, err)
			if !strings.Contains(err.Error(), name) {
				t.Errorf("Configure = %q, want an error that names %s", err, name)
			}
		})
	}
}

// TestConfigureSwitchesLogOffAndOn uses a new Log each time, because a Log can be opened only once.
func TestConfigureSwitchesLogOffAndOn(t *testing.T) {
	dir := t.TempDir()
	log := aof.New()
	s := open(t, dir, perdure.WithAppendLog(log))
	ok(t, s.Set("a", []byte("1")))
	ok(t, s.Configure(perdure.WithoutAppendLog(), perdure.WithSaveRules()))
	ok(t, s.Set("b", []byte("2")))
	err := s.Configure(perdure.WithAppendLog(log))
	if err == nil || !strings.Contains(err.Error(), "can be opened once") {
		t.Errorf("Configure with a Log that was closed = %v, want an error that a Log can be opened once", err)
	}
	if s.Stats().LogEnabled {
		t.Error("Stats().LogEnabled = true after a Configure that failed, want false")
	}
	if _, err := s.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The last option applies. The base file is written in the background.
	ok(t, s.Configure(perdure.WithoutAppendLog(), perdure.WithAppendLog(aof.New())))
	for !s.Stats().LogReady {
		runtime.Gosched()
	}
	ok(t, s.Set("c", []byte("3")))
	ok(t, s.CloseNoSave())
	b := open(t, dir)
	want(t, b, "a", "1")
	want(t, b, "b", "2")
	want(t, b, "c", "3")
}
