package aof_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/dirfs"
	"github.com/perduredb/perdure/internal/vfs"
)

// TestRingDamaged checks that damage does not lose acknowledged records silently.
func TestRingDamaged(t *testing.T) {
	mem, list := killedRing(t)
	whole := memFile(t, mem, tailName)
	for offset := 0; offset < len(whole); offset++ {
		if whole[offset] == 0 && offset%61 > 0 {
			continue // most of the file is unused
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
			t.Fatalf("byte %d: records %q, report %+v, %v, want damage or all records", offset, u.got, rec, err)
		}
	}
	for _, size := range []int{0, 7, 511, 512, 4095, 4096, len(whole) - 1} {
		image := mem.Kill()
		replaceFile(t, image, tailName, []byte(whole[:size]))
		l, _, _, err := open(image, "/data")
		if !errors.Is(err, aofErrCorrupt(err)) || err == nil {
			t.Fatalf("%d bytes: Open = %v, want damage", size, err)
		}
		_ = l
	}
}

// TestRegionHeadersAreChecked is a regression test. A flipped bit in a region header, or a lost
// block of headers, silently lost an acknowledged record.
func TestRegionHeadersAreChecked(t *testing.T) {
	const block, words = 512, 40
	mem, list := killedRing(t)
	whole := []byte(memFile(t, mem, tailName))
	check := func(what string, damage func(data []byte)) {
		t.Helper()
		image := mem.Kill()
		damaged := bytes.Clone(whole)
		damage(damaged)
		replaceFile(t, image, tailName, damaged)
		l, u, rec, err := open(image, "/data")
		var corrupt *aof.CorruptError
		switch {
		case errors.As(err, &corrupt) && corrupt.File == tailName:
			return
		case err != nil:
			t.Fatalf("%s: Open = %v, want damage or nil", what, err)
		case rec.TailReason == "":
			want(t, u, list)
		}
		closeLog(t, l)
	}
	for region := range int(binary.LittleEndian.Uint32(whole[12:])) {
		at := block * (1 + region)
		check(fmt.Sprint("words of region ", region, " lost"), func(data []byte) { clear(data[at : at+block]) })
		for bit := range 8 * words {
			check(fmt.Sprintf("region %d, bit %d", region, bit), func(data []byte) {
				data[at+bit/8] ^= 1 << (bit % 8)
			})
		}
	}
}

// aofErrCorrupt returns err if it is damage, or another error.
func aofErrCorrupt(err error) error {
	var corrupt *aof.CorruptError
	if errors.As(err, &corrupt) {
		return err
	}
	return errors.New("damage")
}

// replaceFile replaces the content of a file.
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

// TestRingAfterAnotherProgram lets a Redis continue the log after the kill. The data of the ring
// does not belong after the commands of the Redis. Open keeps and reports it.
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
			t.Fatalf("report = %+v, want a tail file that is not merged", rec)
		}
		if kept := memFile(t, mem, tailName+".kept-1"); !strings.Contains(kept, "$1\r\na\r\n") {
			t.Fatal("the kept tail file lacks the records of the ring, want them")
		}
		closeLog(t, l)
	}
}

// TestRingAfterServerRewriteWithSameNumber kills a process in a rewrite, before the manifest lists
// its new incremental file. A Redis then rewrites the log, and its incremental file has that
// number. The ring's data for the first file does not apply to the second.
func TestRingAfterServerRewriteWithSameNumber(t *testing.T) {
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
		t.Fatalf("records %q, report %+v, want a tail file that is not merged", u.got, rec)
	}
	if kept := memFile(t, mem, tailName+".kept-1"); !strings.Contains(kept, "$1\r\nb\r\n") {
		t.Fatal("the kept tail file lacks the records of the ring, want them")
	}
	closeLog(t, l)
}

// TestRingAfterRewriteElsewhere uses a log that a Redis has rewritten, with a manifest without a
// checksum.
func TestRingAfterRewriteElsewhere(t *testing.T) {
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
		t.Fatalf("records %q, report %+v, want a tail file that is not merged", u.got, rec)
	}
	if names, _ := mem.ReadDir(logDir); !strings.Contains(strings.Join(names, " "), "tail.kept-1") {
		t.Fatalf("files = %q, want a kept tail file", names)
	}
	closeLog(t, l)
}

// TestRingUntil checks that a log cannot be truncated at a time while a tail file has unmerged
// data.
func TestRingUntil(t *testing.T) {
	mem, _ := killedRing(t, aof.Timestamps(true))
	e := env(mem, "/data")
	e.Until = time.Now().Add(-time.Minute)
	if _, _, _, err := openEnv(e); !errors.Is(err, appendlog.ErrUntil) {
		t.Fatal(err)
	}
}

// TestRingRepair checks that Check reports the data of the tail file, and that Repair writes it to
// the log.
func TestRingRepair(t *testing.T) {
	for _, opts := range [][]aof.Option{nil, {aof.Checksums(false)}} {
		mem, list := killedRing(t, opts...)
		report, err := aof.Check("/data", aof.OnFS(dirfs.New(mem)), stubBase())
		if err != nil || !report.OK() || report.Tail == nil || report.Tail.Missing == 0 || report.Tail.Commands != 2 {
			t.Fatalf("Check = %+v, tail %+v, %v, want 2 missing commands", report, report.Tail, err)
		}
		plan, err := aof.Repair("/data", aof.OnFS(dirfs.New(mem)), stubBase(), aof.PlanOnly())
		if err != nil || plan.Done || plan.Merged != report.Tail.Missing || plan.Tail != tailName {
			t.Fatalf("Repair with PlanOnly = %+v, %v, want the missing bytes of the tail file", plan, err)
		}
		// Repair may be killed at any time, and the power may fail once it is done.
		var killed []*vfs.Mem
		fs := vfs.NewFault(mem, func(op vfs.Op) error {
			if op.Changes() {
				killed = append(killed, mem.Kill())
			}
			return nil
		})
		if done, err := aof.Repair("/data", aof.OnFS(dirfs.New(fs)), stubBase()); err != nil || !done.Done || done.TailKept != "" {
			t.Fatalf("Repair = %+v, %v, want it done", done, err)
		}
		for _, image := range append(killed, mem.Crash(vfs.KeepNone, 0)) {
			wantIn(t, image, list, opts...)
		}
		report, err = aof.Check("/data", aof.OnFS(dirfs.New(mem)), stubBase())
		if err != nil || !report.OK() || report.Tail != nil {
			t.Fatalf("Check after Repair = %+v, %v, want a good log without a tail file", report, err)
		}
	}
}

// TestRingRepairOfDamage checks that a damaged tail file is kept under another name, and that the
// log opens.
func TestRingRepairOfDamage(t *testing.T) {
	mem, _ := killedRing(t)
	data := []byte(memFile(t, mem, tailName))
	data[3]++
	replaceFile(t, mem, tailName, data)
	report, err := aof.Check("/data", aof.OnFS(dirfs.New(mem)), stubBase())
	if err != nil || report.OK() || report.Tail.Problem == nil || report.Tail.Problem.File != tailName {
		t.Fatalf("Check = %+v, %v, want damage of the tail file", report, err)
	}
	plan, err := aof.Repair("/data", aof.OnFS(dirfs.New(mem)), stubBase())
	if err != nil || plan.TailKept != tailName+".kept-1" {
		t.Fatalf("Repair = %+v, %v, want the tail file kept", plan, err)
	}
	l, u, _, err := open(mem, "/data")
	if err != nil || len(u.got) > 0 {
		t.Fatalf("records %q, %v, want none", u.got, err)
	}
	closeLog(t, l)
}

// TestRingRepairFails makes every operation of Repair fail. The next Open must find the data.
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
		_, repairErr := aof.Repair("/data", aof.OnFS(dirfs.New(fs)), stubBase())
		if fs.Count() <= n {
			break
		}
		l, u, _, err := open(image.Kill(), "/data")
		if err != nil {
			t.Fatalf("operation %d (%v): Open = %v, want nil", n, repairErr, err)
		}
		want(t, u, list)
		closeLog(t, l)
	}
}
