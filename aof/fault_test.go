package aof_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/resp"
	"github.com/perduredb/perdure/internal/vfs"
)

// memory stands for the store above a log: what its base would hold.
type memory struct {
	log   *aof.Log
	list  []string // every unit that was appended
	acked int      // so many first units were acknowledged
	safe  int      // and so many of them are promised to survive a loss of power
	n     int
}

// put appends one unit and commits it.
func (m *memory) put(durable bool) error {
	m.n++
	k := fmt.Sprint("k", m.n)
	p, s := aof.Position(0), ""
	if m.n%5 == 0 {
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
	m.acked = len(m.list)
	if m.log.Status().Published && (durable || m.log.Status().Fsync == aof.Always) {
		m.safe = m.acked
	}
	return nil
}

func (m *memory) rewrite() error {
	r, err := m.log.BeginRewrite()
	if err != nil {
		return err
	}
	r.Cut()
	cut := m.list[:len(m.list):len(m.list)]
	for range 2 {
		_, s := command(m.log, 1, "SET", "behind", "the cut")
		m.list = append(m.list, s)
	}
	if err := r.Commit(context.Background(), base(cut)); err != nil {
		return err
	}
	m.acked, m.safe = len(m.list), len(m.list)
	return nil
}

// work is the workload of the sweeps: opening, writing, rewriting, closing. It goes on after
// errors as a store would, and mends a failed log once.
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
	m.list, m.acked = u.got, len(u.got)
	if m.safe > len(u.got) {
		panic(fmt.Sprintf("%d units, %d were safe", len(u.got), m.safe))
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
			m.safe = m.acked
		}
	}
	for range 3 {
		note(m.put(false))
	}
	if err := l.Close(); err != nil {
		note(err)
	} else if l.Status().Published {
		m.acked, m.safe = len(m.list), len(m.list)
	}
	return errs
}

// recovered opens what is left and compares.
func recovered(fs vfs.FS, m *memory, floor int, opts ...aof.Option) error {
	l, u, _, err := open(fs, "/data", opts...)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	defer l.Close()
	if !isPrefix(u.got, m.list) || len(u.got) < floor {
		return fmt.Errorf("%d units came back, need %d of %d:\n%s", len(u.got), floor, len(m.list), lines(u.got))
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
		return fmt.Errorf("second open: %w", err)
	}
	defer again.Close()
	if strings.Join(u.got, "\n") != strings.Join(list, "\n") || recovery.Cut > 0 {
		return fmt.Errorf("second open gives %d units, want %d; %+v", len(u.got), len(list), recovery)
	}
	return nil
}

func policies() map[string][]aof.Option {
	return map[string][]aof.Option{
		"always":    {aof.Fsync(aof.Always)},
		"everysec":  {aof.Fsync(aof.EverySec), aof.RDBBase(false)},
		"no":        {aof.Fsync(aof.No)},
		"plain log": {aof.Fsync(aof.Always), aof.Checksums(false)},
	}
}

// TestEveryOperationFails lets each operation fail once, in several ways, and then looks at what
// a program that is killed, and one that was closed, leaves.
func TestEveryOperationFails(t *testing.T) {
	boom := errors.New("boom")
	for name, opts := range policies() {
		for _, how := range []string{"error", "short write", "sticky"} {
			t.Run(name+"/"+how, func(t *testing.T) {
				for n := 0; ; n++ {
					mem := vfs.NewMem("/data")
					var failed vfs.Op
					fs := vfs.NewFault(mem, func(op vfs.Op) error {
						if op.N < n || op.N > n && how != "sticky" {
							return nil
						}
						failed = op
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
						t.Fatalf("%v fails: %v", failed, v)
					}
					for _, err := range errs {
						if !errors.Is(err, boom) {
							t.Fatalf("%v fails: %v", failed, err)
						}
					}
					if err := recovered(mem.Crash(vfs.KeepAll, 0), m, m.acked, opts...); err != nil {
						t.Fatalf("%v fails (%v), killed: %v", failed, errs, err)
					}
					for seed := range uint64(3) {
						if err := recovered(mem.Crash(vfs.KeepSome, seed), m, m.safe, opts...); err != nil {
							if name == "plain log" {
								continue // without checksums damage is damage
							}
							t.Fatalf("%v fails (%v), power lost, seed %d: %v", failed, errs, seed, err)
						}
					}
				}
			})
		}
	}
}

// TestEveryCrash takes the power away before each operation.
func TestEveryCrash(t *testing.T) {
	type image struct {
		fs    *vfs.Mem
		m     memory
		floor int
		op    vfs.Op
	}
	for name, opts := range policies() {
		if name == "plain log" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			var images []image
			rng := rand.New(rand.NewPCG(1, 2))
			mem := vfs.NewMem("/data")
			m := &memory{}
			fs := vfs.NewFault(mem, func(op vfs.Op) error {
				switch op.Kind {
				case "create", "write", "sync", "datasync", "rename", "remove", "truncate", "syncdir", "mkdir":
				default:
					return nil
				}
				for _, kind := range []vfs.CrashKind{vfs.KeepNone, vfs.KeepAll, vfs.KeepSome, vfs.KeepSome, vfs.KeepSome} {
					floor := m.safe
					if kind == vfs.KeepAll {
						floor = m.acked
					}
					images = append(images, image{mem.Crash(kind, rng.Uint64()), *m, floor, op})
				}
				return nil
			})
			for range 2 {
				if errs := work(fs, m, opts...); len(errs) > 0 {
					t.Fatal(errs)
				}
			}
			final := m.list
			for i, im := range images {
				im.m.list = final // what was appended later may be there already
				if err := recovered(im.fs, &im.m, im.floor, opts...); err != nil {
					t.Fatalf("image %d, before %v: %v", i, im.op, err)
				}
			}
			t.Logf("%d images", len(images))
		})
	}
}
