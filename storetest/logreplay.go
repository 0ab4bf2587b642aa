//lint:file-ignore ST1005 The messages begin with the name of the method that broke its duty.

package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/snapshot"
)

// tornSeeds is the number of power failures whose remains are looked at.
const tornSeeds = 24

// crashed returns what a power failure leaves of a log with units that were not synced, all units,
// and the number of those that are durable for sure. The power fails before an operation that seed
// chooses, or after all units.
func (t *logTest) crashed(seed uint64) (left *disk, all []string, durable int, err error) {
	d := t.disk()
	var mu sync.Mutex
	var image *disk
	armed, steps := false, seed%11*seed // 0 to 230
	d.fault(func(op vfs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		if armed && image == nil && op.Changes() {
			if steps == 0 {
				image = d.torn(seed)
			}
			steps--
		}
		return nil
	})
	h, err := t.beginOn(d)
	if err != nil {
		return nil, nil, 0, err
	}
	if err := h.commit(true, some...); err != nil {
		return nil, nil, 0, err
	}
	durable = len(h.all)
	mu.Lock()
	armed = true
	mu.Unlock()
	for i := range 200 {
		if err := h.commit(false, fmt.Sprintf("%d: SET key%d %0100d", i%2, i, i)); err != nil {
			return nil, nil, 0, err
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if armed = false; image == nil {
		image = d.torn(seed)
	}
	return image, h.all, durable, nil
}

func replayChangesNothing(t *logTest) error {
	for seed := range uint64(tornSeeds) {
		d, all, durable, err := t.crashed(seed)
		if err != nil {
			return err
		}
		r := &replayed{}
		err = d.unchanged("Replay", func() error {
			_, _, err := t.replay(d, func(*snapshot.Env) {}, r)
			return err
		})
		if err != nil {
			return fmt.Errorf("after a power failure: %w", err)
		}
		if err := prefix(r.units, all, durable); err != nil {
			return fmt.Errorf("after a power failure Replay passed on %w", err)
		}
	}
	return nil
}

func replayReturnsError(t *logTest) error {
	h, err := t.closed(false)
	if err != nil {
		return err
	}
	cause := errors.New("the store refuses the unit")
	r := &replayed{err: cause, failAt: 4}
	if _, _, err := t.replay(h.disk, func(*snapshot.Env) {}, r); !errors.Is(err, cause) {
		return fmt.Errorf("Replay = %v, want the error of Apply, wrapped or not", err)
	}
	if err := same(r.units, h.all[:4]); err != nil {
		return fmt.Errorf("Apply got %w", err)
	}
	return t.wantContents(h.disk, "after a Replay that failed", h.all)
}

// replayReportsStore opens a log with the id of another store, as a store does that has lost its
// dump.
func replayReportsStore(t *logTest) error {
	h, err := t.begin()
	if err != nil {
		return err
	}
	for range 3 {
		if err := h.commit(false, some...); err != nil {
			return err
		}
		if err := h.log.Close(); err != nil {
			return err
		}
		var report appendlog.ReplayReport
		h, report, err = t.replay(h.disk, func(e *snapshot.Env) { e.Store = "0123456789abcdef" }, &replayed{})
		if err != nil {
			return err
		}
		if report.Store != "" && report.Store != storeID {
			return fmt.Errorf("Replay = report with Store %q, want %q, or none", report.Store, storeID)
		}
		if err := h.log.Start(); err != nil {
			return err
		}
		if err := h.rewrite(some); err != nil {
			return err
		}
	}
	return h.log.Close()
}

func replayEndsWithContext(t *logTest) error {
	h, err := t.closed(false)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := t.replayCtx(ctx, h.disk, func(*snapshot.Env) {}, &replayed{}); !errors.Is(err, context.Canceled) {
		return fmt.Errorf("Replay with a canceled context = %v, want context.Canceled", err)
	}
	return nil
}

func replayUntil(t *logTest) error {
	h, err := t.closed(false)
	if err != nil {
		return err
	}
	r := &replayed{until: time.Unix(1, 0)}
	set := func(e *snapshot.Env) { e.Until = r.until }
	return h.disk.unchanged("Replay", func() error {
		_, _, err := t.replay(h.disk, set, r)
		if !errors.Is(err, appendlog.ErrUntil) && (err != nil || len(r.units) > 0) {
			return fmt.Errorf("Replay until 1970 = %v with %d units, want ErrUntil or no units", err, len(r.units))
		}
		return nil
	})
}

func replayStrict(t *logTest) error {
	for seed := range uint64(tornSeeds) {
		d, _, _, err := t.crashed(seed)
		if err != nil {
			return err
		}
		_, report, err := t.replay(d, func(*snapshot.Env) {}, &replayed{})
		if err != nil || report.Cut == 0 {
			continue
		}
		err = d.unchanged("Replay with Strict", func() error {
			_, _, err := t.replay(d, func(e *snapshot.Env) { e.Strict = true }, &replayed{})
			if !errors.Is(err, snapshot.ErrTorn) {
				return fmt.Errorf("Replay with Strict of a log with %d torn bytes = %v, want an error matching ErrTorn", report.Cut, err)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func startTruncates(t *logTest) error {
	for seed := range uint64(tornSeeds) {
		d, all, durable, err := t.crashed(seed)
		if err != nil {
			return err
		}
		h, err := t.open(d)
		if err != nil {
			return fmt.Errorf("after a power failure: %w", err)
		}
		if err := prefix(h.all, all, durable); err != nil {
			return fmt.Errorf("after a power failure Replay passed on %w", err)
		}
		// After Start, the units that Replay passed on are durable, and new units follow them.
		if err := t.wantContents(d.powerless(), "after Start and another power failure", h.all); err != nil {
			return err
		}
		if err := h.commit(true, "7: SET after crash"); err != nil {
			return err
		}
		if err := t.wantContents(d.powerless(), "after Start, a durable Commit and another power failure", h.all); err != nil {
			return err
		}
	}
	return nil
}

// damageIsError damages each file of a log that was closed. After that, the log must not yield
// other contents without an error.
func damageIsError(t *logTest) error {
	h, err := t.closed(true)
	if err != nil {
		return err
	}
	paths, err := h.disk.regular()
	if err != nil {
		return err
	}
	for _, path := range paths {
		d := h.disk.killed()
		if err := d.damage(path); err != nil {
			return err
		}
		err := d.unchanged("Open and Replay", func() error {
			r := &replayed{}
			_, _, err := t.replay(d, func(*snapshot.Env) {}, r)
			if err == nil && same(r.units, h.all) != nil {
				return fmt.Errorf("with %s damaged Replay = nil and passed on %w; want an error", path, same(r.units, h.all))
			}
			if err != nil && !errors.Is(err, snapshot.ErrCorrupt) {
				return fmt.Errorf("with %s damaged Open or Replay = %w, want an error matching ErrCorrupt", path, err)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// errBrokenDisk is the error of a disk that does not write.
var errBrokenDisk = errors.New("storetest: disk is broken")

func failureIsFinal(t *logTest) error {
	d := t.disk()
	broken, met := false, false
	d.fault(func(op vfs.Op) error {
		if !broken || !op.Changes() {
			return nil
		}
		met = true
		return errBrokenDisk
	})
	h, err := t.beginOn(d)
	if err != nil {
		return err
	}
	if err := h.commit(true, some...); err != nil {
		return err
	}
	if err := h.log.Err(); err != nil {
		return fmt.Errorf("Err = %w before any failure, want nil", err)
	}
	broken = true
	err = h.log.Commit(h.append("0: SET lost 1"), true)
	broken = false
	switch {
	case !met: // it does not write here
		return h.log.Close()
	case err == nil:
		return errors.New("Commit with durable = nil although the disk failed")
	case h.log.Err() == nil:
		return errors.New("Err = nil after Commit has failed, want the failure")
	}
	if err := h.log.Commit(h.append("0: SET lost 2"), true); err == nil {
		return errors.New("Commit = nil after a failure, want an error until a Rewrite is committed")
	}
	if err := h.rewrite([]string{"0: SET recovered 1"}); err != nil {
		return fmt.Errorf("after a failure: %w", err)
	}
	if err := h.log.Err(); err != nil {
		return fmt.Errorf("Err = %w after a Rewrite was committed, want nil", err)
	}
	if err := h.commit(true, "0: SET recovered 2"); err != nil {
		return fmt.Errorf("after a Rewrite was committed: %w", err)
	}
	return t.wantContents(d.powerless(), "after a failure, a Rewrite and a power failure", h.all)
}
