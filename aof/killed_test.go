package aof_test

import (
	"strings"
	"testing"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/vfs"
)

// TestKilledBeforeTheDirectorySync: a process that is killed after a rename and before the sync of
// the directory leaves a manifest that power can still take back. The next one must not delete
// what that manifest calls past, nor write to what it lists, before it is durable.
func TestKilledBeforeTheDirectorySync(t *testing.T) {
	mem := vfs.NewMem("/data")
	var killed []*vfs.Mem
	fs := vfs.NewFault(mem, func(op vfs.Op) error {
		if op.Kind == "syncdir" {
			killed = append(killed, mem.Kill())
		}
		return nil
	})
	l, _, _, err := open(fs, "/data", aof.Fsync(aof.Always))
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
		again, u, _, err := open(watch, "/data", aof.Fsync(aof.Always))
		if err != nil {
			t.Fatal(err)
		}
		before := len(images)
		got := append(u.got, set(t, again, "b", "2"))
		images = append(images, machine.Crash(vfs.KeepNone, 0))
		for j, image := range images {
			last, u, _, err := open(image, "/data", aof.Fsync(aof.Always))
			if err != nil {
				t.Fatalf("kill %d, loss of power %d: %v", i, j, err)
			}
			if j == len(images)-1 && strings.Join(u.got, "\n") != strings.Join(got, "\n") {
				t.Fatalf("kill %d: %d units came back, want %d", i, len(u.got), len(got))
			}
			closeLog(t, last)
		}
		if before == 0 {
			t.Error("recovery changes nothing")
		}
		closeLog(t, again)
	}
}
