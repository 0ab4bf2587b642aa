package campaign

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/internal/clock"
	"github.com/perduredb/perdure/internal/vfs"
)

// jumps lists the jumps of the wall clock.
var jumps = []time.Duration{
	time.Second, -time.Second, time.Hour, -time.Hour, 87600 * time.Hour, -87600 * time.Hour,
}

// clocks is campaign j. Time passes, the wall clock jumps, and a store with expiries writes,
// closes, and opens. Each write must be synced within two seconds, whatever the wall clock shows. A
// key that was seen as expired must not return. The keys contain strings, or small and large
// collections, which commands move, copy, and begin again.
func clocks(r *Run) {
	n := r.by(60, 1000)
	for i := range n {
		r.Step(fmt.Sprint(i), func() (err error) {
			r.Count("schedules", 1)
			r.T.Run(fmt.Sprint(i), func(t *testing.T) {
				defer clock.Shift(0)
				synctest.Test(t, func(*testing.T) { err = clockSchedule(rand.New(rand.NewPCG(r.Seed, uint64(i)))) })
			})
			return err
		})
		if r.over() {
			return
		}
	}
}

// timed is a store whose keys expire, with its expected contents.
type timed struct {
	mode
	mem  *vfs.Mem
	s    *perdure.Store
	want state           // keys that should exist until their expiry
	gone map[string]bool // keys that were seen as expired, by the names of a state
	acks []ack
}

// ack is a write and the time of its return on the monotonic clock.
type ack struct {
	key string
	at  time.Time
}

// clockSchedule runs one schedule with a fake clock.
func clockSchedule(rng *rand.Rand) (err error) {
	x := &timed{mode: modeOf("everysec"), mem: vfs.NewMem(dataDir), want: state{}, gone: map[string]bool{}}
	if x.s, err = x.open(x.mem); err != nil {
		return err
	}
	defer func() { err = firstError(err, x.s.Close()) }()
	shift := time.Duration(0)
	for i := range 30 {
		switch rng.IntN(6) {
		case 0:
			shift += jumps[rng.IntN(len(jumps))]
			if shift.Abs() > 100000*time.Hour { // times before 1970 are not expiries
				shift = 0
			}
			clock.Shift(shift)
		case 1:
			if err := x.again(rng.IntN(2) == 0); err != nil {
				return err
			}
		case 2, 3:
			time.Sleep(time.Duration(rng.IntN(2500)) * time.Millisecond)
			synctest.Wait()
		default:
			if err := x.write(rng, i); err != nil {
				return err
			}
		}
		if err := firstError(x.expiries(), x.cadence()); err != nil {
			return fmt.Errorf("step %d, wall clock shifted by %v: %w", i, shift, err)
		}
	}
	return nil
}

// write does write i: it sets a string that expires, or executes a command on collections and may
// then let its key expire. It also stores a key without an expiry, to check the sync of a write at
// this time.
func (x *timed) write(rng *rand.Rand, i int) error {
	at := clock.Now().Add(time.Duration(rng.IntN(5000)+1) * time.Millisecond).UnixMilli()
	ops := []op{{kind: opSet, key: fmt.Sprint("k", i), value: "v", at: at}}
	if n := rng.IntN(3); n > 0 {
		args := few.deterministic(rng)
		ops = []op{{kind: opCommand, key: args[1], args: args}, {kind: opExpire, key: args[1], at: at}}[:n]
	}
	for _, o := range ops {
		if err := o.do(x.s); err != nil {
			return fmt.Errorf("%v = %w, want nil", o, err)
		}
		o.apply(x.want)
	}
	for name := range x.want {
		delete(x.gone, name)
	}
	mark := fmt.Sprint("mark:", i)
	if err := x.s.Set(mark, nil); err != nil {
		return err
	}
	x.acks = append(x.acks, ack{mark, time.Now()})
	return nil
}

// again closes the store, or kills it, and opens it.
func (x *timed) again(kill bool) (err error) {
	if kill {
		// The store writes the deletion of an expired key within 0.1 s after a read finds the key.
		time.Sleep(200 * time.Millisecond)
		synctest.Wait()
		old := x.s
		x.mem = x.mem.Kill()
		defer func() { err = firstError(err, old.CloseNoSave()) }()
	} else if err := x.s.Close(); err != nil {
		return err
	}
	x.s, err = x.open(x.mem)
	return err
}

// expiries compares every key with the wall clock. A key has its value until its expiry. After a
// key was seen as expired, it must stay expired, even if the clock moves back and the store is
// opened again.
func (x *timed) expiries() error {
	for _, name := range sortedKeys(x.gone) {
		if got, err := x.value(name); err != nil || got != "" {
			return fmt.Errorf("%s = %.40q, %w after it had expired, want nothing", name, got, err)
		}
	}
	for _, name := range sortedKeys(x.want) {
		c, now := x.want[name], clock.Now().UnixMilli()
		got, err := x.value(name)
		switch {
		case err != nil:
			return err
		case got == "" && c.at != 0 && now >= c.at:
			x.gone[name] = true
			delete(x.want, name)
			continue
		case c.at != 0 && now > c.at+1:
			return fmt.Errorf("%s = %.40q %d ms after its expiry, want nothing", name, got, now-c.at)
		case got != c.value:
			return fmt.Errorf("%s, %d ms before its expiry at %d: %s", name, c.at-now, c.at, difference(got, c.value))
		}
		d, err := x.s.TTL(name[len("0/"):])
		if c.at != 0 && err == nil && d > time.Duration(c.at-now+1)*time.Millisecond {
			return fmt.Errorf("TTL of %s = %v, want %d ms", name, d, c.at-now)
		}
	}
	return nil
}

// value returns the value of a key in the form of a cell, or "" if the key does not exist.
func (x *timed) value(name string) (string, error) {
	key := name[len("0/"):]
	if key[0] != 'k' {
		return storeCollection(x.s, key)
	}
	v, err := x.s.Get(key)
	if errors.Is(err, perdure.ErrNotFound) {
		err = nil
	}
	return string(v), err
}

// cadence returns an error if a power loss now would lose a write that is at least two seconds old.
func (x *timed) cadence() error {
	after, err := x.open(x.mem.Crash(vfs.KeepNone, 0))
	if err != nil {
		return err
	}
	defer after.CloseNoSave() // a copy
	for _, a := range x.acks {
		if time.Since(a.at) < 2*time.Second {
			continue
		}
		if _, err := after.Get(a.key); err != nil {
			return fmt.Errorf("Get(%s) = %w, want the value written %v ago",
				a.key, err, time.Since(a.at))
		}
	}
	return nil
}
