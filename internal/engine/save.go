package engine

import (
	"context"
	"errors"
	"time"

	"github.com/perduredb/perdure/snapshot"
)

// Save writes a snapshot and returns once it is durable. Writers continue during the save.
func (e *Engine) Save(ctx context.Context) (snapshot.Info, error) {
	if err := e.enterSave(); err != nil {
		return snapshot.Info{}, err
	}
	defer e.running.Done()
	t, ctx := newTask(ctx)
	if err := e.saveNow(ctx, t); err != nil {
		return snapshot.Info{}, err
	}
	return t.info, nil
}

// BGSave starts a background save.
func (e *Engine) BGSave() (*Task, error) {
	if err := e.checkOpenLock(); err != nil {
		return nil, err
	}
	return e.bgSave()
}

// bgSave is like [Engine.BGSave], but if the lock is lost it fails in the background, where the
// failure stops writes.
func (e *Engine) bgSave() (*Task, error) {
	if err := e.enterSave(); err != nil {
		return nil, err
	}
	if !e.tryAcquire() {
		e.running.Done()
		return nil, e.busy()
	}
	t, ctx := newTask(e.ctx)
	e.jobs.mu.Lock()
	e.jobs.saving = t
	e.jobs.mu.Unlock()
	go func() {
		defer e.running.Done()
		defer e.containPanic()
		defer e.release()
		info, err := snapshot.Info{}, errPanic
		defer func() { e.saved(t, info, err, true) }()
		info, err = e.runSave(ctx, t)
	}()
	return t, nil
}

// enterSave returns an error if a save is not possible now. Otherwise Close waits until
// running.Done is called.
func (e *Engine) enterSave() error {
	j := &e.jobs
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.closing:
		return ErrClosed
	case e.opts.ReadOnly:
		return ErrReadOnly
	case e.dir == "":
		return ErrNoDirectory
	case j.saving != nil:
		return ErrSaveInProgress
	}
	e.running.Add(1)
	return nil
}

// busy returns the error that names the holder of the slot.
func (e *Engine) busy() error {
	j := &e.jobs
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.rewriting != nil:
		return ErrRewriteInProgress
	case j.handle != nil:
		return ErrBusy
	}
	return ErrSaveInProgress
}

// saveNow saves on this goroutine, after it has waited for the holder of the slot. t may be nil.
func (e *Engine) saveNow(ctx context.Context, t *Task) error {
	if t == nil {
		t, ctx = newTask(ctx)
	}
	if err := e.acquire(ctx); err != nil {
		t.finish(snapshot.Info{}, err)
		return err
	}
	defer e.release()
	j := &e.jobs
	j.mu.Lock()
	j.saving = t
	j.mu.Unlock()
	info, err := snapshot.Info{}, errPanic
	defer func() { e.saved(t, info, err, false) }()
	info, err = e.runSave(ctx, t)
	return err
}

// runSave takes a snapshot of the table and passes it to the snapshotter. The slot must be held.
func (e *Engine) runSave(ctx context.Context, t *Task) (snapshot.Info, error) {
	j := &e.jobs
	j.mu.Lock()
	j.lastTry = e.monotonic()
	j.mu.Unlock()
	if err := e.checkLock(); err != nil {
		return snapshot.Info{}, err
	}
	var before [dirtyCells]int64
	v := e.freeze(t, func(v *view) {
		for i := range e.dirty {
			before[i] = e.dirty[i].n.Load()
		}
		e.stampDump(v)
	})
	defer v.close()
	if err := e.keepNewerDump(); err != nil {
		return snapshot.Info{}, err
	}
	info, err := e.snaps.Save(ctx, v)
	if err != nil {
		return info, err
	}
	for i := range e.dirty {
		e.dirty[i].n.Add(-before[i])
	}
	return info, nil
}

// saved records the result of a save. A canceled save is not a failure. A failed save that a caller
// waited for does not refuse writes, because the caller got the error, as with Redis's SAVE.
func (e *Engine) saved(t *Task, info snapshot.Info, err error, background bool) {
	canceled := errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
	j := &e.jobs
	took := time.Since(t.started)
	j.refuse(e, func() {
		j.saving = nil
		switch {
		case err == nil:
			j.lastSave, j.lastSaveTime = e.monotonic(), time.Now()
			j.saveFailed, j.stopped = false, false
			e.counts.saves.Add(1)
			e.counts.lastSaveTook.Store(int64(took))
		case !canceled && background:
			j.saveFailed = true
			j.stopped = len(j.rules) > 0 && !e.opts.KeepWritingOnSaveFail
			e.counts.lastSaveTook.Store(int64(took))
		}
	})
	t.finish(info, err)
	switch {
	case err == nil:
		e.logger.Info("snapshot saved", "file", info.Name, "bytes", info.Size, "keys", info.Keys, "took", took)
		e.markLog()
	case canceled:
		e.logger.Info("snapshot canceled")
	default:
		e.logger.Error("snapshot failed", "error", err)
	}
	if e.hooks.Saved != nil {
		e.hooks.Saved(info, err)
	}
}

// cancelSave cancels a running save and waits until it has ended. It does not cancel the save of
// Close.
func (j *jobs) cancelSave() {
	j.mu.Lock()
	t, closing := j.saving, j.closing
	j.mu.Unlock()
	if t != nil && !closing {
		t.Cancel()
		<-t.Done()
	}
}

// saveDue reports whether a save rule requires a snapshot now.
func (e *Engine) saveDue() bool {
	j := &e.jobs
	j.mu.Lock()
	defer j.mu.Unlock()
	_, due := snapshot.Due(j.rules, snapshot.State{
		Now:      e.monotonic(),
		LastSave: j.lastSave,
		LastTry:  j.lastTry,
		Failed:   j.saveFailed,
		Dirty:    e.sumDirty(),
	})
	return due
}

// LastSave returns the time of the last successful save, or the time when the store was opened
// before the first.
func (e *Engine) LastSave() time.Time {
	e.jobs.mu.Lock()
	defer e.jobs.mu.Unlock()
	return e.jobs.lastSaveTime
}

// Rules returns a copy of the current save rules.
func (e *Engine) Rules() []snapshot.Rule {
	e.jobs.mu.Lock()
	defer e.jobs.mu.Unlock()
	return append([]snapshot.Rule(nil), e.jobs.rules...)
}
