package campaign

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/dirfs"
	"github.com/perduredb/perdure/internal/vfs"
)

// full is campaign l. It tries every third disk size, in bytes, up to the need of a script. Writes
// without room must fail, and no acknowledged write may be lost. A server must be able to read the
// log at any time. When there is room again, the store must continue.
func full(r *Run) {
	for i := range r.by(1, 2) {
		sc := fullScript(r.Seed + uint64(i)<<32)
		for _, m := range logs()[:3] {
			mem := vfs.NewMem(dataDir)
			l := newLife(m, mem, []state{{}}, 0)
			if err := firstError(l.open(), l.playAll(sc), l.store.Close()); err != nil {
				r.fail(m.name, err)
				return
			}
			most := mem.Used() + 2000 // a rewrite needs room for both logs
			for size := int64(1); size < most; size += int64(r.by(43, 3)) {
				f := &faulty{mode: m, check: size%101 == 0}
				if i > 0 {
					f.only = 1 + int(size/4)%6
				}
				r.Go(fmt.Sprintf("%d/%s/%d", i, m.name, size), func() error { return f.fullDisk(r, sc, size) })
			}
		}
	}
	r.Wait()
	limits(r)
}

// fullScript returns a short script, so that every size can be tried.
func fullScript(seed uint64) script {
	rng := rand.New(rand.NewPCG(seed, 31))
	var sc script
	for i := range 24 {
		o := randomWrite(rng)
		sc = append(sc, o.clipped(pick(o.args == nil, 100, 12)))
		if i == 12 {
			sc = append(sc, op{kind: opRewrite}, op{kind: opSave})
		}
	}
	return sc
}

func (f *faulty) fullDisk(r *Run, sc script, size int64) error {
	r.Count("capacities", 1)
	mem := vfs.NewMem(dataDir)
	mem.SetCapacity(size)
	l := newLife(f.mode, mem, []state{{}}, 0)
	f.mem, f.life = mem, l
	if err := l.open(); err != nil {
		if !errors.Is(err, vfs.ErrNoSpace) {
			return fmt.Errorf("open = %w, want nil or ErrNoSpace", err)
		}
		l.store = nil
	}
	for i, o := range sc {
		if l.store == nil {
			break
		}
		err := l.play(o)
		if err != nil && !errors.Is(err, vfs.ErrNoSpace) {
			return fmt.Errorf("op %d, %v = %w, want nil or ErrNoSpace", i, o, err)
		}
		if err := l.resolve(); err != nil {
			return fmt.Errorf("op %d, %v: %w", i, o, err)
		}
		if err != nil {
			if err := wholeLog(mem); err != nil {
				return fmt.Errorf("op %d, %v: %w", i, o, err)
			}
		}
	}
	mem.SetCapacity(0)
	crashes := size%4 == 0 // the recoveries take most of the time
	if crashes {
		if err := f.crash(r, "full"); err != nil {
			return err
		}
	}
	if l.store == nil {
		return nil
	}
	if err := f.heal(); err != nil {
		return fmt.Errorf("with space available again: %w", err)
	}
	f.healed = true
	if err := l.store.Close(); err != nil {
		return err
	}
	if !crashes {
		return nil
	}
	return f.crash(r, "with space available again")
}

// wholeLog returns an error if a log does not end with a whole group. Any server could read such a
// log.
func wholeLog(mem *vfs.Mem) error {
	report, err := aof.Check(dataDir, aof.OnFS(dirfs.New(mem)))
	if err != nil {
		return err
	}
	return report.Err()
}
