package aof_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/vfs"
)

func TestConfigureClosedLogReturnsErrClosed(t *testing.T) {
	l := aof.New()
	if err := l.Configure(aof.Fsync(aof.Always)); !errors.Is(err, appendlog.ErrClosed) {
		t.Errorf("Configure before Open = %v, want ErrClosed", err)
	}
	if _, err := l.Open(env(vfs.NewMem("/data"), "/data")); err != nil {
		t.Fatal(err)
	}
	if err := rewrite(l, nil); err != nil {
		t.Fatal(err)
	}
	if err := l.Configure(aof.Fsync(aof.Always), aof.RDBBase(false)); err != nil {
		t.Errorf("Configure = %v, want nil", err)
	}
	closeLog(t, l)
	if err := l.Configure(aof.Fsync(aof.No)); !errors.Is(err, appendlog.ErrClosed) {
		t.Errorf("Configure after Close = %v, want ErrClosed", err)
	}
	if got := l.Status().Fsync; got != "always" {
		t.Errorf("Fsync = %q, want %q", got, "always")
	}
	if _, err := l.Open(env(vfs.NewMem("/data"), "/data")); !errors.Is(err, appendlog.ErrClosed) {
		t.Errorf("Open after Close = %v, want ErrClosed", err)
	}
}

// TestConfigureWaitsForRewrite calls Configure during the write of a base.
func TestConfigureWaitsForRewrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _, _, err := open(vfs.NewMem("/data"), "/data", aof.LogMode(aof.Direct), aof.RDBBase(false))
		if err != nil {
			t.Fatal(err)
		}
		defer closeLog(t, l)
		r, err := l.BeginRewrite()
		if err != nil {
			t.Fatal(err)
		}
		r.Cut()
		proceed, committed, configured := make(chan bool), make(chan error, 1), make(chan error, 1)
		go func() {
			committed <- r.Commit(context.Background(), appendlog.Base{Commands: func(io.Writer) error {
				<-proceed
				return nil
			}})
		}()
		go func() { configured <- l.Configure(aof.Fsync(aof.Always)) }()
		synctest.Wait()
		select {
		case err := <-configured:
			t.Errorf("Configure returned %v during a rewrite, want it to wait", err)
		default:
		}
		if got := l.Status().Fsync; got != "everysec" {
			t.Errorf("Fsync during the rewrite = %q, want %q", got, "everysec")
		}
		close(proceed)
		if err := <-committed; err != nil {
			t.Error(err)
		}
		if err := <-configured; err != nil {
			t.Error(err)
		}
		if got := l.Status().Fsync; got != "always" {
			t.Errorf("Fsync = %q, want %q", got, "always")
		}
	})
}
