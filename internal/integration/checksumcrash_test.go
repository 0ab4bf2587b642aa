package integration_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/storefs"
	"github.com/perduredb/perdure/internal/vfs"
)

// TestCrashWhileLeavingFileWithMarkers stops the machine at each operation of a run that opens,
// without checksums, a log whose newest file began without them and then got markers. That run
// starts a new file. Everything that was durable before it must survive.
func TestCrashWhileLeavingFileWithMarkers(t *testing.T) {
	log := func(mode aof.Mode, checksums bool) perdure.Option {
		return perdure.WithAppendLog(aof.New(aof.LogMode(mode), aof.Checksums(checksums)))
	}
	stopped := errors.New("the machine stops")
	for n := 0; ; n++ {
		mem := vfs.NewMem("/data")
		for i, checksums := range []bool{true, false, true} {
			s := open(t, "/data", log(aof.Ring, checksums), perdure.WithSaveRules(), storefs.Option(mem))
			if i < 2 { // the last of these runs only adds markers
				setTo(t, []string{"first", "second"}[i], "v")(s)
				ok(t, s.Sync(t.Context()))
			}
			killed := mem.Kill()
			ok(t, s.Close())
			mem = killed
		}
		done := true
		fault := vfs.NewFault(mem, func(op vfs.Op) error {
			if op.N < n {
				return nil
			}
			done = false
			return stopped
		})
		acknowledged := false
		if s, err := perdure.Open("/data", log(aof.Direct, false), perdure.WithSaveRules(), storefs.Option(fault)); err == nil {
			acknowledged = s.Set("third", []byte("v")) == nil && s.Sync(t.Context()) == nil
			_ = s.Close()
		}
		for _, kind := range []vfs.CrashKind{vfs.KeepNone, vfs.KeepAll, vfs.KeepSome} {
			s := open(t, "/data", perdure.WithSaveRules(), storefs.Option(mem.Crash(kind, uint64(n))))
			want(t, s, "first", "v")
			want(t, s, "second", "v")
			if acknowledged {
				want(t, s, "third", "v")
			}
			ok(t, s.Close())
		}
		if done {
			if n < 20 || !acknowledged {
				t.Errorf("%d operations, acknowledged %v, want all those of Open, Set, and Close", n, acknowledged)
			}
			if log := readMem(t, mem, "/data/appendonlydir/appendonly.aof.3.incr.aof"); !strings.Contains(log, "third") {
				t.Errorf("the new file contains %q, want the last Set", log)
			}
			return
		}
	}
}
