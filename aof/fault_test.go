package aof_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/dirfs"
	"github.com/perduredb/perdure/internal/resp"
	"github.com/perduredb/perdure/internal/vfs"
)

// memory represents the store of a log: the data that its base would contain.
type memory struct {
	log   *aof.Log
	list  []string     // every record appended
	acked atomic.Int64 // number of first records that were acknowledged
	safe  atomic.Int64 // number of first records that must survive a power failure
	lent  []*lent      // large values that were linked
	n     int
}

// put appends one record and commits it.
func (m *memory) put(durable bool) error {
	m.n++
	k := fmt.Sprint("k", m.n)
	p, s := appendlog.Position(0), ""
	if m.n%3 == 0 {
		var v *lent
		v, p, s = lend(m.log, m.n/7%2, k, strings.Repeat("w", m.n*37%700), m.n%2 == 0)
		m.lent = append(m.lent, v)
	} else if m.n%5 == 0 {
		db := m.n / 5 % 3
		first, last, unit := transaction(m.log, fmt.Sprintf("%d: SET %s a", db, k), "2: INCR n")
		p, s = m.log.Append(first, last, unit), fmt.Sprintf("%d: SET %s a; 2: INCR n", db, k)
	} else {
		p, s = command(m.log, m.n/7%2, "SET", k, strings.Repeat("v", m.n*37%700))
	}
	m.list = append(m.list, s)
	if err := m.log.Commit(p, durable); err != nil {
		return err
	}
	m.acked.Store(int64(len(m.list)))
	if m.log.Status().Published && (durable || m.log.Status().Fsync == "always") {
		m.safe.Store(m.acked.Load())
	}
	return nil
}

// all records that everything is safe.
func (m *memory) all() {
	m.acked.Store(int64(len(m.list)))
	m.safe.Store(int64(len(m.list)))
}

func (m *memory) rewrite() error {
	r, err := m.log.BeginRewrite()
	if err != nil {
		return err
	}
	_ = m.put(false) // between the sync of BeginRewrite and Cut
	v, _, s := lend(m.log, 0, "before", "the-cut", true)
	m.list, m.lent = append(m.list, s), append(m.lent, v)
	r.Cut()
	cut := m.list[:len(m.list):len(m.list)]
	for range 2 {
		_, s := command(m.log, 1, "SET", "after", "the cut")
		m.list = append(m.list, s)
		v, _, s := lend(m.log, 1, "linked", "after", false)
		m.list, m.lent = append(m.list, s), append(m.lent, v)
	}
	if err := r.Commit(context.Background(), base(cut)); err != nil {
		return err
	}
	m.all()
	return nil
}

// work is the workload of the tests: it opens, writes, rewrites, and closes a log. It continues
// after errors as a store would, and recovers a failed log once.
func work(fs vfs.FS, m *memory, opts ...aof.Option) (errs []error) {
	note := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	l, u, _, err := open(fs, "/data", opts...)
	if err != nil {
		if l != nil {
			_ = l.Close()
		}
		return []error{err}
	}
	m.log = l
	m.list = u.got
	m.acked.Store(int64(len(u.got)))
	if safe := m.safe.Load(); safe > int64(len(u.got)) {
		panic(fmt.Sprintf("%d records, want at least %d", len(u.got), safe))
	}
	for i := range 12 {
		note(m.put(i%4 == 3))
	}
	note(m.rewrite())
	for i := range 8 {
		note(m.put(i%4 == 3))
	}
	if l.Err() != nil {
		if p := l.Append(0, 0, resp.AppendCommand(nil, "PING")); l.Commit(p, true) == nil {
			panic("a failed log acknowledges")
		}
		note(m.rewrite())
	} else {
		note(l.Sync(context.Background()))
		if l.Err() == nil && len(errs) == 0 {
			m.safe.Store(m.acked.Load())
		}
	}
	for range 3 {
		note(m.put(false))
	}
	err = l.Close()
	if e := lentAll(m.lent); e != nil {
		panic(e)
	}
	if err != nil {
		note(err)
	} else if l.Status().Published {
		m.all()
	}
	return errs
}

// recovered opens the remaining files and compares the records with the model, twice.
func recovered(fs vfs.FS, m *memory, floor int64, opts ...aof.Option) error {
	l, u, _, err := open(fs, "/data", opts...)
	if err != nil {
		return fmt.Errorf("Open = %w, want nil", err)
	}
	defer l.Close()
	if !isPrefix(u.got, m.list) || int64(len(u.got)) < floor {
		return fmt.Errorf("Open replayed %d records, want at least %d of %d:\n%s", len(u.got), floor, len(m.list), lines(u.got))
	}
	p, s := command(l, 0, "SET", "after", "recovery")
	if err := l.Commit(p, true); err != nil {
		return err
	}
	list := append(u.got, s)
	if err := l.Close(); err != nil {
		return err
	}
	again, u, recovery, err := open(fs, "/data", opts...)
	if err != nil {
		return fmt.Errorf("second Open = %w, want nil", err)
	}
	defer again.Close()
	if strings.Join(u.got, "\n") != strings.Join(list, "\n") || recovery.Cut > 0 {
		return fmt.Errorf("second Open replayed %d records, want %d; report %+v", len(u.got), len(list), recovery)
	}
	return nil
}

func policies() map[string][]aof.Option {
	return map[string][]aof.Option{
		"always":         {aof.LogMode(aof.Direct), aof.Fsync(aof.Always)},
		"everysec":       {aof.LogMode(aof.Direct), aof.Fsync(aof.EverySec), aof.RDBBase(false)},
		"no":             {aof.LogMode(aof.Direct), aof.Fsync(aof.No)},
		"plain log":      {aof.LogMode(aof.Direct), aof.Fsync(aof.Always), aof.Checksums(false)},
		"ring":           append(smallRing(), aof.Fsync(aof.EverySec)),
		"ring no":        append(smallRing(), aof.Fsync(aof.No), aof.RDBBase(false), aof.Timestamps(true)),
		"ring plain log": append(smallRing(), aof.Checksums(false)),
	}
}

// smallRing has regions of 1 KiB, which a few records fill, and a flusher that runs only on
// request.
func smallRing() []aof.Option {
	return []aof.Option{aof.LogMode(aof.Ring), aof.RingSize(3 << 10), aof.RingDelay(time.Hour)}
}

// stride returns 1 if PERDURE_EVERY is set, and 4 otherwise. In a short run it returns more,
// because a step takes ten times as long under the race detector.
func stride() int {
	switch {
	case testing.Short():
		return 11
	case os.Getenv("PERDURE_EVERY") != "":
		return 1
	}
	return 4
}

// TestOperationFaults makes each operation fail once, in several ways. It then checks the files
// that a killed program and a closed program leave.
func TestOperationFaults(t *testing.T) {
	boom := errors.New("boom")
	for name, opts := range policies() {
		for _, how := range []string{"error", "short write", "sticky"} {
			t.Run(name+"/"+how, func(t *testing.T) {
				for n := 0; ; n += stride() {
					mem := vfs.NewMem("/data")
					var failed vfs.Op
					syncFailed := false
					fs := vfs.NewFault(mem, func(op vfs.Op) error {
						if op.N < n || op.N > n && how != "sticky" {
							return nil
						}
						failed = op
						syncFailed = syncFailed || strings.HasSuffix(op.Kind, "sync")
						if how == "short write" && op.Kind == "write" {
							return &vfs.ShortWrite{N: 7, Err: boom}
						}
						return boom
					})
					m := &memory{}
					errs := work(fs, m, opts...)
					if fs.Count() <= n {
						t.Logf("%d operations", n)
						break
					}
					if v := fs.Violations(); len(v) > 0 {
						t.Fatalf("%v fails: violations = %v, want none", failed, v)
					}
					for _, err := range errs {
						if !errors.Is(err, boom) {
							t.Fatalf("%v fails: error = %v, want %v", failed, err, boom)
						}
					}
					floor := m.acked.Load()
					if syncFailed {
						floor = m.safe.Load() // the kernel dropped the dirty pages
					}
					if err := recovered(mem.Crash(vfs.KeepAll, 0), m, floor, opts...); err != nil {
						t.Fatalf("%v fails (%v), killed: recovery = %v, want nil", failed, errs, err)
					}
					for seed := range uint64(3) {
						if err := recovered(mem.Crash(vfs.KeepSome, seed), m, m.safe.Load(), opts...); err != nil {
							if strings.HasSuffix(name, "plain log") {
								continue // without checksums, Open may refuse the log
							}
							t.Fatalf("%v fails (%v), power failure, seed %d: recovery = %v, want nil", failed, errs, seed, err)
						}
					}
				}
			})
		}
	}
}

// TestPowerFailures simulates a power failure before each operation.
func TestPowerFailures(t *testing.T) {
	type image struct {
		fs    *vfs.Mem
		floor int64
		op    vfs.Op
	}
	for name, opts := range policies() {
		if strings.HasSuffix(name, "plain log") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			var images []image
			rng := rand.New(rand.NewPCG(1, 2))
			mem := vfs.NewMem("/data")
			m := &memory{}
			fs := vfs.NewFault(mem, func(op vfs.Op) error {
				if !op.Changes() || op.N%stride() > 0 {
					return nil
				}
				for _, kind := range []vfs.CrashKind{vfs.KeepNone, vfs.KeepAll, vfs.KeepSome, vfs.KeepSome, vfs.KeepSome} {
					floor := m.safe.Load()
					if kind == vfs.KeepAll {
						floor = m.acked.Load()
					}
					images = append(images, image{mem.Crash(kind, rng.Uint64()), floor, op})
				}
				return nil
			})
			for range 2 {
				if errs := work(fs, m, opts...); len(errs) > 0 {
					t.Fatalf("errors without a crash = %v, want none", errs)
				}
			}
			nested := 0
			for i, im := range images {
				if i%20 == 0 {
					nested += crashAgain(t, im.fs, m, im.floor, opts...)
				}
				if err := recovered(im.fs, m, im.floor, opts...); err != nil {
					t.Fatalf("image %d, before %v: recovery = %v, want nil", i, im.op, err)
				}
			}
			t.Logf("%d images, and %d of their recoveries", len(images), nested)
		})
	}
}

// crashAgain simulates a power failure before each operation of the recovery from a crash.
func crashAgain(t *testing.T, mem *vfs.Mem, m *memory, floor int64, opts ...aof.Option) (n int) {
	t.Helper()
	var images []*vfs.Mem
	mem = mem.Crash(vfs.KeepAll, 0)
	fs := vfs.NewFault(mem, func(op vfs.Op) error {
		if op.Changes() {
			images = append(images, mem.Crash(vfs.KeepNone, 0), mem.Crash(vfs.KeepSome, uint64(op.N)))
		}
		return nil
	})
	l, u, _, err := open(fs, "/data", opts...)
	if err != nil {
		t.Fatal(err)
	}
	images = append(images, mem.Crash(vfs.KeepNone, 0))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for i, image := range images {
		if err := recovered(image, m, floor, opts...); err != nil {
			t.Fatalf("crash %d of a recovery of %d records: recovery = %v, want nil", i, len(u.got), err)
		}
	}
	return len(images)
}

// TestDiskFull runs the workload with every size of free space, and frees space at the end.
func TestDiskFull(t *testing.T) {
	for name, opts := range policies() {
		t.Run(name, func(t *testing.T) {
			for capacity := int64(1); ; capacity += 17 * int64(stride()) {
				mem := vfs.NewMem("/data")
				mem.SetCapacity(capacity)
				m := &memory{}
				errs := work(mem, m, opts...)
				mem.SetCapacity(0)
				if err := recovered(mem.Crash(vfs.KeepAll, 0), m, m.acked.Load(), opts...); err != nil {
					t.Fatalf("%d bytes (%v): recovery = %v, want nil", capacity, errs, err)
				}
				if !strings.HasSuffix(name, "plain log") {
					if err := recovered(mem.Crash(vfs.KeepSome, uint64(capacity)), m, m.safe.Load(), opts...); err != nil {
						t.Fatalf("%d bytes (%v), power failure: recovery = %v, want nil", capacity, errs, err)
					}
				}
				if len(errs) == 0 {
					t.Logf("%d bytes are enough", capacity)
					return
				}
			}
		})
	}
}

// TestShortWriteIsTruncated checks that a Redis that opens the file finds whole groups.
func TestShortWriteIsTruncated(t *testing.T) {
	mem := vfs.NewMem("/data")
	boom := errors.New("no space")
	full := false
	fs := vfs.NewFault(mem, func(op vfs.Op) error {
		if full && op.Kind == "write" {
			return &vfs.ShortWrite{N: 9, Err: boom}
		}
		return nil
	})
	l, _, _, err := open(fs, "/data", aof.LogMode(aof.Direct), aof.Fsync(aof.No))
	if err != nil {
		t.Fatal(err)
	}
	set(t, l, "a", "1")
	size := l.Status().CurrentSize
	full = true
	p, _ := command(l, 0, "SET", "b", "2")
	if err := l.Commit(p, false); !errors.Is(err, appendlog.ErrFailed) || !errors.Is(err, boom) {
		t.Fatal(err)
	}
	if err := l.Sync(t.Context()); !errors.Is(err, appendlog.ErrFailed) || l.Err() == nil {
		t.Fatal(err)
	}
	report, err := aof.Check("/data", aof.OnFS(dirfs.New(mem)), stubBase())
	if err != nil || !report.OK() || report.Files[0].Size+report.Files[1].Size != size {
		t.Fatalf("Check = %+v, %v, want a good log of %d bytes", report, err, size)
	}
	full = false
	if err := rewrite(l, []string{"0: SET a 1", "0: SET b 2"}); err != nil || l.Err() != nil {
		t.Fatalf("Rewrite = %v, Err = %v, want nil", err, l.Err())
	}
	closeLog(t, l)
}

// TestRewriteCanceled checks that the log continues with one more incremental file.
func TestRewriteCanceled(t *testing.T) {
	mem := vfs.NewMem("/data")
	l, _, _, err := open(mem, "/data")
	if err != nil {
		t.Fatal(err)
	}
	list := []string{set(t, l, "a", "1")}
	for _, when := range []string{"before", "during"} {
		ctx, cancel := context.WithCancel(t.Context())
		r, err := l.BeginRewrite()
		if err != nil {
			t.Fatal(err)
		}
		r.Cut()
		b := base(list)
		if when == "before" {
			cancel()
		} else {
			b.RDB = func(w io.Writer, _ string) error {
				cancel()
				_, err := w.Write([]byte("x"))
				return err
			}
		}
		_, s := command(l, 0, "SET", when, "x")
		list = append(list, s)
		if err := r.Commit(ctx, b); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		list = append(list, set(t, l, when, "2"))
	}
	r, err := l.BeginRewrite()
	if err != nil {
		t.Fatal(err)
	}
	r.Abort()
	r.Abort()
	list = append(list, set(t, l, "b", "3"))
	r, err = l.BeginRewrite()
	if err != nil {
		t.Fatal(err)
	}
	r.Cut()
	_, s := command(l, 0, "SET", "c", "4")
	list = append(list, s)
	closeLog(t, l) // cancels the rewrite
	if err := r.Commit(t.Context(), base(list)); !errors.Is(err, appendlog.ErrClosed) {
		t.Fatal(err)
	}
	if _, err := l.BeginRewrite(); !errors.Is(err, appendlog.ErrClosed) {
		t.Fatal(err)
	}
	if p, _ := command(l, 0, "SET", "d", "5"); !errors.Is(l.Commit(p, false), appendlog.ErrClosed) {
		t.Fatal("Commit after Close does not return ErrClosed, want it")
	}
	again, u, _, err := open(mem, "/data")
	if err != nil {
		t.Fatal(err)
	}
	want(t, u, list)
	closeLog(t, again)
	names, _ := mem.ReadDir("/data/appendonlydir")
	if got := strings.Join(names, " "); got != "appendonly.aof.1.base.rdb appendonly.aof.1.incr.aof "+
		"appendonly.aof.3.incr.aof appendonly.aof.manifest" {
		t.Fatalf("files = %s, want incremental file 3", got)
	}
}
