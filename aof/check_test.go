package aof_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path/filepath"
	"testing"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/resp"
	"github.com/perduredb/perdure/internal/vfs"
)

func stubBase() aof.CheckOption {
	return aof.BaseCheck(func(ctx context.Context, r io.Reader, size int64) (appendlog.BaseInfo, error) {
		return (&units{}).Base(ctx, r, size)
	})
}

func TestCheckWholeLog(t *testing.T) {
	dir, _, _ := smallLog(t, true)
	sub := filepath.Join(dir, "appendonlydir")
	for _, path := range []string{dir, sub, filepath.Join(sub, "appendonly.aof.manifest")} {
		report, err := aof.Check(path, stubBase())
		if err != nil || !report.OK() || len(report.Files) != 2 {
			t.Fatalf("Check(%s) = %+v, %v, want two good files", path, report, err)
		}
		incr := report.Files[1]
		if incr.Commands != 9 || incr.Marks != 9 || incr.Unverified != 0 || incr.Good != incr.Size {
			t.Fatalf("Check = %+v, want 9 commands and 9 markers in a whole file", incr)
		}
	}
	report, err := aof.Check(filepath.Join(dir, incr1))
	if err != nil || !report.OK() || report.Files[0].Marks != 9 {
		t.Fatalf("Check of the file = %+v, %v, want 9 markers", report, err)
	}
	report, err = aof.Check(dir)
	if err != nil || !report.Files[0].Unchecked {
		t.Fatalf("Check without BaseCheck = %+v, %v, want an unchecked base", report, err)
	}
	if r, err := aof.Repair(dir, stubBase()); err != nil || r.File != "" {
		t.Fatalf("Repair of a whole log = %+v, %v, want no file", r, err)
	}
}

func TestRepairTruncatesTail(t *testing.T) {
	dir, list, _ := smallLog(t, true)
	whole := readFile(t, dir, incr1)
	// A crash explains neither another program's commands nor the garbage after them.
	data := resp.AppendCommand(whole[:len(whole):len(whole)], "SELECT", "0")
	data = resp.AppendCommand(data, "SET", "x", "1")
	good := len(data)
	data = append(data, "!!! more nonsense"...)
	writeFile(t, data, dir, incr1)
	if _, _, _, err := open(vfs.OS(), dir); err == nil {
		t.Fatal("Open of a damaged log = nil, want an error")
	}
	plan, err := aof.Repair(dir, stubBase(), aof.PlanOnly())
	if err != nil || plan.Done || plan.Offset != int64(good) || plan.Cut != 17 {
		t.Fatalf("Repair with PlanOnly = %+v, %v, want 17 bytes to truncate at %d", plan, err, good)
	}
	if !bytes.Equal(readFile(t, dir, incr1), data) {
		t.Fatal("PlanOnly changed the file, want it unchanged")
	}
	done, err := aof.Repair(dir, stubBase())
	if err != nil || !done.Done || string(readFile(t, done.Saved)) != "!!! more nonsense" {
		t.Fatalf("Repair = %+v, %v, want the truncated bytes in a file", done, err)
	}
	_, u, _ := mustOpen(t, dir)
	want(t, u, append(list, "0: SET x 1"))
}

func TestRepairRefuses(t *testing.T) {
	dir, list, synced := smallLog(t, true)
	data := readFile(t, dir, incr1)
	data[synced/2] ^= 1
	writeFile(t, data, dir, incr1)
	if _, err := aof.Repair(dir, stubBase()); !errors.Is(err, aof.ErrNotRepairable) {
		t.Fatalf("Repair of damage below the durable offset = %v, want ErrNotRepairable", err)
	}
	data[synced/2] ^= 1
	writeFile(t, data, dir, incr1)

	l, _, _ := mustOpen(t, dir)
	r, err := l.BeginRewrite()
	if err != nil {
		t.Fatal(err)
	}
	r.Cut()
	failed := base(list)
	failed.RDB = func(io.Writer, string) error { return io.ErrClosedPipe }
	if err := r.Commit(t.Context(), failed); !errors.Is(err, io.ErrClosedPipe) {
		t.Fatal(err)
	}
	list = append(list, set(t, l, "goes", "on"))
	closeLog(t, l)
	_, u, _ := mustOpen(t, dir)
	want(t, u, list)
	// There are two incremental files now. The first one is short.
	data = readFile(t, dir, incr1)
	writeFile(t, data[:len(data)-2], dir, incr1)
	for _, path := range []string{dir, filepath.Join(dir, incr1)} {
		if _, err := aof.Repair(path, stubBase()); !errors.Is(err, aof.ErrNotRepairable) {
			t.Fatalf("Repair of a file that is not the last = %v, want ErrNotRepairable", err)
		}
	}
	if len(readFile(t, dir, incr1)) != len(data)-2 {
		t.Fatal("a refused Repair changed the file, want it unchanged")
	}
}

func TestCheckTornTail(t *testing.T) {
	dir, _, _ := smallLog(t, false)
	data := readFile(t, dir, incr1)
	writeFile(t, append(data, "*2\r\n$3\r\nDE"...), dir, incr1)
	report, err := aof.Check(dir, stubBase())
	f := report.Files[1]
	if err != nil || report.OK() || f.Torn != 10 || !f.Problem.Torn || f.Good != int64(len(data)) {
		t.Fatalf("Check = %+v, %v, want 10 torn bytes after %d", f, err, len(data))
	}
	if _, err := aof.Repair(dir, stubBase()); err != nil {
		t.Fatal(err)
	}
	if report, err = aof.Check(dir, stubBase()); err != nil || !report.OK() {
		t.Fatalf("Check = %+v, %v, want a good log", report, err)
	}
}

// TestCheckInterruptedUpgrade uses a manifest that names the single file of Redis 6, which is still
// next to the log's directory. Open accepts it, so Check must report it as good.
func TestCheckInterruptedUpgrade(t *testing.T) {
	dir := t.TempDir()
	if err := vfs.OS().Mkdir(filepath.Join(dir, "appendonlydir")); err != nil {
		t.Fatal(err)
	}
	writeFile(t, resp.AppendCommand(nil, "SET", "k", "v"), dir, "appendonly.aof")
	writeFile(t, []byte("file appendonly.aof seq 1 type b\n"), dir, "appendonlydir/appendonly.aof.manifest")
	for _, path := range []string{dir, filepath.Join(dir, "appendonlydir", "appendonly.aof.manifest")} {
		report, err := aof.Check(path)
		if err != nil || !report.OK() || report.Files[0].Commands != 1 {
			t.Fatalf("Check = %+v, %v, want a good log with one command", report, err)
		}
	}
}
