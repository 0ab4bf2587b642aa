package perdure_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/vfs"
)

// script is a sequence of steps on a store with what it must hold after each: S(0), S(1), ...
type script struct {
	steps  []func(s *perdure.Store) error
	states []map[string]string // states[k] is the data set after k steps, by "db/key"
}

// standardScript makes every kind of write, and saves and rewrites in between.
func standardScript() *script {
	sc := &script{states: []map[string]string{{}}}
	step := func(do func(s *perdure.Store) error, change func(m map[string]string)) {
		next := maps.Clone(sc.states[len(sc.states)-1])
		if change != nil {
			change(next)
		}
		sc.steps = append(sc.steps, do)
		sc.states = append(sc.states, next)
	}
	set := func(db int, k, v string) {
		step(func(s *perdure.Store) error { return s.DB(db).Set(k, []byte(v)) },
			func(m map[string]string) { m[fmt.Sprintf("%d/%s", db, k)] = v })
	}
	total := 0
	incr := func() {
		total++
		n := total
		step(func(s *perdure.Store) error { _, err := s.Incr("n"); return err },
			func(m map[string]string) { m["0/n"] = fmt.Sprint(n) })
	}
	update := func(v string) {
		step(func(s *perdure.Store) error {
			return s.Update(func(tx *perdure.Tx) error {
				for db := range 3 {
					if err := tx.DB(db).Set("tx", []byte(v)); err != nil {
						return err
					}
				}
				_, err := tx.Delete("gone")
				return err
			})
		}, func(m map[string]string) {
			for db := range 3 {
				m[fmt.Sprintf("%d/tx", db)] = v
			}
			delete(m, "0/gone")
		})
	}
	for round := range 3 {
		set(0, "a", fmt.Sprint("first ", round))
		set(0, "gone", "soon")
		incr()
		set(1, "long", strings.Repeat(fmt.Sprint("block ", round), 900))
		update(fmt.Sprint("round ", round))
		step(func(s *perdure.Store) error { _, err := s.Append("log", []byte("entry;")); return err },
			func(m map[string]string) { m["0/log"] += "entry;" })
		switch round {
		case 0:
			step(func(s *perdure.Store) error { return s.Rewrite(context.Background()) }, nil)
		case 1:
			step(func(s *perdure.Store) error { _, err := s.Save(context.Background()); return err }, nil)
		}
		incr()
		set(2, "other", fmt.Sprint(round))
	}
	step(func(s *perdure.Store) error { return s.FlushAll() }, func(m map[string]string) { clear(m) })
	set(0, "after", "the flood")
	return sc
}

// holds gives a store's strings by "db/key".
func holds(s *perdure.Store) map[string]string {
	m := map[string]string{}
	for db := range s.Databases() {
		for k, v := range s.DB(db).All() {
			m[fmt.Sprintf("%d/%s", db, k)] = string(v)
		}
	}
	return m
}

// within reports whether a store holds S(k) for some from <= k <= to.
func (sc *script) within(s *perdure.Store, from, to int) bool {
	m := holds(s)
	for k := from; k <= min(to, len(sc.states)-1); k++ {
		if maps.Equal(m, sc.states[k]) {
			return true
		}
	}
	return false
}

var crashOptions = map[string]func() []perdure.Option{
	"always":    func() []perdure.Option { return logOnly(aof.Fsync(aof.Always)) },
	"everysec":  func() []perdure.Option { return logOnly() },
	"no":        func() []perdure.Option { return logOnly(aof.Fsync(aof.No)) },
	"resp base": func() []perdure.Option { return logOnly(aof.Fsync(aof.Always), aof.RDBBase(false)) },
}

// TestPowerLoss stops the machine before every operation on the file system: Open must work unaided
// and give S(k), with nothing lost that was promised, and must be able to go on from there.
//
// PERDURE_SEEDS sets how many random images are taken at each operation; `make soak` has many.
func TestPowerLoss(t *testing.T) {
	seeds := uint64(40)
	if testing.Short() {
		seeds = 1
	}
	if n, err := strconv.ParseUint(os.Getenv("PERDURE_SEEDS"), 10, 64); err == nil {
		seeds = n
	}
	for name, options := range crashOptions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			always := name == "always" || name == "resp base"
			images, sc := 0, standardScript()
			acked := 0
			mem := vfs.NewMem("/data")
			try := func(what string, image *vfs.Mem, from int) {
				images++
				s, err := perdure.Open("/data", append(options(), perdure.WithFS(image))...)
				if err != nil {
					t.Fatalf("%s: Open: %v", what, err)
				}
				if !sc.within(s, from, acked+1) {
					t.Fatalf("%s: after %d acknowledged steps the store holds %.300v", what, acked, holds(s))
				}
				if err := s.Set("on", []byte("we go")); err != nil {
					t.Fatalf("%s: Set after recovery: %v", what, err)
				}
				if err := s.Close(); err != nil {
					t.Fatalf("%s: Close after recovery: %v", what, err)
				}
			}
			fsys := vfs.NewFault(mem, func(op vfs.Op) error {
				if !strings.HasPrefix(op.Kind, "read") && op.Kind != "lstat" && op.Kind != "open" {
					try(fmt.Sprint("killed before ", op), mem.Crash(vfs.KeepAll, 0), acked)
					promised := 0
					if always {
						promised = acked
					}
					try(fmt.Sprint("power lost before ", op), mem.Crash(vfs.KeepNone, 0), promised)
					for seed := range seeds {
						try(fmt.Sprintf("power lost before %v, seed %d", op, seed), mem.Crash(vfs.KeepSome, seed), promised)
					}
				}
				return nil
			})
			s, err := perdure.Open("/data", append(options(), perdure.WithFS(fsys))...)
			ok(t, err)
			for _, step := range sc.steps {
				ok(t, step(s))
				acked++
			}
			ok(t, s.Close())
			t.Logf("%d images", images)
		})
	}
}

// TestEveryOperationFailsOnce fails the n-th operation on the file system, for every n, once and
// for ever: a step that returned nil is not lost, and a disk that heals heals the store.
func TestEveryOperationFailsOnce(t *testing.T) {
	for _, sticky := range []bool{false, true} {
		t.Run(fmt.Sprint("sticky ", sticky), func(t *testing.T) {
			t.Parallel()
			stride := 1
			if testing.Short() {
				stride = 7
			}
			runs := 0
			for n := 0; ; n += stride {
				if !failAt(t, n, sticky) {
					break
				}
				runs++
			}
			t.Logf("%d operations failed in turn", runs)
		})
	}
}

// failAt runs the script with operation n failing; false when there is no operation n.
func failAt(t *testing.T, n int, sticky bool) bool {
	t.Helper()
	cause := errors.New("planned fault")
	healed := false
	var failed vfs.Op
	mem := vfs.NewMem("/data")
	fsys := vfs.NewFault(mem, func(op vfs.Op) error {
		if healed || op.N < n || op.N > n && !sticky {
			return nil
		}
		if op.N == n {
			failed = op
		}
		if op.Kind == "write" && n%2 == 0 {
			return &vfs.ShortWrite{N: 5, Err: cause}
		}
		return cause
	})
	options := func(fs vfs.FS) []perdure.Option {
		return append(logOnly(aof.Fsync(aof.Always)), perdure.WithFS(fs), perdure.WithAutoRecover(false))
	}
	sc := standardScript()
	what := func() string { return fmt.Sprintf("operation %v (sticky %v)", failed, sticky) }
	s, err := perdure.Open("/data", options(fsys)...)
	low, high := 0, 0 // S(k) must be found for low <= k <= high
	if err == nil {
		low, high = runFaulty(sc, s)
		healed = true
		if errors.Is(s.Err(), perdure.ErrLogFailed) {
			if err := s.Recover(context.Background()); err != nil {
				t.Fatalf("%s: Recover: %v", what(), err)
			}
		}
		if err := s.Set("healed", []byte("1")); err != nil {
			t.Fatalf("%s: Set after healing: %v", what(), err)
		}
		if _, err := s.Delete("healed"); err != nil {
			t.Fatalf("%s: Delete after healing: %v", what(), err)
		}
		if !sc.within(s, low, high) {
			t.Fatalf("%s: memory holds %.300v", what(), holds(s))
		}
		s.Close()
	}
	healed = true
	if v := fsys.Violations(); len(v) > 0 {
		t.Fatalf("%s: %v", what(), v)
	}
	for _, kind := range []vfs.CrashKind{vfs.KeepNone, vfs.KeepAll} {
		again, err := perdure.Open("/data", options(mem.Crash(kind, 0))...)
		if err != nil {
			t.Fatalf("%s: Open after it: %v", what(), err)
		}
		if !sc.within(again, low, high) {
			t.Fatalf("%s: after %d to %d steps the files hold %.300v", what(), low, high, holds(again))
		}
		ok(t, again.Close())
	}
	return fsys.Count() > n
}

// runFaulty runs the script until a step fails, and says which states are possible then: a write
// that failed may or may not have taken effect.
func runFaulty(sc *script, s *perdure.Store) (low, high int) {
	for k, step := range sc.steps {
		if err := step(s); err != nil {
			return k, k + 1
		}
	}
	return len(sc.steps), len(sc.steps)
}
