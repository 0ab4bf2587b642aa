package engine

import (
	"errors"
	"fmt"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/option"
	"github.com/perduredb/perdure/snapshot"
)

// SetRules replaces the save rules; none turns automatic saves off. As with Redis's CONFIG SET
// save, the time of the last save is as before.
func (e *Engine) SetRules(rules []snapshot.Rule) error {
	for _, r := range rules {
		if err := r.Validate(); err != nil {
			return fmt.Errorf("%w: %w", ErrOptions, err)
		}
	}
	e.jobs.refuse(e, func() {
		e.jobs.rules = append([]snapshot.Rule(nil), rules...)
		e.jobs.stopped = e.jobs.stopped && len(rules) > 0
	})
	return nil
}

// SetStopWrites turns Redis's stop-writes-on-bgsave-error on and off.
func (e *Engine) SetStopWrites(on bool) {
	e.jobs.refuse(e, func() {
		e.opts.KeepWritingOnSaveFail = !on
		e.jobs.stopped = on && e.jobs.saveFailed && len(e.jobs.rules) > 0
	})
}

// ConfigureSnapshotter gives a setting to the snapshotter, between two saves.
func (e *Engine) ConfigureSnapshotter(setting any) error {
	if err := e.enterSave(); err != nil {
		return err
	}
	defer e.running.Done()
	if err := e.acquire(e.ctx); errors.Is(err, ErrBusy) {
		return err
	} else if err != nil {
		return ErrClosed
	}
	defer e.release()
	return e.snaps.Configure(setting)
}

// ConfigureLog gives a setting to the log.
func (e *Engine) ConfigureLog(setting any) error {
	s := e.table.ShardAt(0)
	s.Lock()
	log, closed := e.log, e.closed
	s.Unlock()
	switch {
	case closed:
		return ErrClosed
	case log == nil:
		return ErrNoAppendLog
	}
	return log.Configure(setting)
}

// EnableLog switches a log on while the store is open. Its base is built in the background from
// the data set of this instant; until the task has ended well the log gives no durability. A log
// that stands in the directory from earlier is replaced, since it is older than what is in memory.
func (e *Engine) EnableLog(log aof.AppendLog) (*Task, error) {
	if option.IsNil(log) {
		return nil, fmt.Errorf("%w: nil AppendLog", ErrOptions)
	}
	if e.dir == "" {
		return nil, ErrNoDirectory
	}
	if !e.counts.logOn.CompareAndSwap(false, true) {
		return nil, fmt.Errorf("%w: a log is on already", ErrOptions)
	}
	e.env.After = e.since
	found, err := log.Open(e.env)
	if err == nil && found {
		err = e.contained(log)
	}
	if err == nil {
		var t *Task
		e.setNewLog(log)
		if t, err = e.BGRewrite(); err == nil {
			return t, nil
		}
		e.setNewLog(nil)
	}
	e.counts.logOn.Store(false)
	return nil, err
}

func (e *Engine) setNewLog(log aof.AppendLog) {
	e.jobs.mu.Lock()
	defer e.jobs.mu.Unlock()
	e.jobs.newLog = log
}

// DisableLog switches the log off: it is synced and closed, and its files stay. A rewrite under way
// is given up.
func (e *Engine) DisableLog() error {
	e.jobs.mu.Lock()
	t := e.jobs.rewriting
	e.jobs.newLog = nil
	e.jobs.mu.Unlock()
	e.counts.logOn.Store(false)
	if t != nil {
		t.Cancel()
		<-t.Done()
	}
	e.jobs.logReady.Store(false)
	e.table.LockAll()
	log := e.log
	e.log = nil
	e.table.UnlockAll()
	e.jobs.refuse(e, func() { e.jobs.logErr, e.jobs.notified = nil, false })
	if log == nil {
		return nil
	}
	return e.endLog(log)
}
