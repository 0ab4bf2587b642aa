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
// key that was seen as expired must not return.
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

// timed is a store whose keys expire, with the expected state of the keys.
type timed struct {
	mode
	mem  *vfs.Mem
	s    *perdure.Store
	at   map[string]int64 // expiry of each key that should live, Unix milliseconds
	gone map[string]bool  // keys that were seen as expired
	acks []ack
}

// ack is a write and the time of its return on the monotonic clock.
type ack struct {
	key string
	at  time.Time
}

// clockSchedule runs one schedule with a fake clock.
func clockSchedule(rng *rand.Rand) (err error) {
	x := &timed{mode: modeOf("everysec"), mem: vfs.NewMem(dataDir), at: map[string]int64{}, gone: map[string]bool{}}
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
			if err := x.set(fmt.Sprint("k", i), time.Duration(rng.IntN(5000)+1)*time.Millisecond); err != nil {
				return err
			}
		}
		if err := firstError(x.expiries(), x.cadence()); err != nil {
			return fmt.Errorf("step %d, wall clock shifted by %v: %w", i, shift, err)
		}
	}
	return nil
}

// set stores a key with an expiry. It also stores a key without an expiry, to check the sync of a
// write at this time.
func (x *timed) set(key string, ttl time.Duration) error {
	at := clock.Now().Add(ttl).UnixMilli()
	err := x.s.Set(key, []byte("v"), perdure.ExpireAt(time.UnixMilli(at)))
	if err != nil {
		return err
	}
	x.at[key] = at
	delete(x.gone, key)
	mark := fmt.Sprint("mark:", key)
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

// expiries compares every key with the wall clock. A key lives until its expiry. After a key was
// seen as expired, it must stay expired, even if the clock moves back and the store is opened
// again.
func (x *timed) expiries() error {
	for key, at := range x.at {
		now := clock.Now().UnixMilli()
		_, err := x.s.Get(key)
		there := err == nil
		if err != nil && !errors.Is(err, perdure.ErrNotFound) {
			return err
		}
		switch {
		case there && x.gone[key]:
			return fmt.Errorf("Get(%s) = nil after it had expired, want ErrNotFound", key)
		case there && now > at+1:
			return fmt.Errorf("Get(%s) = nil %d ms after its expiry, want ErrNotFound", key, now-at)
		case !there && now < at && !x.gone[key]:
			return fmt.Errorf("Get(%s) = ErrNotFound %d ms before expiry, want nil", key, at-now)
		}
		if there {
			if d, err := x.s.TTL(key); err == nil && d > time.Duration(at-now+1)*time.Millisecond {
				return fmt.Errorf("TTL of %s = %v, want %d ms", key, d, at-now)
			}
		}
		x.gone[key] = x.gone[key] || !there
	}
	return nil
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
