package aof_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/vfs"
)

// TestKillBeforeDirectorySync kills a process between a rename and the sync of the directory. A
// power failure can undo the resulting manifest. Until the manifest is durable, the next process
// must neither delete its obsolete files nor write to the files that it lists.
func TestKillBeforeDirectorySync(t *testing.T) {
	mem := vfs.NewMem("/data")
	var killed []*vfs.Mem
	fs := vfs.NewFault(mem, func(op vfs.Op) error {
		if op.Kind == "syncdir" {
			killed = append(killed, mem.Kill())
		}
		return nil
	})
	l, _, _, err := open(fs, "/data", aof.LogMode(aof.Direct), aof.Fsync(aof.Always))
	if err != nil {
		t.Fatal(err)
	}
	list := []string{set(t, l, "a", "1")}
	if err := rewrite(l, list); err != nil {
		t.Fatal(err)
	}
	closeLog(t, l)
	for i, machine := range killed {
		var images []*vfs.Mem
		watch := vfs.NewFault(machine, func(op vfs.Op) error {
			if op.Changes() {
				for seed := range uint64(16) {
					images = append(images, machine.Crash(vfs.KeepSome, seed))
				}
			}
			return nil
		})
		again, u, _, err := open(watch, "/data", aof.LogMode(aof.Direct), aof.Fsync(aof.Always))
		if err != nil {
			t.Fatal(err)
		}
		before := len(images)
		got := append(u.got, set(t, again, "b", "2"))
		images = append(images, machine.Crash(vfs.KeepNone, 0))
		for j, image := range images {
			last, u, _, err := open(image, "/data", aof.LogMode(aof.Direct), aof.Fsync(aof.Always))
			if err != nil {
				t.Fatalf("kill %d, power failure %d: Open = %v, want nil", i, j, err)
			}
			if j == len(images)-1 && strings.Join(u.got, "\n") != strings.Join(got, "\n") {
				t.Fatalf("kill %d: Open replayed %d records, want %d", i, len(u.got), len(got))
			}
			closeLog(t, last)
		}
		if before == 0 {
			t.Error("the recovery changed nothing, want a sync at least")
		}
		closeLog(t, again)
	}
}

// TestMarkerWithoutLineEnd replaces the CR LF of a marker with two letters, as a lost sector may.
// That joins the marker with the first line of the next group.
func TestMarkerWithoutLineEnd(t *testing.T) {
	mem := vfs.NewMem("/data")
	l, _, _, err := open(mem, "/data", aof.LogMode(aof.Direct), aof.Fsync(aof.No))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for db := range 3 {
		p, s := command(l, db, "SET", "k", "v")
		if err := l.Commit(p, false); err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	data := memFile(t, mem, "/data/appendonlydir/appendonly.aof.1.incr.aof")
	at := strings.Index(data[130:], "\r\n*2\r\n$6\r\nselect") + 130 // after the marker
	again, u, recovery, err := open(memLog(t, []byte(data[:at]+"xy"+data[at+2:])), "/data")
	if err != nil {
		t.Fatal(err)
	}
	if len(u.got) > 1 || !isPrefix(u.got, list) || recovery.Cut == 0 {
		t.Fatalf("records %q, report %+v, want a prefix and a truncated tail", u.got, recovery)
	}
	closeLog(t, again)
	closeLog(t, l)
}

// TestClosingMarkerThatIsNotDurable makes the sync of the last marker fail and drop its page. The
// next Open must not treat the log in the page cache as one that was closed cleanly.
func TestClosingMarkerThatIsNotDurable(t *testing.T) {
	mem := vfs.NewMem("/data")
	syncs, fail := 0, -1
	fs := vfs.NewFault(mem, func(op vfs.Op) error {
		if op.Kind == "datasync" {
			if syncs++; syncs == fail {
				return errors.New("broken")
			}
		}
		return nil
	})
	l, _, _, err := open(fs, "/data", aof.Fsync(aof.Always))
	if err != nil {
		t.Fatal(err)
	}
	list := []string{set(t, l, "a", "1")}
	fail = syncs + 1
	if err := l.Close(); err == nil {
		t.Fatal("Close = nil after a failed sync, want an error")
	}
	again, u, _, err := open(mem, "/data", aof.Fsync(aof.Always))
	if err != nil {
		t.Fatal(err)
	}
	want(t, u, list)
	list = append(list, set(t, again, "b", "2"))
	last, u, _, err := open(mem.Crash(vfs.KeepNone, 0), "/data")
	if err != nil {
		t.Fatal(err)
	}
	want(t, u, list)
	closeLog(t, last)
	closeLog(t, again)
	if v := mem.Violations(); len(v) > 0 {
		t.Error(v)
	}
}

// TestKillBeforeClosingMarkerIsDurable is a regression test from a soak test of power failures. The
// next process treated the clean-shutdown marker as durable, and declared it durable in its own
// markers. After a power failure, Open refused the torn log.
func TestKillBeforeClosingMarkerIsDurable(t *testing.T) {
	mem := vfs.NewMem("/data")
	var killed *vfs.Mem
	fs := vfs.NewFault(mem, func(op vfs.Op) error {
		if op.Kind == "datasync" {
			killed = mem.Kill()
		}
		return nil
	})
	l := always(t, fs)
	list := []string{set(t, l, "a", "1")}
	closeLog(t, l)
	var lost []*vfs.Mem
	fs = vfs.NewFault(killed, func(op vfs.Op) error {
		if op.Kind != "datasync" {
			return nil
		}
		for _, unit := range []int64{512, 4096} {
			for _, fate := range []vfs.Fate{vfs.Old, vfs.Zero, vfs.Garbage} {
				for n := range len(killed.Things(unit)) {
					lost = append(lost, killed.LosePower(unit, 1, func(i int, _ vfs.Thing) vfs.Fate {
						if i == n {
							return fate
						}
						return vfs.New
					}))
				}
			}
		}
		return nil
	})
	again := always(t, fs)
	set(t, again, "b", "2")
	closeLog(t, again)
	if len(lost) == 0 {
		t.Fatal("no crash images, want at least one")
	}
	for i, image := range lost {
		l, u, _, err := open(image, "/data", aof.Fsync(aof.Always))
		if err != nil || !isPrefix(list, u.got) {
			t.Fatalf("image %d of %d: records %q, %v, want a prefix", i, len(lost), u.got, err)
		}
		closeLog(t, l)
	}
}

// memFile returns the content of a file.
func memFile(t testing.TB, mem *vfs.Mem, name string) string {
	t.Helper()
	f, err := mem.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
