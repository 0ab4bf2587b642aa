package aof_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/vfs"
)

const (
	logDir   = "/data/appendonlydir/"
	incrName = logDir + "appendonly.aof.1.incr.aof"
	tailName = logDir + "appendonly.aof.tail"
)

// slowRing is a ring whose flusher does not come by itself within a test.
func slowRing(more ...aof.Option) []aof.Option {
	return append([]aof.Option{aof.LogMode(aof.Ring), aof.RingSize(48 << 10), aof.RingDelay(time.Hour)}, more...)
}

// killedRing is what a process leaves that is killed after it has appended a and b, which no increment has.
func killedRing(t *testing.T, opts ...aof.Option) (mem *vfs.Mem, list []string) {
	t.Helper()
	mem = vfs.NewMem("/data")
	l, _, _, err := open(mem, "/data", slowRing(opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	if s := l.Status(); s.Mode != aof.Ring || s.NoRing != "" {
		t.Fatalf("%+v", s)
	}
	list = []string{set(t, l, "a", "1"), set(t, l, "b", "2")}
	if s := l.Status(); s.Buffered == 0 {
		t.Fatal("the increment has it already")
	}
	mem = mem.Kill()
	closeLog(t, l)
	return mem, list
}

func TestRingIsMerged(t *testing.T) {
	for _, opts := range [][]aof.Option{nil, {aof.Checksums(false)}, {aof.Fsync(aof.No)}} {
		mem, list := killedRing(t, opts...)
		before := memFile(t, mem, incrName)
		read := func(fs vfs.FS, opts ...aof.Option) *aof.Log {
			l := aof.New(append(opts, aof.LogMode(aof.Direct))...)
			if _, err := l.Open(env(fs, "/data")); err != nil {
				t.Fatal(err)
			}
			u := &units{}
			rec, err := l.Replay(t.Context(), u)
			if err != nil || rec.Merged == 0 || rec.TailFile != tailName || rec.TailReason != "" || rec.Cut != 0 {
				t.Fatalf("%+v, %v", rec, err)
			}
			want(t, u, list)
			return l
		}
		// To read it changes nothing, in either mode.
		read(mem.Kill(), opts...)
		l := read(mem, opts...)
		if memFile(t, mem, incrName) != before {
			t.Fatal("Replay has changed the increment")
		}
		if err := l.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := mem.Lstat(tailName); err == nil {
			t.Fatal("the tail file is still there")
		}
		// What was merged is on disk.
		again, u, _, err := open(mem.Crash(vfs.KeepNone, 0), "/data", opts...)
		if err != nil {
			t.Fatal(err)
		}
		want(t, u, list)
		closeLog(t, again)
		closeLog(t, l)
	}
}

// TestRingFileIsGoneAfterClose: another program finds a log as under Direct.
func TestRingFileIsGoneAfterClose(t *testing.T) {
	mem := vfs.NewMem("/data")
	l, _, _, err := open(mem, "/data", slowRing()...)
	if err != nil {
		t.Fatal(err)
	}
	list := []string{set(t, l, "a", "1")}
	closeLog(t, l)
	names, _ := mem.ReadDir(logDir)
	if got := strings.Join(names, " "); got != "appendonly.aof.1.base.rdb appendonly.aof.1.incr.aof appendonly.aof.manifest" {
		t.Fatal(got)
	}
	again, u, _, err := open(mem, "/data")
	if err != nil {
		t.Fatal(err)
	}
	want(t, u, list)
	closeLog(t, again)
}

// TestRingAfterPower: what only memory had is gone, and so is the tail file.
func TestRingAfterPower(t *testing.T) {
	mem, _ := killedRing(t)
	for seed := range uint64(20) {
		image := mem.Crash(vfs.KeepSome, seed)
		l, u, rec, err := open(image, "/data", aof.LogMode(aof.Direct))
		if err != nil {
			t.Fatal(err)
		}
		if len(u.got) > 0 || rec.Merged > 0 || rec.TailReason != "" {
			t.Fatalf("%q, %+v", u.got, rec)
		}
		if _, err := image.Lstat(tailName); err == nil {
			t.Fatal("the tail file is still there")
		}
		closeLog(t, l)
	}
}

// TestRingFlush: an idle log hands over after the delay, and then nothing runs.
func TestRingFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := vfs.NewMem("/data")
		l, _, _, err := open(mem, "/data", aof.LogMode(aof.Ring), aof.Fsync(aof.No))
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			set(t, l, "a", "1")
			if s := l.Status(); s.Buffered == 0 {
				t.Fatal("written at once")
			}
			time.Sleep(time.Millisecond)
			synctest.Wait()
			if s := l.Status(); s.Buffered != 0 || s.Unsynced == 0 {
				t.Fatalf("%+v", s)
			}
			size := l.Status().CurrentSize
			time.Sleep(time.Hour)
			if s := l.Status(); s.CurrentSize != size {
				t.Fatal("an idle log grows")
			}
		}
		closeLog(t, l)
	})
}

// TestRingEverySecond: what was appended is on disk two seconds later, however long the flusher waits; and
// where the disk is late, writers are held.
func TestRingEverySecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := vfs.NewMem("/data")
		fs := &slowFS{FS: mem}
		l, _, _, err := open(fs, "/data", slowRing(aof.Fsync(aof.EverySec))...)
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for range 5 {
			list = append(list, set(t, l, "a", "1"))
			time.Sleep(1001 * time.Millisecond)
			synctest.Wait()
			image, u, _, err := open(mem.Crash(vfs.KeepNone, 0), "/data")
			if err != nil {
				t.Fatal(err)
			}
			want(t, u, list)
			closeLog(t, image)
		}
		fs.delay.Store(int64(5 * time.Second))
		began := time.Now()
		set(t, l, "b", "1") // its sync begins in a second, and ends in six
		time.Sleep(1500 * time.Millisecond)
		set(t, l, "b", "2") // not covered by that sync, and not late
		if took := time.Since(began); took != 1500*time.Millisecond {
			t.Fatalf("a write that is not late took until %v", took)
		}
		time.Sleep(time.Second)
		set(t, l, "b", "3")
		// The first sync ends at 6 s, and then the second write is late, whose sync ends at 11 s.
		if took := time.Since(began); took != 11*time.Second {
			t.Fatalf("a late write took until %v", took)
		}
		if s := l.Status(); s.DelayedFsync != 1 {
			t.Fatalf("%+v", s)
		}
		closeLog(t, l)
	})
}

// TestRingOverflows: units that a region does not take are safe before Commit returns, and so is everything
// behind them.
func TestRingOverflows(t *testing.T) {
	mem := vfs.NewMem("/data")
	l, _, _, err := open(mem, "/data", slowRing()...)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for i := range 300 {
		list = append(list, set(t, l, fmt.Sprint(i), strings.Repeat("v", i*i%40_000)))
		if i%3 > 0 {
			continue
		}
		killed, u, _, err := open(mem.Kill(), "/data")
		if err != nil {
			t.Fatal(err)
		}
		want(t, u, list)
		closeLog(t, killed)
	}
	closeLog(t, l)
}

// TestRingWithoutAMapping: it is Direct then, and tells why.
func TestRingWithoutAMapping(t *testing.T) {
	for _, kind := range []string{"boot", "share", "create", "syncdir"} {
		mem := vfs.NewMem("/data")
		fs := vfs.NewFault(mem, func(op vfs.Op) error {
			if op.Kind == kind && (kind == "boot" || strings.Contains(op.Name, ".tail")) {
				return errors.New("not here")
			}
			return nil
		})
		l, _, _, err := open(fs, "/data", slowRing()...)
		if err != nil {
			t.Fatal(err)
		}
		list := []string{set(t, l, "a", "1")}
		s := l.Status()
		if kind != "syncdir" && (s.Mode != aof.Direct || !strings.Contains(s.NoRing, "not here") || s.Buffered > 0) {
			t.Fatalf("%s: %+v", kind, s)
		}
		if _, err := mem.Lstat(tailName); err == nil && kind != "syncdir" {
			t.Fatalf("%s: a tail file is there", kind)
		}
		killed, u, _, err := open(mem.Kill(), "/data")
		if err != nil {
			t.Fatal(err)
		}
		want(t, u, list)
		closeLog(t, killed)
		closeLog(t, l)
	}
}

// TestRingFault: a store to the mapping fails, and the log goes on as under Direct, with everything that
// the ring had.
func TestRingFault(t *testing.T) {
	for n := range 40 {
		mem := vfs.NewMem("/data")
		stores, broken := 0, atomic.Bool{}
		fs := vfs.NewFault(mem, func(op vfs.Op) error {
			if op.Kind == "put" || op.Kind == "store" {
				if stores++; stores > n {
					broken.Store(true)
					return vfs.ErrFault
				}
			}
			return nil
		})
		l, _, _, err := open(fs, "/data", slowRing()...)
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for i := range 20 {
			list = append(list, set(t, l, fmt.Sprint(i), "v"))
		}
		if err := rewrite(l, list); err != nil {
			t.Fatal(err)
		}
		list = append(list, set(t, l, "after", "v"))
		if s := l.Status(); broken.Load() && (s.Mode != aof.Direct || s.NoRing == "") {
			t.Fatalf("%d: %+v", n, s)
		}
		killed, u, _, err := open(mem.Kill(), "/data")
		if err != nil {
			t.Fatal(err)
		}
		want(t, u, list)
		closeLog(t, killed)
		closeLog(t, l)
		if names, _ := mem.ReadDir(logDir); strings.Contains(strings.Join(names, " "), ".tail") {
			t.Fatalf("%d: %q", n, names)
		}
	}
}

// TestRingDamaged: what was acknowledged does not vanish without a word.
func TestRingDamaged(t *testing.T) {
	mem, list := killedRing(t)
	whole := memFile(t, mem, tailName)
	for offset := 0; offset < len(whole); offset++ {
		if whole[offset] == 0 && offset%61 > 0 {
			continue // most of it is
		}
		image := mem.Kill()
		damaged := []byte(whole)
		damaged[offset] ^= 1 << (offset % 8)
		replaceFile(t, image, tailName, damaged)
		l := aof.New()
		if _, err := l.Open(env(image, "/data")); err != nil {
			t.Fatal(err)
		}
		u := &units{}
		rec, err := l.Replay(t.Context(), u)
		var corrupt *aof.CorruptError
		switch {
		case err == nil && strings.Join(u.got, "\n") == strings.Join(list, "\n"):
		case err == nil && rec.TailReason != "":
		case errors.As(err, &corrupt) && corrupt.File == tailName:
		default:
			t.Fatalf("byte %d: %q, %+v, %v", offset, u.got, rec, err)
		}
	}
	for _, size := range []int{0, 7, 511, 512, 4095, 4096, len(whole) - 1} {
		image := mem.Kill()
		replaceFile(t, image, tailName, []byte(whole[:size]))
		l, _, _, err := open(image, "/data")
		if !errors.Is(err, aofErrCorrupt(err)) || err == nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		_ = l
	}
}

// aofErrCorrupt is err, if it is of damage.
func aofErrCorrupt(err error) error {
	var corrupt *aof.CorruptError
	if errors.As(err, &corrupt) {
		return err
	}
	return errors.New("damage")
}

// replaceFile gives a file another content.
func replaceFile(t testing.TB, fs vfs.FS, name string, data []byte) {
	t.Helper()
	if err := fs.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	f, err := fs.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestRingAfterAnotherProgram: a Redis has gone on with the log after the kill. What the ring has does not
// belong behind that; it is kept, and told of.
func TestRingAfterAnotherProgram(t *testing.T) {
	const redis = "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\nc\r\n$1\r\n3\r\n"
	for _, opts := range [][]aof.Option{nil, {aof.Checksums(false)}} {
		mem, _ := killedRing(t, opts...)
		replaceFile(t, mem, incrName, []byte(memFile(t, mem, incrName)+redis))
		l, u, rec, err := open(mem, "/data", slowRing(opts...)...)
		if err != nil {
			t.Fatal(err)
		}
		want(t, u, []string{"0: SET c 3"})
		if rec.Merged != 0 || rec.TailReason == "" || rec.TailFile != tailName {
			t.Fatalf("%+v", rec)
		}
		if kept := memFile(t, mem, tailName+".kept-1"); !strings.Contains(kept, "$1\r\na\r\n") {
			t.Fatal("what the ring had is gone")
		}
		closeLog(t, l)
	}
}

// TestRingAfterARewriteWithOurNumber: a process is killed in a rewrite, before its new increment is listed. A Redis
// rewrites the log then, and gives its increment the same number. What the ring has for the one is nothing for the
// other.
func TestRingAfterARewriteWithOurNumber(t *testing.T) {
	mem := vfs.NewMem("/data")
	l, _, _, err := open(mem, "/data", slowRing()...)
	if err != nil {
		t.Fatal(err)
	}
	set(t, l, "a", "1")
	r, err := l.BeginRewrite()
	if err != nil {
		t.Fatal(err)
	}
	r.Cut()
	set(t, l, "b", "2")
	mem = mem.Kill()
	if err := r.Commit(t.Context(), base(nil)); err != nil {
		t.Fatal(err)
	}
	closeLog(t, l)
	replaceFile(t, mem, logDir+"appendonly.aof.2.base.aof", nil)
	replaceFile(t, mem, logDir+"appendonly.aof.2.incr.aof", nil)
	replaceFile(t, mem, logDir+"appendonly.aof.manifest", []byte("file appendonly.aof.2.base.aof seq 2 type b\n"+
		"file appendonly.aof.2.incr.aof seq 2 type i\n"))
	l, u, rec, err := open(mem, "/data", slowRing()...)
	if err != nil {
		t.Fatal(err)
	}
	if len(u.got) > 0 || rec.Merged > 0 || rec.TailReason == "" {
		t.Fatalf("%q, %+v", u.got, rec)
	}
	if kept := memFile(t, mem, tailName+".kept-1"); !strings.Contains(kept, "$1\r\nb\r\n") {
		t.Fatal("what the ring had is gone")
	}
	closeLog(t, l)
}

// TestRingAfterARewriteElsewhere: a Redis has rewritten the log; its manifest has no checksum.
func TestRingAfterARewriteElsewhere(t *testing.T) {
	mem, _ := killedRing(t)
	replaceFile(t, mem, logDir+"appendonly.aof.2.base.aof", nil)
	replaceFile(t, mem, logDir+"appendonly.aof.2.incr.aof", nil)
	replaceFile(t, mem, logDir+"appendonly.aof.manifest", []byte("file appendonly.aof.2.base.aof seq 2 type b\n"+
		"file appendonly.aof.2.incr.aof seq 2 type i\n"))
	l, u, rec, err := open(mem, "/data")
	if err != nil {
		t.Fatal(err)
	}
	if len(u.got) > 0 || rec.TailReason == "" {
		t.Fatalf("%q, %+v", u.got, rec)
	}
	if names, _ := mem.ReadDir(logDir); !strings.Contains(strings.Join(names, " "), "tail.kept-1") {
		t.Fatal(names)
	}
	closeLog(t, l)
}

// TestRingUntil: the log cannot be cut at a moment before what a kill left is in it.
func TestRingUntil(t *testing.T) {
	mem, _ := killedRing(t, aof.Timestamps(true))
	e := env(mem, "/data")
	e.Until = time.Now().Add(-time.Minute)
	if _, _, _, err := openEnv(e); !errors.Is(err, aof.ErrUntil) {
		t.Fatal(err)
	}
}

// TestRingConfigure: the policy changes at run time, and each keeps its promise.
func TestRingConfigure(t *testing.T) {
	mem := vfs.NewMem("/data")
	l, _, _, err := open(mem, "/data", slowRing()...)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for i := range 30 {
		policy := []aof.FsyncPolicy{aof.EverySec, aof.Always, aof.No}[i%3]
		if err := l.Configure(aof.Fsync(policy)); err != nil {
			t.Fatal(err)
		}
		kind := vfs.KeepAll
		if policy == aof.Always {
			kind = vfs.KeepNone
		}
		for range 2 {
			list = append(list, set(t, l, fmt.Sprint(i), "v"))
			crashed, u, _, err := open(mem.Crash(kind, 0), "/data")
			if err != nil {
				t.Fatal(err)
			}
			want(t, u, list)
			closeLog(t, crashed)
		}
	}
	closeLog(t, l)
}

// TestRingOfTheSystem: the real mapping, and a file that is cut under it.
func TestRingOfTheSystem(t *testing.T) {
	dir := t.TempDir()
	l, _, _ := mustOpen(t, dir, slowRing()...)
	if s := l.Status(); s.Mode != aof.Ring {
		closeLog(t, l)
		t.Skip(s.NoRing)
	}
	list := []string{set(t, l, "a", "1")}
	copied := t.TempDir()
	copyTree(t, dir, copied)
	_, u, rec := mustOpen(t, copied)
	want(t, u, list)
	if rec.Merged == 0 {
		t.Fatalf("%+v", rec)
	}
	if err := os.Truncate(filepath.Join(dir, "appendonlydir", "appendonly.aof.tail"), 0); err != nil {
		t.Fatal(err)
	}
	list = append(list, set(t, l, "b", "2"), set(t, l, "c", "3"))
	if s := l.Status(); s.Mode != aof.Direct || l.Err() != nil {
		t.Fatalf("%+v, %v", s, l.Err())
	}
	closeLog(t, l)
	_, u, _ = mustOpen(t, dir)
	want(t, u, list)
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// TestRingSetAllocatesNothing in the fast path.
func TestRingSetAllocatesNothing(t *testing.T) {
	l, _, _, err := open(vfs.OS(), t.TempDir(), aof.LogMode(aof.Ring))
	if err != nil {
		t.Fatal(err)
	}
	defer closeLog(t, l)
	if s := l.Status(); s.Mode != aof.Ring {
		t.Skip(s.NoRing)
	}
	n := testing.AllocsPerRun(20_000, func() {
		if err := l.Commit(l.Append(0, 0, benchUnit), false); err != nil {
			t.Fatal(err)
		}
	})
	if n > 0 {
		t.Fatalf("%v allocations", n)
	}
}

// TestRingRepair: Check tells what the tail file has, and Repair puts it into the log.
func TestRingRepair(t *testing.T) {
	for _, opts := range [][]aof.Option{nil, {aof.Checksums(false)}} {
		mem, list := killedRing(t, opts...)
		report, err := aof.Check("/data", aof.OnFS(mem), stubBase())
		if err != nil || !report.OK() || report.Tail == nil || report.Tail.Missing == 0 || report.Tail.Commands != 2 {
			t.Fatalf("%+v, %+v, %v", report, report.Tail, err)
		}
		plan, err := aof.Repair("/data", aof.OnFS(mem), stubBase(), aof.PlanOnly())
		if err != nil || plan.Done || plan.Merged != report.Tail.Missing || plan.Tail != tailName {
			t.Fatalf("%+v, %v", plan, err)
		}
		// It may be killed at any moment, and the power may go once it is done.
		var killed []*vfs.Mem
		fs := vfs.NewFault(mem, func(op vfs.Op) error {
			if op.Changes() {
				killed = append(killed, mem.Kill())
			}
			return nil
		})
		if done, err := aof.Repair("/data", aof.OnFS(fs), stubBase()); err != nil || !done.Done || done.TailKept != "" {
			t.Fatalf("%+v, %v", done, err)
		}
		for _, image := range append(killed, mem.Crash(vfs.KeepNone, 0)) {
			l, u, rec, err := open(image, "/data", opts...)
			if err != nil || rec.TailReason != "" {
				t.Fatal(rec, err)
			}
			want(t, u, list)
			closeLog(t, l)
		}
		report, err = aof.Check("/data", aof.OnFS(mem), stubBase())
		if err != nil || !report.OK() || report.Tail != nil {
			t.Fatalf("%+v, %v", report, err)
		}
	}
}

// TestRingRepairOfDamage: a damaged tail file is kept under another name, and the log opens.
func TestRingRepairOfDamage(t *testing.T) {
	mem, _ := killedRing(t)
	data := []byte(memFile(t, mem, tailName))
	data[3]++
	replaceFile(t, mem, tailName, data)
	report, err := aof.Check("/data", aof.OnFS(mem), stubBase())
	if err != nil || report.OK() || report.Tail.Problem == nil || report.Tail.Problem.File != tailName {
		t.Fatalf("%+v, %v", report, err)
	}
	plan, err := aof.Repair("/data", aof.OnFS(mem), stubBase())
	if err != nil || plan.TailKept != tailName+".kept-1" {
		t.Fatalf("%+v, %v", plan, err)
	}
	l, u, _, err := open(mem, "/data")
	if err != nil || len(u.got) > 0 {
		t.Fatal(u.got, err)
	}
	closeLog(t, l)
}

// TestRingRepairFails at every operation, and changes nothing that Open would miss.
func TestRingRepairFails(t *testing.T) {
	mem, list := killedRing(t)
	boom := errors.New("boom")
	for n := 0; ; n++ {
		image := mem.Kill()
		fs := vfs.NewFault(image, func(op vfs.Op) error {
			if op.N == n {
				return boom
			}
			return nil
		})
		_, repairErr := aof.Repair("/data", aof.OnFS(fs), stubBase())
		if fs.Count() <= n {
			break
		}
		l, u, _, err := open(image.Kill(), "/data")
		if err != nil {
			t.Fatalf("operation %d (%v): %v", n, repairErr, err)
		}
		want(t, u, list)
		closeLog(t, l)
	}
}
