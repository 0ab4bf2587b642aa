package aof_test

import (
	"errors"
	"io"
	"testing"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/vfs"
)

// TestFirstBase checks that records appended during the write of the first base are durable with
// it.
func TestFirstBase(t *testing.T) {
	mem := vfs.NewMem("/data")
	l := aof.New(aof.Fsync(aof.Always))
	if _, err := l.Open(env(mem, "/data")); err != nil {
		t.Fatal(err)
	}
	list := []string{"0: SET base 1"}
	p, _ := command(l, 0, "SET", "base", "1") // the base will contain it
	if err := l.Commit(p, true); err != nil {
		t.Fatal(err)
	}
	r, err := l.BeginRewrite()
	if err != nil {
		t.Fatal(err)
	}
	r.Cut()
	list = append(list, set(t, l, "meanwhile", "1"))
	b := base(list[:1])
	rdb := b.RDB
	b.RDB = func(w io.Writer, origin string) error {
		list = append(list, set(t, l, "meanwhile", "2"))
		_, s := command(l, 0, "SET", "uncommitted", "3")
		list = append(list, s)
		return rdb(w, origin)
	}
	if s := l.Status(); s.Published {
		t.Fatal("Published = true without a base, want false")
	}
	if err := r.Commit(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	after, u, _, err := open(mem.Crash(vfs.KeepNone, 0), "/data")
	if err != nil {
		t.Fatal(err)
	}
	want(t, u, list)
	closeLog(t, after)
	closeLog(t, l)
}

// TestFirstBaseFails checks that the failure leaves no log, and that another try creates it.
func TestFirstBaseFails(t *testing.T) {
	mem := vfs.NewMem("/data")
	l := aof.New()
	if _, err := l.Open(env(mem, "/data")); err != nil {
		t.Fatal(err)
	}
	boom := errors.New("boom")
	r, err := l.BeginRewrite()
	if err != nil {
		t.Fatal(err)
	}
	r.Cut()
	set(t, l, "a", "1")
	b := base(nil)
	b.RDB = func(io.Writer, string) error { return boom }
	if err := r.Commit(t.Context(), b); !errors.Is(err, boom) {
		t.Fatal(err)
	}
	set(t, l, "b", "2") // neither written nor acknowledged as safe
	if s := l.Status(); s.Published || l.Err() != nil {
		t.Fatalf("Status = %+v, Err = %v, want an unpublished log and nil", s, l.Err())
	}
	if names, _ := mem.ReadDir("/data/appendonlydir"); len(names) > 0 {
		t.Fatalf("files = %q, want none", names)
	}
	if err := rewrite(l, []string{"0: SET a 1", "0: SET b 2"}); err != nil {
		t.Fatal(err)
	}
	list := []string{"0: SET a 1", "0: SET b 2", set(t, l, "c", "3")}
	closeLog(t, l)
	again, u, _, err := open(mem, "/data")
	if err != nil {
		t.Fatal(err)
	}
	want(t, u, list)
	closeLog(t, again)
}

// TestAppendDuringFirstBase appends records all the time while the log installs its first base, and
// creates its tail file. Each record must be in the log.
func TestAppendDuringFirstBase(t *testing.T) {
	for range 150 {
		mem := vfs.NewMem("/data")
		l := aof.New(slowRing()...) // a small tail file is made soon
		if _, err := l.Open(env(mem, "/data")); err != nil {
			t.Fatal(err)
		}
		r, err := l.BeginRewrite()
		if err != nil {
			t.Fatal(err)
		}
		r.Cut()
		var list []string
		done, stop := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			for {
				_, s := command(l, 0, "SET", "k", "v")
				list = append(list, s)
				select {
				case <-stop:
					return
				default:
				}
			}
		}()
		err = r.Commit(t.Context(), base(nil))
		close(stop)
		<-done
		if err != nil {
			t.Fatal(err)
		}
		closeLog(t, l)
		again, u, _, err := open(mem, "/data")
		if err != nil {
			t.Fatal(err)
		}
		want(t, u, list)
		closeLog(t, again)
	}
}
