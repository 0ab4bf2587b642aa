package aof_test

import (
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/vfs"
)

const (
	baseLine = "file appendonly.aof.1.base.rdb seq 1 type b\n"
	incrLine = "file appendonly.aof.1.incr.aof seq 1 type i\n"
)

// signed adds the checksum line.
func signed(text string) string {
	sum := crc32.Checksum([]byte(text), crc32.MakeTable(crc32.Castagnoli))
	return fmt.Sprintf("%s#p1:%08x\n", text, sum)
}

func TestNames(t *testing.T) {
	for _, name := range []string{"", ".", "..", "a/b", "/a", `a\b`, "a\x00", "a\nb", "../x",
		"temp-perdure-x", strings.Repeat("n", 201)} {
		if err := aof.ValidName(name); !errors.Is(err, aof.ErrOptions) {
			t.Errorf("ValidName(%q) = %v, want ErrOptions", name, err)
		}
		if _, err := aof.New(aof.Filename(name)).Open(env(vfs.OS(), t.TempDir())); !errors.Is(err, aof.ErrOptions) {
			t.Errorf("Open with Filename(%q) = %v, want ErrOptions", name, err)
		}
		if _, err := aof.New(aof.Dirname(name)).Open(env(vfs.OS(), t.TempDir())); !errors.Is(err, aof.ErrOptions) {
			t.Errorf("Open with Dirname(%q) = %v, want ErrOptions", name, err)
		}
	}
	dir := t.TempDir()
	opts := []aof.Option{aof.Filename("my log's \"aof\" \u00e9"), aof.Dirname("dir with spaces")}
	l, _, _ := mustOpen(t, dir, opts...)
	list := []string{set(t, l, "a", "1")}
	closeLog(t, l)
	_, u, _ := mustOpen(t, dir, opts...)
	want(t, u, list)
}

func TestConfigure(t *testing.T) {
	l, _, _ := mustOpen(t, t.TempDir())
	for _, o := range []aof.Option{aof.Fsync(aof.Always), aof.AutoRewrite(10, 1), aof.RDBBase(false),
		aof.NoFsyncOnRewrite(true), aof.Timestamps(true)} {
		if err := l.Configure(o); err != nil {
			t.Error(err)
		}
	}
	if l.Status().Fsync != aof.Always.String() {
		t.Errorf("Status().Fsync = %s, want %s", l.Status().Fsync, aof.Always)
	}
	for _, s := range []aof.Option{aof.Filename("x"), aof.Dirname("x"), aof.Checksums(false), aof.LoadTruncated(false),
		aof.Fsync(7), aof.AutoRewrite(-1, 0), {}} {
		if err := l.Configure(aof.Fsync(aof.No), s); !errors.Is(err, aof.ErrOptions) {
			t.Errorf("Configure = %v, want an error matching ErrOptions", err)
		}
		if got := l.Status().Fsync; got != "always" {
			t.Fatalf("Fsync after a refused Configure = %q, want %q", got, "always")
		}
	}
	set(t, l, "a", strings.Repeat("v", 100))
	if !l.Status().RewriteDue {
		t.Errorf("Status = %+v, want a rewrite due", l.Status())
	}
}

func TestTrigger(t *testing.T) {
	for _, c := range []struct {
		percentage int
		min        int64
		base, now  int64
		due        bool
	}{
		{100, 64, 50, 64, false}, // not larger than the minimum
		{100, 64, 50, 65, false},
		{100, 64, 50, 99, false},
		{100, 64, 50, 100, true},
		{100, 64, 0, 65, true},
		{0, 0, 1, 1 << 60, false},
		{100, 0, 1 << 62, 1<<62 + 5, false},
		{100, 0, 1 << 61, 1 << 62, true},
		{33, 0, 3, 4, true}, // 4*100/3 = 133
		{34, 0, 3, 4, false},
		{1 << 30, 0, 1, 1 << 62, true},
	} {
		tr := aof.Trigger{Percentage: c.percentage, MinSize: c.min}
		if tr.Due(c.base, c.now) != c.due {
			t.Errorf("Due(%d, %d) = %v, want %v", c.base, c.now, !c.due, c.due)
		}
	}
}
