package aof_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/dirfs"
	"github.com/perduredb/perdure/internal/resp"
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/snapshot"
)

// left is a directory that a process, a server, or a power failure has left. Open recovers each in
// a different way.
type left struct {
	mem   *vfs.Mem
	until time.Time
	list  []string // records in the log
	tail  bool     // the records are in the files of a killed process, but not durable
}

func (l *left) open(fs vfs.FS) (*aof.Log, *units, appendlog.ReplayReport, error) {
	e := env(fs, "/data")
	e.Until = l.until
	return openEnv(e, slowRing()...) // a small tail file
}

// memWith makes a file system with the given durable files.
func memWith(t *testing.T, files map[string]string) *vfs.Mem {
	t.Helper()
	mem := vfs.NewMem("/data", "/data/appendonlydir")
	for name, text := range files {
		f, err := mem.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"/data/appendonlydir", "/data"} {
		if err := mem.SyncDir(dir); err != nil {
			t.Fatal(err)
		}
	}
	return mem
}

// leftovers returns a directory for each kind of recovery.
func leftovers(t *testing.T) map[string]*left {
	t.Helper()
	all := map[string]*left{}
	mem := vfs.NewMem("/data")
	l, _, _, err := open(mem, "/data", aof.LogMode(aof.Direct), aof.RDBBase(false))
	if err != nil {
		t.Fatal(err)
	}
	list := []string{set(t, l, "a", "1"), set(t, l, "b", "2")}
	closeLog(t, l)
	ours := memFile(t, mem, incrName)
	theirs := string(resp.AppendCommand(nil, "SELECT", "0")) + string(resp.AppendCommand(nil, "SET", "x", "1"))
	half := string(resp.AppendCommand(nil, "SET", "y", "2"))[:9]
	stamped := theirs + "#TS:100\r\n" + theirs + "#TS:200\r\n" + theirs + "#TS:300\r\n"
	x := "0: SET x 1"
	manifest := logDir + "appendonly.aof.manifest"
	with := func(name, incr, lines string, list ...string) *left {
		all[name] = &left{mem: memWith(t, map[string]string{incrName: incr, manifest: lines}), list: list}
		return all[name]
	}
	with("closed in order", ours, incrLine, list...)
	with("torn group", ours+strings.Replace(theirs, "SELECT", "select", 1)+half, incrLine, list...)
	with("torn after a server", ours+theirs+half, incrLine, append(list[:2:2], x)...)
	with("zeros after a server", ours+theirs+strings.Repeat("\x00", 700), incrLine, append(list[:2:2], x)...)
	with("fourteen bytes of something", ours+theirs+strings.Repeat("\xff", 14), incrLine, append(list[:2:2], x)...)
	l2, _, _, err := open(mem, "/data", aof.LogMode(aof.Direct), aof.Fsync(aof.No))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		set(t, l2, "c", "3")
	}
	grown := memFile(t, mem, incrName)
	closeLog(t, l2)
	with("a lost block before whole groups", strings.Replace(grown, "$1\r\nc", "\x00\x00\x00\x00\x00", 1), incrLine, list...)
	// perdure's marker after this value ends close to the end of a page.
	long := strings.Repeat("v", 4096-60-len(theirs)-len(resp.AppendCommand(nil, "SET", "z", strings.Repeat("v", 4000)))+4000)
	with("the end of a page", theirs+string(resp.AppendCommand(nil, "SET", "z", long)), incrLine, x, "0: SET z "+long)
	with("less than a marker", ours+theirs+"\xff\xff\xff", incrLine, append(list[:2:2], x)...)
	with("a server's end offset", ours, strings.TrimSuffix(incrLine, "\n")+" endoffset 9\n", list...)
	with("history", ours, incrLine+"file gone.1.base.rdb seq 1 type h\n", list...)
	with("until", stamped, incrLine, x, x).until = time.Unix(150, 0)
	all["later increments"] = &left{mem: memWith(t, map[string]string{
		incrName: stamped, logDir + "appendonly.aof.2.incr.aof": theirs,
		manifest: incrLine + "file appendonly.aof.2.incr.aof seq 2 type i\n",
	}), list: []string{x, x}, until: time.Unix(150, 0)}
	all["base alone"] = &left{mem: memWith(t, map[string]string{
		logDir + "appendonly.aof.1.base.aof": theirs, manifest: "file appendonly.aof.1.base.aof seq 1 type b\n",
		logDir + snapshot.TempPrefix + "x": "left by a killed process",
	}), list: []string{x}}
	single := map[string]string{"/data/appendonly.aof": theirs}
	all["single file"] = &left{mem: memWith(t, single), list: []string{x}}
	all["single file, until"] = &left{mem: memWith(t, map[string]string{"/data/appendonly.aof": stamped}),
		list: []string{x, x}, until: time.Unix(150, 0)}
	single[manifest] = "file appendonly.aof seq 1 type b\n"
	all["interrupted upgrade"] = &left{mem: memWith(t, single), list: []string{x}}

	killed, list := killedRing(t)
	all["killed ring"] = &left{mem: killed, list: list, tail: true}
	all["killed ring, another machine's run"] = &left{mem: killed.Crash(vfs.KeepNone, 0)}
	continued := killed.Kill()
	if err := overwrite(continued, incrName, len(memFile(t, killed, incrName)), []byte(memFile(t, killed, incrName)+theirs)); err != nil {
		t.Fatal(err)
	}
	all["killed ring that a server continued"] = &left{mem: continued, list: []string{x}, tail: true}
	return all
}

var errBoom = errors.New("boom")

// failing makes operation n fail and records it: once, for good, or after it is done.
func failing(n int, how string, failed *vfs.Op) func(vfs.Op) error {
	return func(op vfs.Op) error {
		switch {
		case op.N < n || op.N > n && how != "for good":
			return nil
		case op.N == n:
			*failed = op
		}
		if how == "done" {
			return &vfs.Done{Err: errBoom}
		}
		return errBoom
	}
}

// TestRecoveryFaults makes every operation of the Open of a log that needs recovery fail, once and
// permanently, with the operation done and not done. Open returns the error or succeeds without the
// operation. The next Open finds the contents of the log, also after a power failure in between.
func TestRecoveryFaults(t *testing.T) {
	for name, what := range leftovers(t) {
		for _, how := range []string{"once", "for good", "done"} {
			t.Run(name+", "+how, func(t *testing.T) {
				for n := 0; ; n += stride() {
					mem := what.mem.Kill()
					var failed vfs.Op
					fs := vfs.NewFault(mem, failing(n, how, &failed))
					l, u, rec, err := what.open(fs)
					if err == nil {
						want(t, u, what.list)
						err = l.Close()
					} else if l != nil {
						_ = l.Close()
					}
					if fs.Count() <= n {
						t.Logf("%d operations", n)
						return
					}
					if v := fs.Violations(); len(v) > 0 {
						t.Fatalf("%v fails: violations = %v, want none", failed, v)
					}
					if err != nil && !errors.Is(err, errBoom) {
						t.Fatalf("%v fails: report %+v, %v, want nil or the injected error", failed, rec, err)
					}
					what.again(t, failed, mem.Kill(), what.list)
					if !what.tail {
						what.again(t, failed, mem.Crash(vfs.KeepNone, 0), what.list)
						what.again(t, failed, mem.Crash(vfs.KeepSome, uint64(n)), what.list)
					}
				}
			})
		}
	}
}

// again opens the files twice after a failed recovery.
func (l *left) again(t *testing.T, failed vfs.Op, mem *vfs.Mem, list []string) {
	t.Helper()
	for range 2 {
		log, u, rec, err := l.open(mem)
		if err != nil {
			t.Fatalf("%v failed: the next Open = %+v, %v, want nil", failed, rec, err)
		}
		if diff := cmp.Diff(list, u.got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%v failed, and then (-want +got):\n%s%+v", failed, diff, rec)
		}
		closeLog(t, log)
	}
}

// TestRepairFaults makes every operation of Repair and Check fail. Another Repair finishes an
// unfinished one.
func TestRepairFaults(t *testing.T) {
	for name, what := range leftovers(t) {
		for _, how := range []string{"once", "for good", "done"} {
			t.Run(name+", "+how, func(t *testing.T) {
				sound, err := aof.Check("/data", aof.OnFS(dirfs.New(what.mem.Kill())))
				if err != nil {
					t.Fatal(err)
				}
				for n, repair := 0, true; ; n += stride() {
					mem := what.mem.Kill()
					var failed vfs.Op
					fs := vfs.NewFault(mem, failing(n, how, &failed))
					if repair {
						_, err = aof.Repair("/data", aof.OnFS(dirfs.New(fs)))
					} else {
						var report aof.Report
						if report, err = aof.Check("/data", aof.OnFS(dirfs.New(fs))); err == nil && !reflect.DeepEqual(report, sound) {
							t.Fatalf("%v fails: Check = %+v, want an error or %+v", failed, report, sound)
						}
					}
					if fs.Count() <= n {
						if !repair {
							return
						}
						n, repair = -stride(), false
						continue
					}
					if err != nil && !errors.Is(err, errBoom) {
						t.Fatalf("%v fails: Repair = %v, want nil or the injected error", failed, err)
					}
					if repair {
						if _, err := aof.Repair("/data", aof.OnFS(dirfs.New(mem))); err != nil {
							t.Fatalf("%v failed: the next Repair = %v, want nil", failed, err)
						}
					}
					what.again(t, failed, mem.Kill(), what.list)
				}
			})
		}
	}
}

// TestRefusedRecordEndsReplay checks each log record that the store refuses. The error has the file
// and offset, and nothing changes.
func TestRefusedRecordEndsReplay(t *testing.T) {
	refused := errors.New("refused")
	for name, what := range leftovers(t) {
		for n := range what.list {
			mem := what.mem.Kill()
			l := aof.New(slowRing()...)
			e := env(mem, "/data")
			e.Until = what.until
			if _, err := l.Open(e); err != nil {
				t.Fatal(err)
			}
			left := n
			u := &units{fail: func(string) error {
				if left--; left < 0 {
					return refused
				}
				return nil
			}}
			_, err := l.Replay(t.Context(), u)
			if !errors.Is(err, refused) || !strings.Contains(err.Error(), "offset") || !strings.Contains(err.Error(), "appendonly.aof") {
				t.Errorf("%s, record %d: Replay = %v, want the refusal with file and offset", name, n, err)
			}
			what.again(t, vfs.Op{}, mem, what.list)
		}
	}
}

// TestReplayIsCanceled cancels a replay in the middle of a file.
func TestReplayIsCanceled(t *testing.T) {
	data := resp.AppendCommand(nil, "SELECT", "0")
	for i := range 9 {
		data = resp.AppendCommand(data, "SET", fmt.Sprint(i), strings.Repeat("v", 100<<10))
	}
	l := aof.New()
	if _, err := l.Open(env(memLog(t, data), "/data")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	u := &units{fail: func(unit string) error {
		if strings.HasPrefix(unit, "0: SET 3") {
			cancel()
		}
		return nil
	}}
	if _, err := l.Replay(ctx, u); !errors.Is(err, context.Canceled) || len(u.got) > 7 {
		t.Fatalf("Replay = %v after %d records, want Canceled after at most 7", err, len(u.got))
	}
}
