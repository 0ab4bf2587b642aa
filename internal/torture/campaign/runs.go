package campaign

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/storefs"
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/snapshot"
)

// A runKind is a way to run a store once: with or without its log, with or without a switch of the
// log in the middle, and with a way to end.
type runKind struct {
	name     string
	log      bool // open with the log
	switched bool // switch the log off or on in the middle
	end      func(s *perdure.Store) error
}

var runKinds = []runKind{
	{"with a log", true, false, (*perdure.Store).Close},
	{"without a log", false, false, (*perdure.Store).Close},
	{"the log switched off", true, true, (*perdure.Store).Close},
	{"the log switched on", false, true, (*perdure.Store).Close},
	{"without a final dump", true, false, (*perdure.Store).CloseNoSave},
	{"killed", true, false, nil},
	{"the log switched off, killed", true, true, nil},
	{"the log switched on, killed", false, true, nil},
}

// runs opens a directory repeatedly, in one way after another. The next Open must return the data
// that a Close confirmed, or the data in the log of a killed store. Instead, Open may refuse to run
// without the log.
func runs(r *Run) {
	for i := range r.by(40, 800) {
		r.Go(fmt.Sprint("runs/", i), func() error { return sequence(r, rand.New(rand.NewPCG(r.Seed, uint64(i)))) })
	}
}

// sequence does eight runs on one directory.
func sequence(r *Run, rng *rand.Rand) error {
	mem := vfs.NewMem()
	last := state{} // the state that the next Open must return
	var names []string
	for range 8 {
		k := runKinds[rng.IntN(len(runKinds))]
		names = append(names, k.name)
		log := []aof.Option{aof.LogMode(aof.Mode(rng.IntN(2))), aof.RDBBase(rng.IntN(3) > 0), aof.Checksums(rng.IntN(4) > 0)}
		next, image, err := k.run(mem, log, last, rng)
		if errors.Is(err, perdure.ErrLogIgnored) {
			r.Count("refused without the log", 1)
			continue
		}
		if err != nil {
			return fmt.Errorf("%q: %w", names, err)
		}
		last, mem = next, image
		r.Count("runs", 1)
	}
	return nil
}

// run runs a store once. It returns the state that the next run must find, and the file system.
func (k *runKind) run(mem *vfs.Mem, log []aof.Option, found state, rng *rand.Rand) (state, *vfs.Mem, error) {
	opts := []perdure.Option{storefs.Option(mem), perdure.WithDatabases(databases), perdure.WithSaveRules(snapshot.Rule{Seconds: 900, Changes: 1})}
	if k.log {
		opts = append(opts, perdure.WithAppendLog(aof.New(log...)))
	} else {
		opts = append(opts, perdure.WithoutAppendLog())
	}
	s, err := perdure.Open(dataDir, opts...)
	if err != nil {
		return nil, nil, err
	}
	defer s.CloseNoSave() // after the end, or on a store that counts as killed
	if d, err := digestOf(s); err != nil || d != found.digest() {
		return nil, nil, fmt.Errorf("UNDONE: got %s, want %v; recovery report %+v, %v", held(s), found, s.Recovery(), err)
	}
	if s.Recovery().NewerDump {
		return nil, nil, errors.New("recovery report names the store's own dump")
	}
	now, err := writes(s, found, rng)
	if err != nil {
		return nil, nil, err
	}
	durable := now
	if k.switched {
		if err := k.switchLog(s, log); err != nil {
			return nil, nil, err
		}
		if now, err = writes(s, now, rng); err != nil {
			return nil, nil, err
		}
	}
	if k.end == nil {
		return pick(k.log && k.switched, durable, now), mem.Kill(), nil
	}
	return now, mem, k.end(s)
}

// switchLog switches the log off or on, and waits until the log is complete.
func (k *runKind) switchLog(s *perdure.Store, log []aof.Option) error {
	if k.log {
		return s.Configure(perdure.WithoutAppendLog())
	}
	if err := s.Configure(perdure.WithAppendLog(aof.New(log...))); err != nil {
		return err
	}
	for !s.Stats().LogReady { // the patience of the step ends a wait without end
		time.Sleep(time.Millisecond)
	}
	return nil
}

// writes does a few writes, and returns the state after them.
func writes(s *perdure.Store, now state, rng *rand.Rand) (state, error) {
	next := maps.Clone(now)
	for range rng.IntN(4) {
		o := randomWrite(rng)
		o.durable = false
		if err := o.do(s); err != nil {
			return nil, err
		}
		o.apply(next)
		if err := o.settle(s, next); err != nil {
			return nil, err
		}
	}
	return next, nil
}
