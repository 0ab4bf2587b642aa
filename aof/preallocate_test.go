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

// always opens a log under Always on a file system in memory, so that it preallocates padding.
func always(t testing.TB, fs vfs.FS, opts ...aof.Option) *aof.Log {
	t.Helper()
	l, _, _, err := open(fs, "/data", append(opts, aof.Fsync(aof.Always))...)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// splitPadding divides the content of an incremental file into groups and padding, and checks the
// padding.
func splitPadding(t testing.TB, data string) (groups, padding string) {
	t.Helper()
	i := strings.LastIndex(data, "#p1:")
	end := i + strings.IndexByte(data[i:], '\n') + 1
	groups, padding = data[:end], data[end:]
	for line := range strings.Lines(padding) {
		if len(line) < 2 || len(line) > 128 || strings.Trim(line, "#") != "\n" {
			t.Fatalf("padding line %q after %d bytes, want # and LF", line, len(groups))
		}
	}
	return groups, padding
}

// wantWhole opens a crash image. It must have all records of list and no torn tail.
func wantWhole(t testing.TB, image vfs.FS, list []string) {
	t.Helper()
	l, u, recovery, err := open(image, "/data", aof.Fsync(aof.Always))
	if err != nil || recovery.Cut > 0 {
		t.Fatalf("report = %+v, %v, want nothing truncated", recovery, err)
	}
	want(t, u, list)
	closeLog(t, l)
}

// TestPaddingAtEveryOffset checks that padding follows a group that ends at any offset. The log of
// a killed process must be whole, and none of its sizes include padding.
func TestPaddingAtEveryOffset(t *testing.T) {
	mem := vfs.NewMem("/data")
	l := always(t, mem)
	var list []string
	ends, extended := map[int]bool{}, 0
	for i := range 500 {
		before := len(memFile(t, mem, memIncr1))
		list = append(list, set(t, l, "k", strings.Repeat("v", i%97)))
		data := memFile(t, mem, memIncr1)
		groups, padding := splitPadding(t, data)
		ends[len(groups)%64] = true
		if len(data) != before {
			extended++
		}
		base := int64(len(memFile(t, mem, "/data/appendonlydir/appendonly.aof.1.base.rdb")))
		if size := l.Status().CurrentSize; size != base+int64(len(groups)) {
			t.Fatalf("CurrentSize = %d, want %d of groups and %d of the base", size, len(groups), base)
		}
		if i%7 > 0 {
			continue
		}
		report, err := aof.Check("/data", aof.OnFS(dirfs.New(mem)), stubBase())
		if f := report.Files[1]; err != nil || !report.OK() || f.Size != int64(len(groups)) || f.Filler != int64(len(padding)) || f.Good != f.Size {
			t.Fatalf("Check = %+v, %v, want a good log with %d bytes and %d of padding", report, err, len(groups), len(padding))
		}
		again, u, recovery, err := open(mem.Kill(), "/data", aof.Fsync(aof.Always))
		if err != nil || recovery.Cut > 0 || recovery.Unverified > 0 || recovery.Size != base+int64(len(groups)) {
			t.Fatalf("report = %+v, %v, want nothing truncated", recovery, err)
		}
		want(t, u, list)
		closeLog(t, again)
	}
	if len(ends) < 64 || extended > 20 {
		t.Errorf("groups end at %d offsets of a line, %d of %d changed the file's size, want 64 and at most 20", len(ends), extended, len(list))
	}
	closeLog(t, l)
	if _, padding := splitPadding(t, memFile(t, mem, memIncr1)); padding != "" {
		t.Errorf("%d bytes of padding after Close, want 0", len(padding))
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
				t.Fatalf("value of %d bytes, image %d: report %+v, %v, want at most %d bytes truncated", n+1, i, recovery, err, len(bytes)+200)
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

// TestDamageInPadding checks that a changed byte in padding changes no data.
func TestDamageInPadding(t *testing.T) {
	mem := vfs.NewMem("/data")
	l := always(t, mem)
	list := []string{set(t, l, "a", "1"), set(t, l, "b", "2")}
	data := memFile(t, mem, memIncr1)
	groups, _ := splitPadding(t, data)
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
				t.Fatalf("%q at %d: Open = %v, want nil", c, at, err)
			}
			want(t, u, list)
			if recovery.Cut > 0 && recovery.Offset != int64(len(groups)) {
				t.Fatalf("%q at %d: report %+v, want the tail truncated at %d", c, at, recovery, len(groups))
			}
			closeLog(t, again)
		}
	}
}

// TestNoSpaceForPadding checks that groups are written if padding cannot be.
func TestNoSpaceForPadding(t *testing.T) {
	mem := vfs.NewMem("/data")
	l := always(t, mem)
	list := []string{set(t, l, "a", "1")}
	mem.SetCapacity(mem.Used() + 2000)
	_, padding := splitPadding(t, memFile(t, mem, memIncr1))
	for range (len(padding) + 500) / 100 {
		list = append(list, set(t, l, "k", strings.Repeat("v", 30))) // about 100 bytes
	}
	wantWhole(t, mem.Crash(vfs.KeepNone, 0), list)
	mem.SetCapacity(0)
	closeLog(t, l)
}

// TestPaddingEndsWithOldFile checks that a file is free of padding once the manifest lists its
// successor.
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
		_, padding := splitPadding(t, memFile(t, mem.Crash(vfs.KeepNone, 0), memIncr1))
		checked = padding == ""
		return write(w, origin)
	}
	if err := errors.Join(r.Commit(t.Context(), b), l.Commit(p, false)); err != nil || !checked {
		t.Fatalf("Commit = %v, file checked: %v, want nil, true", err, checked)
	}
	list = append(list, set(t, l, "c", "3"))
	wantWhole(t, mem.Crash(vfs.KeepNone, 0), list)
	closeLog(t, l)
}

// TestPaddingByPolicy checks that other policies write no padding, and remove existing padding.
func TestPaddingByPolicy(t *testing.T) {
	for _, policy := range []aof.FsyncPolicy{aof.EverySec, aof.No} {
		mem := vfs.NewMem("/data")
		l := always(t, mem)
		var list []string
		for range 3 {
			list = append(list, set(t, l, "a", "1"))
			if _, padding := splitPadding(t, memFile(t, mem, memIncr1)); padding == "" {
				t.Fatal("no padding under Always, want some")
			}
			if err := l.Configure(aof.Fsync(policy)); err != nil {
				t.Fatal(err)
			}
			list = append(list, set(t, l, "b", "2"))
			if _, padding := splitPadding(t, memFile(t, mem, memIncr1)); padding != "" {
				t.Fatalf("%d bytes of padding under another policy, want 0", len(padding))
			}
			wantWhole(t, mem.Kill(), list)
			if err := l.Configure(aof.Fsync(aof.Always)); err != nil {
				t.Fatal(err)
			}
		}
		closeLog(t, l)
	}
}

// TestLongGroupsOverPadding checks that long groups are written over padding without new padding
// after them.
func TestLongGroupsOverPadding(t *testing.T) {
	mem := vfs.NewMem("/data")
	l := always(t, mem)
	var list []string
	for i := range 3 {
		for range 65 { // no padding follows the first ones after a long group
			list = append(list, set(t, l, "a", strings.Repeat("v", i)))
		}
		if _, padding := splitPadding(t, memFile(t, mem, memIncr1)); padding == "" {
			t.Fatal("no padding after a short group, want some")
		}
		list = append(list, set(t, l, "b", strings.Repeat("v", 100<<10<<i)))
		if _, padding := splitPadding(t, memFile(t, mem, memIncr1)); len(padding) > 2 {
			t.Fatalf("%d bytes of padding after a long group, want at most 2", len(padding))
		}
		wantWhole(t, mem.Crash(vfs.KeepNone, 0), list)
	}
	closeLog(t, l)
}

// TestGroupsThatCannotBeAligned writes groups with a SELECT at every offset of a sector. They are
// appended, as without padding.
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

// TestPolicyChangesUnderLoad checks that concurrent writers, rewrites, and policy changes lose
// nothing.
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
		t.Errorf("%d records, report %+v, want 800 and nothing truncated", len(u.got), recovery)
	}
	closeLog(t, again)
}

// TestNoPaddingWithoutChecksums checks that a log without checksums, for servers that do not skip
// lines, is free of padding.
func TestNoPaddingWithoutChecksums(t *testing.T) {
	mem := vfs.NewMem("/data")
	l := always(t, mem, aof.Checksums(false))
	set(t, l, "a", "1")
	if data := memFile(t, mem, memIncr1); strings.Contains(data, "#") {
		t.Errorf("log = %q, want no line", data)
	}
	closeLog(t, l)
}

// TestUntilBeforePadding checks that the reported size excludes padding, and that the truncation
// removes it.
func TestUntilBeforePadding(t *testing.T) {
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
			t.Fatalf("report = %+v, %v, want %d bytes in all", recovery, err, all)
		}
		want(t, u, list)
		closeLog(t, again)
		closeLog(t, l)
	})
}

// TestTailFileAndPadding checks that the data of a tail file is written before padding of another
// program.
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
				t.Fatalf("Repair = %+v, %v, want merged bytes", report, err)
			}
		}
		again, u, recovery, err := open(image, "/data")
		if err != nil || recovery.Cut > 0 {
			t.Fatalf("repaired %v: report %+v, %v, want nothing truncated", repair, recovery, err)
		}
		want(t, u, list)
		closeLog(t, again)
		last, u, recovery, err := open(image, "/data")
		if err != nil || recovery.Cut > 0 || recovery.Unverified > 0 {
			t.Fatalf("opened again, repaired %v: report %+v, %v, want nothing truncated", repair, recovery, err)
		}
		want(t, u, list)
		closeLog(t, last)
		closeLog(t, l)
	}
}

// TestServerContinuesAfterPadding lets a server load the log of a killed process and append after
// the padding. perdure then continues after the server's commands.
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
	if _, padding := splitPadding(t, string(readFile(t, killed, incr1))); padding == "" {
		t.Fatal("no padding after a kill, want some")
	}
	redistest.Run(t, "redis-check-aof", filepath.Join(sub, "appendonly.aof.manifest"))
	s := server(t, killed)
	if got := keys(s); !slices.Equal(got, apply(list)) {
		t.Fatalf("the server has\n%s\nwant all records", lines(got))
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
		t.Fatalf("report = %+v, want unverified bytes and nothing truncated", recovery)
	}
	list = append(list, set(t, again, "ours", "again"))
	closeLog(t, again)
	if bytes.HasSuffix(readFile(t, killed, incr1), []byte("#\n")) {
		t.Error("padding after Close, want none")
	}
	redistest.Run(t, "redis-check-aof", filepath.Join(sub, "appendonly.aof.manifest"))
	s = server(t, killed)
	if got := keys(s); !slices.Equal(got, apply(list)) {
		t.Fatalf("the server has\n%s\nwant all records", lines(got))
	}
}
