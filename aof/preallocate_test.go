package aof_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/dirfs"
	"github.com/perduredb/perdure/internal/redistest"
	"github.com/perduredb/perdure/internal/vfs"
)

const memIncr1 = "/data/" + incr1

// always opens a log on a file system in memory whose newest increment gets filler.
func always(t testing.TB, fs vfs.FS, opts ...aof.Option) *aof.Log {
	t.Helper()
	l, _, _, err := open(fs, "/data", append(opts, aof.Fsync(aof.Always))...)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// splitFiller divides the content of an increment, and makes sure that the filler is lines.
func splitFiller(t testing.TB, data string) (groups, filler string) {
	t.Helper()
	i := strings.LastIndex(data, "#p1:")
	end := i + strings.IndexByte(data[i:], '\n') + 1
	groups, filler = data[:end], data[end:]
	for line := range strings.Lines(filler) {
		if len(line) < 2 || len(line) > 128 || strings.Trim(line, "#") != "\n" {
			t.Fatalf("padding line %q after %d bytes", line, len(groups))
		}
	}
	return groups, filler
}

// wantWhole opens the files after a crash. They must have all of list and nothing to truncate.
func wantWhole(t testing.TB, image vfs.FS, list []string) {
	t.Helper()
	l, u, recovery, err := open(image, "/data", aof.Fsync(aof.Always))
	if err != nil || recovery.Cut > 0 {
		t.Fatalf("%+v, %v", recovery, err)
	}
	want(t, u, list)
	closeLog(t, l)
}

// TestFillerAtEveryOffset checks that lines follow a group, wherever it ends. The log of a killed
// process must be whole, and none of its sizes include padding.
func TestFillerAtEveryOffset(t *testing.T) {
	mem := vfs.NewMem("/data")
	l := always(t, mem)
	var list []string
	ends, extended := map[int]bool{}, 0
	for i := range 500 {
		before := len(memFile(t, mem, memIncr1))
		list = append(list, set(t, l, "k", strings.Repeat("v", i%97)))
		data := memFile(t, mem, memIncr1)
		groups, filler := splitFiller(t, data)
		ends[len(groups)%64] = true
		if len(data) != before {
			extended++
		}
		base := int64(len(memFile(t, mem, "/data/appendonlydir/appendonly.aof.1.base.rdb")))
		if size := l.Status().CurrentSize; size != base+int64(len(groups)) {
			t.Fatalf("size %d, with %d bytes of groups and a base of %d", size, len(groups), base)
		}
		if i%7 > 0 {
			continue
		}
		report, err := aof.Check("/data", aof.OnFS(dirfs.New(mem)), stubBase())
		if f := report.Files[1]; err != nil || !report.OK() || f.Size != int64(len(groups)) || f.Filler != int64(len(filler)) || f.Good != f.Size {
			t.Fatalf("%+v, %v", report, err)
		}
		again, u, recovery, err := open(mem.Kill(), "/data", aof.Fsync(aof.Always))
		if err != nil || recovery.Cut > 0 || recovery.Unverified > 0 || recovery.Size != base+int64(len(groups)) {
			t.Fatalf("%+v, %v", recovery, err)
		}
		want(t, u, list)
		closeLog(t, again)
	}
	if len(ends) < 64 || extended > 20 {
		t.Errorf("groups end at %d places of a line; %d of %d changed the file's size", len(ends), extended, len(list))
	}
	closeLog(t, l)
	if _, filler := splitFiller(t, memFile(t, mem, memIncr1)); filler != "" {
		t.Errorf("%d bytes of filler after Close", len(filler))
	}
}

// TestTornGroupOverPadding tests a power failure that leaves some sectors of a group written over
// padding. Its SELECT is at every offset of a sector. Open must never treat it as another
// program's.
func TestTornGroupOverPadding(t *testing.T) {
	images := 0
	for n := 0; n < 1100; n += stride() {
		mem := vfs.NewMem("/data")
		var crash []*vfs.Mem
		armed := false
		fs := vfs.NewFault(mem, func(op vfs.Op) error {
			if !armed || op.Kind != "datasync" {
				return nil
			}
			things := len(mem.Things(512))
			for first := range things + 1 {
				for _, old := range []vfs.Fate{vfs.Old, vfs.Zero} {
					keep := func(from, to int) *vfs.Mem {
						return mem.LosePower(512, 0, func(i int, _ vfs.Thing) vfs.Fate {
							if i >= from && i < to {
								return vfs.New
							}
							return old
						})
					}
					crash = append(crash, keep(0, first), keep(first, things))
				}
			}
			return nil
		})
		l := always(t, fs)
		list := []string{set(t, l, "a", "1")}
		armed = true
		unit := []string{"0: SET b " + strings.Repeat("v", n+1), "1: SET c 1", "0: SET d 1"}
		first, last, bytes := transaction(l, unit...)
		if err := l.Commit(l.Append(first, last, bytes), false); err != nil {
			t.Fatal(err)
		}
		for i, image := range crash {
			again, u, recovery, err := open(image, "/data", aof.Fsync(aof.Always))
			if err != nil || recovery.Cut > int64(len(bytes)+200) {
				t.Fatalf("value of %d bytes, image %d: %+v, %v", n+1, i, recovery, err)
			}
			closeLog(t, again)
			if len(u.got) == 2 {
				want(t, u, append(list, strings.Join(unit, "; ")))
				continue
			}
			want(t, u, list)
		}
		images += len(crash)
	}
	t.Logf("%d images", images)
}

// TestDamageInPadding: a byte that changed there changes no state.
func TestDamageInPadding(t *testing.T) {
	mem := vfs.NewMem("/data")
	l := always(t, mem)
	list := []string{set(t, l, "a", "1"), set(t, l, "b", "2")}
	data := memFile(t, mem, memIncr1)
	groups, _ := splitFiller(t, data)
	for at := len(groups); at < len(data); at += 1 + at%(8*stride()) {
		for _, c := range []byte{0, '#', '\n', '*', '$', 'p', 0xff} {
			image := mem.Kill()
			f, err := image.OpenWrite(memIncr1)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteAt([]byte{c}, int64(at)); err != nil {
				t.Fatal(err)
			}
			again, u, recovery, err := open(image, "/data", aof.Fsync(aof.Always))
			if err != nil {
				t.Fatalf("%q at %d: %v", c, at, err)
			}
			want(t, u, list)
			if recovery.Cut > 0 && recovery.Offset != int64(len(groups)) {
				t.Fatalf("%q at %d: %+v", c, at, recovery)
			}
			closeLog(t, again)
		}
	}
}

// TestNoSpaceForPadding: where it cannot be written, groups can.
func TestNoSpaceForPadding(t *testing.T) {
	mem := vfs.NewMem("/data")
	l := always(t, mem)
	list := []string{set(t, l, "a", "1")}
	mem.SetCapacity(mem.Used() + 2000)
	_, filler := splitFiller(t, memFile(t, mem, memIncr1))
	for range (len(filler) + 500) / 100 {
		list = append(list, set(t, l, "k", strings.Repeat("v", 30))) // about 100 bytes
	}
	wantWhole(t, mem.Crash(vfs.KeepNone, 0), list)
	mem.SetCapacity(0)
	closeLog(t, l)
}

// TestPaddingEndsWithOldFile: when the manifest lists a new file, the one before has no padding.
func TestPaddingEndsWithOldFile(t *testing.T) {
	mem := vfs.NewMem("/data")
	l := always(t, mem)
	list := []string{set(t, l, "a", "1")}
	r, err := l.BeginRewrite()
	if err != nil {
		t.Fatal(err)
	}
	p, s := command(l, 0, "SET", "b", "2")
	r.Cut()
	list = append(list, s)
	checked := false
	b := base(list)
	write := b.RDB
	b.RDB = func(w io.Writer, origin string) error {
		_, filler := splitFiller(t, memFile(t, mem.Crash(vfs.KeepNone, 0), memIncr1))
		checked = filler == ""
		return write(w, origin)
	}
	if err := errors.Join(r.Commit(t.Context(), b), l.Commit(p, false)); err != nil || !checked {
		t.Fatal(checked, err)
	}
	list = append(list, set(t, l, "c", "3"))
	wantWhole(t, mem.Crash(vfs.KeepNone, 0), list)
	closeLog(t, l)
}

// TestPaddingByPolicy: another policy writes no padding, and its writes do not follow padding.
func TestPaddingByPolicy(t *testing.T) {
	for _, policy := range []aof.FsyncPolicy{aof.EverySec, aof.No} {
		mem := vfs.NewMem("/data")
		l := always(t, mem)
		var list []string
		for range 3 {
			list = append(list, set(t, l, "a", "1"))
			if _, filler := splitFiller(t, memFile(t, mem, memIncr1)); filler == "" {
				t.Fatal("no filler")
			}
			if err := l.Configure(aof.Fsync(policy)); err != nil {
				t.Fatal(err)
			}
			list = append(list, set(t, l, "b", "2"))
			if _, filler := splitFiller(t, memFile(t, mem, memIncr1)); filler != "" {
				t.Fatalf("%d bytes of filler", len(filler))
			}
			wantWhole(t, mem.Kill(), list)
			if err := l.Configure(aof.Fsync(aof.Always)); err != nil {
				t.Fatal(err)
			}
		}
		closeLog(t, l)
	}
}

// TestLongGroupsOverFiller: they go over it, and are followed by none.
func TestLongGroupsOverFiller(t *testing.T) {
	mem := vfs.NewMem("/data")
	l := always(t, mem)
	var list []string
	for i := range 3 {
		for range 65 { // the first ones after a long group get none
			list = append(list, set(t, l, "a", strings.Repeat("v", i)))
		}
		if _, filler := splitFiller(t, memFile(t, mem, memIncr1)); filler == "" {
			t.Fatal("no padding after a short group")
		}
		list = append(list, set(t, l, "b", strings.Repeat("v", 100<<10<<i)))
		if _, filler := splitFiller(t, memFile(t, mem, memIncr1)); len(filler) > 2 {
			t.Fatalf("%d bytes of padding after a long group, want at most 2", len(filler))
		}
		wantWhole(t, mem.Crash(vfs.KeepNone, 0), list)
	}
	closeLog(t, l)
}

// TestGroupsThatCannotBeAligned: a group with a SELECT at every offset of a sector is written as
// without padding.
func TestGroupsThatCannotBeAligned(t *testing.T) {
	mem := vfs.NewMem("/data")
	l := always(t, mem)
	list := []string{set(t, l, "a", "1")}
	unit := []string{"0: SET a 2"}
	for i := range 8000 {
		unit = append(unit, fmt.Sprintf("%d: SET b %s", 1+i%2, strings.Repeat("v", 1+i%7)))
	}
	first, last, bytes := transaction(l, unit...)
	if err := l.Commit(l.Append(first, last, bytes), false); err != nil {
		t.Fatal(err)
	}
	list = append(list, strings.Join(unit, "; "), set(t, l, "c", "3"))
	wantWhole(t, mem.Crash(vfs.KeepNone, 0), list)
	closeLog(t, l)
}

// TestPaddingIsTruncatedAfterSync checks that nothing truncates the file during a sync, and that
// nothing writes data to it that must not be over padding.
func TestPaddingIsTruncatedAfterSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := vfs.NewMem("/data")
		fs := &slowFS{FS: mem}
		l := always(t, fs)
		list := []string{set(t, l, "a", "1")}
		p, s := command(l, 0, "SET", "b", "2")
		list = append(list, s)
		fs.delay.Store(int64(time.Second))
		begin := time.Now()
		go l.Commit(p, false)
		synctest.Wait()
		if err := l.Configure(aof.Fsync(aof.No)); err != nil {
			t.Fatal(err)
		}
		list = append(list, set(t, l, "c", "3"))
		if took := time.Since(begin); took != 2*time.Second {
			t.Errorf("written after %v: want the sync, and that of the cut", took)
		}
		wantWhole(t, mem.Kill(), list)
		closeLog(t, l)
	})
}

// TestPolicyChangesUnderLoad: concurrent writers, rewrites, and changes of the policy lose nothing.
func TestPolicyChangesUnderLoad(t *testing.T) {
	dir := t.TempDir()
	l, _, _ := mustOpen(t, dir, aof.Fsync(aof.Always))
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 100 {
				p, _ := command(l, w%3, "SET", fmt.Sprint("k", w), strings.Repeat("v", i%90))
				if err := l.Commit(p, false); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Go(func() {
		for i := range 60 {
			if err := l.Configure(aof.Fsync([]aof.FsyncPolicy{aof.No, aof.Always, aof.EverySec}[i%3])); err != nil {
				t.Error(err)
			}
			runtime.Gosched()
			if err := l.Sync(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	closeLog(t, l)
	again, u, recovery := mustOpen(t, dir)
	if len(u.got) != 800 || recovery.Cut > 0 || recovery.Unverified > 0 {
		t.Errorf("%d units, %+v", len(u.got), recovery)
	}
	closeLog(t, again)
}

// TestNoFillerWithoutMarks: a server that would not skip it gets none.
func TestNoFillerWithoutMarks(t *testing.T) {
	mem := vfs.NewMem("/data")
	l := always(t, mem, aof.Checksums(false))
	set(t, l, "a", "1")
	if data := memFile(t, mem, memIncr1); strings.Contains(data, "#") {
		t.Errorf("%q", data)
	}
	closeLog(t, l)
}

// TestUntilBeforeFiller: the reported size excludes the padding, and the truncation removes it.
func TestUntilBeforeFiller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := vfs.NewMem("/data")
		l := always(t, mem, aof.Timestamps(true))
		list := []string{set(t, l, "a", "1")}
		until := time.Now()
		time.Sleep(2 * time.Second)
		set(t, l, "b", "2")
		all := l.Status().CurrentSize
		e := env(mem.Kill(), "/data")
		e.Until = until
		again, u, recovery, err := openEnv(e, aof.Fsync(aof.Always))
		if err != nil || recovery.LeftOut == 0 || recovery.LeftOut+recovery.Size != all {
			t.Fatalf("%+v of %d, %v", recovery, all, err)
		}
		want(t, u, list)
		closeLog(t, again)
		closeLog(t, l)
	})
}

// TestTailFileAndPadding: the data of a tail file goes before padding that another program wrote.
func TestTailFileAndPadding(t *testing.T) {
	for _, repair := range []bool{false, true} {
		mem := vfs.NewMem("/data")
		l, _, _, err := open(mem, "/data", append(smallRing(), aof.Fsync(aof.No))...)
		if err != nil {
			t.Fatal(err)
		}
		list := []string{set(t, l, "a", "1")}
		image := mem.Kill()
		f, err := image.OpenWrite(memIncr1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, "######\n####\n"); err != nil {
			t.Fatal(err)
		}
		if repair {
			if report, err := aof.Repair("/data", aof.OnFS(dirfs.New(image)), stubBase()); err != nil || report.Merged == 0 || report.Cut > 0 {
				t.Fatalf("%+v, %v", report, err)
			}
		}
		again, u, recovery, err := open(image, "/data")
		if err != nil || recovery.Cut > 0 {
			t.Fatalf("repaired %v: %+v, %v", repair, recovery, err)
		}
		want(t, u, list)
		closeLog(t, again)
		last, u, recovery, err := open(image, "/data")
		if err != nil || recovery.Cut > 0 || recovery.Unverified > 0 {
			t.Fatalf("opened again, repaired %v: %+v, %v", repair, recovery, err)
		}
		want(t, u, list)
		closeLog(t, last)
		closeLog(t, l)
	}
}

// TestServerContinuesAfterPadding: a server loads the log of a killed process and appends after the
// padding. perdure then continues there.
func TestServerContinuesAfterPadding(t *testing.T) {
	redistest.Tool(t, "redis-server")
	dir := t.TempDir()
	l, _, _ := mustOpen(t, dir, aof.Fsync(aof.Always), aof.RDBBase(false))
	var list []string
	for i := range 64 {
		list = append(list, set(t, l, fmt.Sprint("k", i), strings.Repeat("v", i)+"."))
	}
	killed := t.TempDir()
	sub := filepath.Join(killed, "appendonlydir")
	for _, name := range strings.Fields(dirNames(t, filepath.Join(dir, "appendonlydir"))) {
		writeFile(t, readFile(t, dir, "appendonlydir", name), sub, name)
	}
	closeLog(t, l)
	if _, filler := splitFiller(t, string(readFile(t, killed, incr1))); filler == "" {
		t.Fatal("no filler")
	}
	redistest.Run(t, "redis-check-aof", filepath.Join(sub, "appendonly.aof.manifest"))
	s := server(t, killed)
	if got := keys(s); !slices.Equal(got, apply(list)) {
		t.Fatalf("the server has\n%s", lines(got))
	}
	s.Must("SELECT", "0")
	for i := range 5 {
		s.Must("SET", fmt.Sprint("theirs", i), "t")
		list = append(list, fmt.Sprintf("0: SET theirs%d t", i))
	}
	s.Kill()
	again, u, recovery := mustOpen(t, killed, aof.Fsync(aof.Always))
	want(t, u, list)
	if recovery.Cut > 0 || recovery.Unverified == 0 {
		t.Fatalf("%+v", recovery)
	}
	list = append(list, set(t, again, "ours", "again"))
	closeLog(t, again)
	if bytes.HasSuffix(readFile(t, killed, incr1), []byte("#\n")) {
		t.Error("filler after Close")
	}
	redistest.Run(t, "redis-check-aof", filepath.Join(sub, "appendonly.aof.manifest"))
	s = server(t, killed)
	if got := keys(s); !slices.Equal(got, apply(list)) {
		t.Fatalf("the server has\n%s", lines(got))
	}
}
