package campaign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/internal/engine"
	"github.com/perduredb/perdure/internal/vfs"
)

// same is the metamorphic part of campaign f. A program of commands must return the same answers in
// every mode, and after every way to reload the data. Transactions that are rolled back in between
// must change nothing.
func same(r *Run) {
	for i := range r.by(10, 60) {
		r.Go(fmt.Sprint(i), func() error {
			var want []string
			for _, m := range append([]mode{{name: "memory"}}, modes...) {
				for _, way := range reloads {
					got, err := answers(m, way, r.Seed<<16+uint64(i))
					if err != nil {
						return fmt.Errorf("%s, %s: %w", m.name, way, err)
					}
					if want == nil {
						want = got
					}
					for j := range got {
						if got[j] != want[j] {
							return fmt.Errorf("%s, %s: result %d: %s", m.name, way, j, difference(got[j], want[j]))
						}
					}
					r.Count("programs", 1)
				}
			}
			return nil
		})
	}
	r.Wait()
}

// reloads lists the ways to reload the data of a store, every 40 commands.
var reloads = []string{"none", "reopen", "rewrite and reopen", "restore"}

// answers plays a program. It returns the answer of each command, and the data set at the end.
func answers(m mode, way string, seed uint64) (all []string, err error) {
	rng := rand.New(rand.NewPCG(seed, 41))
	mem := vfs.NewMem()
	open := func() (*perdure.Store, error) {
		if m.name == "memory" {
			return perdure.New()
		}
		return m.open(mem)
	}
	s, err := open()
	if err != nil {
		return nil, err
	}
	for i := range 160 {
		if i%10 == 9 {
			if err := randomUpdate(rng, opUndo).do(s); err != nil {
				return nil, err
			}
		}
		all = append(all, answer(s, redisOp(rng)))
		if i%40 != 39 {
			continue
		}
		if s, err = reload(s, m, way, open); err != nil {
			return nil, err
		}
	}
	return append(all, dumpOf(s)), errors.Join(engine.Of(s).CheckTable(), s.Close())
}

// reload moves the data through a file, or does nothing without a file.
func reload(s *perdure.Store, m mode, way string, open func() (*perdure.Store, error)) (*perdure.Store, error) {
	ctx, memory := context.Background(), m.name == "memory"
	switch {
	case way == "restore":
		snap, err := s.Snapshot()
		if err != nil {
			return nil, err
		}
		var dump bytes.Buffer
		_, err = snap.WriteTo(&dump)
		if err := errors.Join(err, snap.Close(), s.FlushAll(), s.Restore(ctx, &dump)); err != nil {
			return nil, err
		}
		return s, nil
	case way == "none" || memory:
		return s, nil
	case m.log == nil:
		if _, err := s.Save(ctx); err != nil {
			return nil, err
		}
	case way == "rewrite and reopen":
		if err := s.Rewrite(ctx); err != nil {
			return nil, err
		}
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	return open()
}
