package engine

import (
	"fmt"

	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/option"
	"github.com/perduredb/perdure/snapshot"
)

// A Change is a set of options to change while the Engine is open. A nil field is not changed.
type Change struct {
	Rules                 []snapshot.Rule // validated; an empty slice disables automatic saves
	KeepWritingOnSaveFail *bool
	NoAutoRecover         *bool
	SwitchLog             bool
	Log                   appendlog.AppendLog // with SwitchLog; nil switches the log off
}

// Configure applies a change. On error it has changed nothing, unless the error is that of closing
// the log that it switches off.
func (e *Engine) Configure(c Change) error {
	switch {
	case e.dir == "" && (len(c.Rules) > 0 || c.Log != nil):
		return fmt.Errorf("%w: %w", option.ErrOptions, ErrNoDirectory)
	case e.opts.ReadOnly && c.SwitchLog:
		return ErrReadOnly
	}
	if c.Log != nil {
		if _, err := e.EnableLog(c.Log); err != nil {
			return err
		}
	}
	e.jobs.refuse(e, func() {
		if c.Rules != nil {
			e.jobs.rules = c.Rules
		}
		if c.KeepWritingOnSaveFail != nil {
			e.opts.KeepWritingOnSaveFail = *c.KeepWritingOnSaveFail
		}
		if c.NoAutoRecover != nil {
			e.opts.NoAutoRecover = *c.NoAutoRecover
		}
		switch {
		case len(e.jobs.rules) == 0:
			e.jobs.stopped = false
		case c.KeepWritingOnSaveFail != nil:
			e.jobs.stopped = e.jobs.saveFailed && !e.opts.KeepWritingOnSaveFail
		}
	})
	if c.SwitchLog && c.Log == nil {
		return e.DisableLog()
	}
	return nil
}

// EnableLog switches a log on while the store is open. The base is built in the background from a
// point-in-time snapshot. Until the task has succeeded the log does not provide durability. An
// earlier log in the directory is replaced, because it is older than the data in memory.
func (e *Engine) EnableLog(log appendlog.AppendLog) (*Task, error) {
	if option.IsNil(log) {
		return nil, fmt.Errorf("%w: nil AppendLog", option.ErrOptions)
	}
	if e.dir == "" {
		return nil, ErrNoDirectory
	}
	if !e.counts.logOn.CompareAndSwap(false, true) {
		return nil, fmt.Errorf("%w: log is already on", option.ErrOptions)
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

func (e *Engine) setNewLog(log appendlog.AppendLog) {
	e.jobs.mu.Lock()
	defer e.jobs.mu.Unlock()
	e.jobs.newLog = log
}

// DisableLog switches the log off. It cancels a running rewrite, syncs and closes the log, and
// keeps its files.
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
