package engine

import (
	"context"
	"io"

	"github.com/perduredb/perdure/internal/op"
	"github.com/perduredb/perdure/internal/table"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// Restore replaces the whole data set with the dump read from r. It first reads and verifies the
// dump into a separate table, so that an invalid dump changes nothing. Writes are refused while the
// new data set is installed in the log, or, without a log, in a new dump. Reads continue.
func (e *Engine) Restore(ctx context.Context, r io.Reader) error {
	if err := e.Err(); err != nil {
		return err
	}
	if err := e.checkOpenLock(); err != nil {
		return err
	}
	defer e.releaseBuffers()
	aside := e.table.NewLike()
	defer func() {
		e.ops.InUse.Lock() // waits until pinned values of the old data set are unpinned
		aside.Close()
		e.ops.InUse.Unlock()
	}()
	var types op.Types
	l := newLoader(e, aside, &types)
	_, err := rdb.Decode(ctx, r, -1, l)
	if err := l.finish(err); err != nil {
		return err
	}
	if !e.enter() {
		return ErrClosed
	}
	defer e.running.Done()
	if err := e.acquire(ctx); err != nil {
		return err
	}
	defer e.release()
	e.jobs.refuse(e, func() { e.jobs.restoring = true })
	defer e.serveAll()
	defer e.jobs.refuse(e, func() { e.jobs.restoring = false })
	return e.replaceWith(ctx, aside, l)
}

// replaceWith swaps the tables and makes the new contents durable. On error it restores the old
// contents, in memory too. Writes must be refused and the slot held.
func (e *Engine) replaceWith(ctx context.Context, aside *table.Table, l *loader) (err error) {
	e.table.LockAll()
	log := e.log
	extras, types := e.extras, e.ops.Types.List()
	swapLocked(e.table, aside)
	e.setKinds(l.extras, l.types.List())
	e.replaced = true
	e.watches.changedAll()
	e.table.UnlockAll()
	defer func() {
		e.table.LockAll()
		if err != nil {
			swapLocked(e.table, aside)
			e.setKinds(extras, types)
		}
		e.replaced = false
		e.table.UnlockAll()
	}()
	t, ctx := newTask(ctx)
	defer t.cancel()
	if log != nil {
		if err = e.rewrite(ctx, t); err == nil {
			e.jobs.logReady.Store(true)
		}
		return err
	}
	if e.dir == "" {
		return nil
	}
	_, err = e.runSave(ctx, t)
	return err
}

// swapLocked exchanges the contents of two tables. The shards of the first must be locked.
func swapLocked(t, aside *table.Table) {
	aside.LockAll()
	t.Swap(aside)
	aside.UnlockAll()
}

// setKinds sets the parts of the data set other than its keys. Every shard must be locked.
func (e *Engine) setKinds(extras []snapshot.Extra, types []snapshot.Type) {
	e.extras = extras
	e.ops.Types.Clear()
	for _, t := range types {
		e.ops.Types.Add(t)
	}
}
