package integration_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/storefs"
	"github.com/perduredb/perdure/internal/vfs"
)

// TestRecoverSeesBackgroundFailure makes a sync fail that no goroutine waits for. Recover must
// recover the log, although nothing has checked the log before.
func TestRecoverSeesBackgroundFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		fsys := vfs.NewFault(vfs.NewMem("/data"), func(op vfs.Op) error {
			if broken.Load() && strings.HasSuffix(op.Kind, "sync") {
				return errors.New("disk is broken")
			}
			return nil
		})
		s := open(t, "/data", append(logOnly(aof.LogMode(aof.Direct)), storefs.Option(fsys), perdure.WithAutoRecover(false))...)
		settle(50 * time.Millisecond) // the store checks its log every 100 ms
		ok(t, s.Set("a", []byte("1")))
		broken.Store(true)
		settle(time.Second + time.Millisecond)
		broken.Store(false)
		ok(t, s.Recover(context.Background()))
		ok(t, s.Set("b", []byte("2")))
		ok(t, s.Err())
	})
}

// lateLog is a log that reports its failure to writers late.
type lateLog struct {
	perdure.AppendLog
	tell chan struct{}
}

func (l *lateLog) Commit(p appendlog.Position, durable bool) error {
	err := l.AppendLog.Commit(p, durable)
	if err != nil {
		<-l.tell
	}
	return err
}

// TestWriterSeesFailureDuringRecovery checks that a writer whose Commit returns the failure after
// the recovery gets an error, and that the store continues.
func TestWriterSeesFailureDuringRecovery(t *testing.T) {
	for _, off := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var broken atomic.Bool
			fsys := vfs.NewFault(vfs.NewMem("/data"), func(op vfs.Op) error {
				if broken.Load() && strings.HasSuffix(op.Kind, "sync") {
					return errors.New("disk is broken")
				}
				return nil
			})
			log := &lateLog{aof.New(aof.LogMode(aof.Direct)), make(chan struct{})}
			s := open(t, "/data", perdure.WithAppendLog(log), perdure.WithSaveRules(), storefs.Option(fsys), perdure.WithAutoRecover(false))
			broken.Store(true)
			done := make(chan error)
			go func() { done <- s.Durable().Set("a", []byte("1")) }()
			synctest.Wait()
			broken.Store(false)
			if off {
				_ = s.Configure(perdure.WithoutAppendLog()) // reports the failure
			} else {
				ok(t, s.Recover(context.Background()))
			}
			close(log.tell)
			is(t, <-done, perdure.ErrLogFailed)
			ok(t, s.Set("b", []byte("2")))
			ok(t, s.Err())
		})
	}
}
