//lint:file-ignore ST1005 The messages begin with the name of the method that broke its duty.

package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"

	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/vfs"
)

func statusPublished(t *logTest) error {
	d := t.disk()
	env, err := d.env()
	if err != nil {
		return err
	}
	h := &history{log: t.make(d.place), disk: d}
	if _, err := h.log.Open(env); err != nil {
		return err
	}
	r, err := h.log.BeginRewrite()
	if err != nil {
		return err
	}
	if h.log.Status().Published {
		return errors.New("Status().Published = true before the first base is committed, want false")
	}
	r.Cut()
	if err := r.Commit(context.Background(), h.base(nil)); err != nil {
		return err
	}
	if s := h.log.Status(); !s.Published || s.LastWriteFailed {
		return fmt.Errorf("Status() = %+v after the first base is committed, want Published and not LastWriteFailed", s)
	}
	return h.log.Close()
}

func rewriteReplaces(t *logTest) error {
	h, err := t.begin()
	if err != nil {
		return err
	}
	for round := range 3 {
		if err := h.commit(false, some...); err != nil {
			return err
		}
		r, err := h.log.BeginRewrite()
		if err != nil {
			return err
		}
		h.append("0: SET before cut") // not committed
		base := []string{fmt.Sprintf("0: SET round %d", round), "9: SET base value"}
		r.Cut()
		h.all = append([]string{}, base...)
		for _, text := range some {
			h.append(text)
		}
		if err := r.Commit(context.Background(), h.base(base)); err != nil {
			return fmt.Errorf("Rewrite.Commit = %w, want nil", err)
		}
		// The units appended during the Rewrite may not be durable yet.
		if err := t.wantPrefix(h.disk.powerless(), h.all, len(base)); err != nil {
			return err
		}
		if err := h.commit(true, "1: SET after commit"); err != nil {
			return err
		}
		if err := t.wantContents(h.disk.powerless(), "after a Rewrite, a durable Commit and a power failure", h.all); err != nil {
			return err
		}
	}
	if err := h.log.Close(); err != nil {
		return err
	}
	return t.wantContents(h.disk, "after Rewrite and Close", h.all)
}

// wantPrefix opens the log on d and compares what it replays with the first units of all, at least
// n.
func (t *logTest) wantPrefix(d *disk, all []string, n int) error {
	h, err := t.open(d)
	if err != nil {
		return err
	}
	if err := prefix(h.all, all, n); err != nil {
		return fmt.Errorf("after a Rewrite and a power failure Replay passed on %w", err)
	}
	return h.log.Close()
}

// rewriteFails lets the base fail in three ways. Every unit is in the log afterwards, and it goes
// on.
func rewriteFails(t *logTest) error {
	cause := errors.New("the store cannot write its base")
	for _, mode := range []string{"error", "error after half", "canceled"} {
		h, err := t.begin()
		if err != nil {
			return err
		}
		if err := h.commit(false, some...); err != nil {
			return err
		}
		r, err := h.log.BeginRewrite()
		if err != nil {
			return err
		}
		r.Cut()
		h.append("3: SET during rewrite")
		ctx, cancel := context.WithCancel(context.Background())
		err = r.Commit(ctx, failingBase(h, mode, cause, cancel))
		cancel()
		want := cause
		if mode == "canceled" {
			want = context.Canceled
		}
		if !errors.Is(err, want) {
			return fmt.Errorf("Rewrite.Commit with a base that fails (%s) = %v, want %v", mode, err, want)
		}
		if err := h.log.Err(); err != nil {
			return fmt.Errorf("Err = %w after a base that fails (%s), want nil: the log is complete", err, mode)
		}
		if err := h.commit(true, "3: SET after rewrite"); err != nil {
			return fmt.Errorf("after a base that fails (%s): %w", mode, err)
		}
		when := "after a base that fails (" + mode + ") and a power failure"
		if err := t.wantContents(h.disk.powerless(), when, h.all); err != nil {
			return err
		}
		if err := h.rewrite([]string{"0: SET new base"}); err != nil {
			return fmt.Errorf("after a base that fails (%s): %w", mode, err)
		}
		if err := h.log.Close(); err != nil {
			return err
		}
		if err := t.wantContents(h.disk, "after a second Rewrite", h.all); err != nil {
			return err
		}
	}
	return nil
}

// failingBase returns a base that fails, or one that cancels the context if the mode is canceled.
func failingBase(h *history, mode string, cause error, cancel context.CancelFunc) appendlog.Base {
	good := h.base([]string{"0: SET wrong base"})
	fail := func(w io.Writer, write func(io.Writer) error) error {
		switch mode {
		case "error":
			return cause
		case "canceled":
			cancel()
			return write(w)
		}
		return errors.Join(write(w), cause)
	}
	return appendlog.Base{
		RDB: func(w io.Writer, origin string) error {
			return fail(w, func(w io.Writer) error { return good.RDB(w, origin) })
		},
		Commands: func(w io.Writer) error { return fail(w, good.Commands) },
	}
}

// rewriteSurvivesCrash looks at the disk before every operation of a Rewrite. The base holds what
// the units before Cut have made, so that the old and the new log hold equal data.
func rewriteSurvivesCrash(t *logTest) error {
	d := t.disk()
	var h *history
	var image func() error
	d.fault(func(op vfs.Op) error {
		if image != nil && op.Changes() {
			return image()
		}
		return nil
	})
	h, err := t.beginOn(d)
	if err != nil {
		return err
	}
	if err := h.commit(true, some...); err != nil {
		return err
	}
	r, err := h.log.BeginRewrite()
	if err != nil {
		return err
	}
	r.Cut()
	before := h.all
	var failed error
	steps := 0
	image = func() error {
		if steps++; failed != nil {
			return nil
		}
		for _, after := range []*disk{d.powerless(), d.torn(uint64(steps)), d.killed()} {
			got, err := t.open(after)
			if err == nil && !maps.Equal(state(got.all), state(before)) {
				err = fmt.Errorf("Replay passed on %q, want what leads to %v", got.all, state(before))
			}
			if err != nil {
				failed = fmt.Errorf("after a crash at step %d of a Rewrite: %w", steps, err)
				return nil
			}
			_ = got.log.Close()
		}
		return nil
	}
	err = r.Commit(context.Background(), h.base(stateUnits(before)))
	image = nil
	if failed != nil {
		return failed
	}
	if err != nil {
		return fmt.Errorf("Rewrite.Commit = %w, want nil", err)
	}
	return h.log.Close()
}

// stateUnits returns units that lead to the state of others.
func stateUnits(list []string) (units []string) {
	last := state(list)
	for _, s := range flat(list) {
		db, args := parse(s)
		key := fmt.Sprint(db, " ", args[1])
		if value, ok := last[key]; ok {
			units = append(units, fmt.Sprintf("%d: SET %s %s", db, args[1], value))
			delete(last, key)
		}
	}
	return units
}

func oneRewrite(t *logTest) error {
	h, err := t.begin()
	if err != nil {
		return err
	}
	first, err := h.log.BeginRewrite()
	if err != nil {
		return err
	}
	if _, err := h.log.BeginRewrite(); !errors.Is(err, appendlog.ErrRewriteRunning) {
		return fmt.Errorf("a second BeginRewrite = %v, want an error matching ErrRewriteRunning", err)
	}
	if err := h.commit(false, some...); err != nil {
		return err
	}
	first.Abort()
	first.Abort()
	if err := h.commit(false, some...); err != nil {
		return fmt.Errorf("after Abort: %w", err)
	}
	if err := t.wantContents(h.disk.killed(), "after Abort and a kill", h.all); err != nil {
		return err
	}
	if err := h.rewrite([]string{"0: SET after abort"}); err != nil {
		return fmt.Errorf("after Abort: %w", err)
	}
	if err := h.log.Close(); err != nil {
		return err
	}
	return t.wantContents(h.disk, "after Abort, Rewrite and Close", h.all)
}
