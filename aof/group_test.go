package aof_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/dirfs"
	"github.com/perduredb/perdure/internal/resp"
	"github.com/perduredb/perdure/internal/vfs"
)

// lent is a linked value. Its release overwrites it, so that a later read by the log is detected.
type lent struct {
	value    []byte
	released atomic.Int32
	want     int32
}

func (v *lent) release() {
	v.released.Add(1)
	for i := range v.value {
		v.value[i] = '!'
	}
}

// lend appends SET k v with a linked value, or a transaction of SET k v and SET k2 v.
func lend(l *aof.Log, db int, k, v string, two bool) (*lent, appendlog.Position, string) {
	kept := &lent{value: []byte(strings.Repeat(v, 2)), want: 1}
	head := func(k string) []byte {
		b := resp.AppendBulk(resp.AppendBulk(resp.AppendHeader(nil, 3), "SET"), k)
		return resp.AppendBulkHead(b, len(v))
	}
	unit := [][]byte{head(k), kept.value[:len(v)], []byte("\r\n")}
	s := fmt.Sprintf("%d: SET %s %s", db, k, v)
	if two {
		unit = [][]byte{append([]byte(appendlog.Multi), head(k)...), kept.value[:len(v)], append([]byte("\r\n"), head(k+"b")...),
			kept.value[len(v):], []byte("\r\n" + appendlog.Exec)}
		s += fmt.Sprintf("; %d: SET %sb %s", db, k, v)
	}
	p, ok := l.AppendLinked(db, db, unit, kept.release)
	if !ok {
		kept.want = 0
	}
	return kept, p, s
}

// lentAll returns an error if a value was not released once per link.
func lentAll(all []*lent) error {
	for i, v := range all {
		if n := v.released.Load(); n != v.want {
			return fmt.Errorf("value %d of %d was released %d times, and not %d", i, len(all), n, v.want)
		}
	}
	return nil
}

// digits matches the parts that differ between two logs of equal commands.
var digits = regexp.MustCompile(`#p1:[0-9a-f]{8}( salt:[0-9a-f]{16} store:[0-9a-f]{16})?|close:[0-9a-f]{16}`)

// TestLinkedBytesEqualAppendedBytes compares the files of AppendLinked and of Append, including
// markers.
func TestLinkedBytesEqualAppendedBytes(t *testing.T) {
	for _, ring := range []aof.Mode{aof.Direct, aof.Ring} {
		var files []string
		for _, linked := range []bool{false, true} {
			mem := vfs.NewMem("/data")
			l, _, _, err := open(mem, "/data", aof.LogMode(ring), aof.Fsync(aof.Always))
			if err != nil {
				t.Fatal(err)
			}
			set(t, l, "a", "1")
			for i, v := range []string{"", "x", strings.Repeat("y", 5000)} {
				unit := fmt.Sprintf("%d: SET k %s", i, v)
				var p appendlog.Position
				if linked {
					var kept *lent
					kept, p, _ = lend(l, i, "k", v, false)
					defer func() {
						if err := lentAll([]*lent{kept}); err != nil {
							t.Error(err)
						}
					}()
				} else {
					p, _ = command(l, i, "SET", "k", v)
				}
				if err := l.Commit(p, true); err != nil {
					t.Fatalf("Commit of %.40s = %v, want nil", unit, err)
				}
			}
			set(t, l, "b", "2")
			closeLog(t, l)
			report, err := aof.Check("/data", aof.OnFS(dirfs.New(mem)))
			if last := report.Files[len(report.Files)-1]; err != nil || !report.OK() || last.Marks < 6 || last.Unverified > 0 {
				t.Fatalf("Check = %+v, %v, want a good log with at least 6 markers", report, err)
			}
			files = append(files, digits.ReplaceAllString(memFile(t, mem, incrName), "#p1"))
		}
		if files[0] != files[1] {
			t.Errorf("%v: AppendLinked wrote %.300q, want as Append %.300q", ring, files[1], files[0])
		}
	}
}

// stalledFS is a file system on which large writes to incremental files wait.
type stalledFS struct {
	vfs.FS
	above int           // size above which a write waits
	came  chan struct{} // receives when such a write begins
	gone  chan struct{} // closed when such writes may continue
}

type stalledFile struct {
	vfs.File
	fs *stalledFS
}

func (fs *stalledFS) Create(name string) (vfs.File, error) {
	f, err := fs.FS.Create(name)
	if err != nil || !strings.HasSuffix(name, ".incr.aof") {
		return f, err
	}
	return &stalledFile{f, fs}, nil
}

func (f *stalledFile) WriteAt(p []byte, offset int64) (int, error) {
	if len(p) > f.fs.above {
		f.fs.came <- struct{}{}
		<-f.fs.gone
	}
	return f.File.WriteAt(p, offset)
}

// TestLinkedWriteBlocksNoAppend checks the log during the write of a large value. Log records can
// be appended, records in the tail file are acknowledged, and the status is available.
func TestLinkedWriteBlocksNoAppend(t *testing.T) {
	fs := &stalledFS{FS: vfs.NewMem("/data"), above: 1 << 20, came: make(chan struct{}, 1), gone: make(chan struct{})}
	l, _, _, err := open(fs, "/data", aof.LogMode(aof.Ring), aof.Fsync(aof.No), aof.RingDelay(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	list := []string{set(t, l, "a", "1")} // is in the tail file
	kept, large, s := lend(l, 0, "large", strings.Repeat("v", 2<<20), false)
	list = append(list, s)
	done := make(chan error)
	go func() { done <- l.Commit(large, false) }()
	<-fs.came
	p, s := command(l, 0, "SET", "b", "2")
	list = append(list, s)
	later := make(chan error)
	go func() { later <- l.Commit(p, false) }()
	if st := l.Status(); st.Buffered < 2<<20 || st.Mode != "ring" {
		t.Errorf("Status = %+v, want the large value buffered in Ring mode", st)
	}
	if n := kept.released.Load(); n != 0 || bytes.IndexByte(kept.value, '!') >= 0 {
		t.Error("the value is released during its write, want later")
	}
	select {
	case err := <-later:
		t.Errorf("Commit of the second record = %v before the first is written, want it to wait", err)
	default:
	}
	close(fs.gone)
	for _, c := range []chan error{done, later} {
		if err := <-c; err != nil {
			t.Error(err)
		}
	}
	if err := lentAll([]*lent{kept}); err != nil {
		t.Error(err)
	}
	closeLog(t, l)
	again, u, _, err := open(fs.FS, "/data")
	if err != nil {
		t.Fatal(err)
	}
	want(t, u, list)
	closeLog(t, again)
}

// TestAbandonedCutWritesLinkedValues checks that values linked before and after a Cut are written
// in order if the Rewrite is abandoned, by its Commit or by Close.
func TestAbandonedCutWritesLinkedValues(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, mode := range []aof.Mode{aof.Direct, aof.Ring} {
		for _, byClose := range []bool{false, true} {
			mem := vfs.NewMem("/data")
			l, _, _, err := open(mem, "/data", aof.LogMode(mode), aof.Fsync(aof.No))
			if err != nil {
				t.Fatal(err)
			}
			var list []string
			var all []*lent
			add := func(k string) (p appendlog.Position) {
				_, s := command(l, 0, "SET", k, "small")
				v, p, large := lend(l, 0, k, "large", true)
				list, all = append(list, s, large), append(all, v)
				return p
			}
			r, err := l.BeginRewrite()
			if err != nil {
				t.Fatal(err)
			}
			add("a")
			add("b")
			r.Cut()
			add("c")
			p := add("d")
			if !byClose {
				if err := r.Commit(canceled, base(nil)); !errors.Is(err, context.Canceled) {
					t.Fatal(err)
				}
				if err := l.Commit(p, false); err != nil {
					t.Fatal(err)
				}
				add("e")
			}
			closeLog(t, l)
			if err := lentAll(all); err != nil {
				t.Error(err)
			}
			again, u, _, err := open(mem, "/data")
			if err != nil {
				t.Fatal(err)
			}
			want(t, u, list)
			closeLog(t, again)
		}
	}
}

// TestLogFailureAfterCutReleasesLinkedValues checks that values linked before a Cut are released if
// the log fails before the Rewrite continues.
func TestLogFailureAfterCutReleasesLinkedValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		fs := vfs.NewFault(vfs.NewMem("/data"), func(op vfs.Op) error {
			if broken.Load() && op.Kind == "datasync" {
				return errors.New("broken")
			}
			return nil
		})
		l, _, _, err := open(fs, "/data", aof.LogMode(aof.Direct), aof.Fsync(aof.EverySec))
		if err != nil {
			t.Fatal(err)
		}
		r, err := l.BeginRewrite()
		if err != nil {
			t.Fatal(err)
		}
		set(t, l, "a", "1")
		before, _, _ := lend(l, 0, "k", "large", true)
		r.Cut()
		later, _, _ := lend(l, 0, "k", "large", true)
		broken.Store(true)
		time.Sleep(2 * time.Second)
		if l.Err() == nil {
			t.Fatal("Err = nil after a failed sync, want an error")
		}
		if err := r.Commit(t.Context(), base(nil)); err == nil {
			t.Error("Commit of the rewrite = nil, want an error")
		}
		if err := l.Close(); err == nil {
			t.Error("Close = nil, want an error")
		}
		if err := lentAll([]*lent{before, later}); err != nil {
			t.Error(err)
		}
	})
}
