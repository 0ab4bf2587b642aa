package engine

import (
	"context"
	"errors"

	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/op"
	"github.com/perduredb/perdure/internal/table"
)

// exec is a running operation of the store, from the time its shards are locked: an [op.Exec] with
// the locks and the position in the log.
type exec struct {
	op.Exec
	e        *Engine
	position appendlog.Position
	shard    int           // any locked shard, for the change counter
	keys     *table.KeySet // of an operation on several keys
	held     unlocker      // the shards, while they are locked
	later    op.Pins       // large values to return, copied after the unlock
	ready    []*cell       // changed keys that commands wait for, until they are served
	served   []*Wait       // to wake after the unlock

	onlyDeclared bool     // only the keys in names may be accessed
	names        []string // of a transaction with declared keys; see declared
}

// unlocker is one locked shard or several.
type unlocker interface{ Unlock() }

// everyShard is all shards of a table, locked.
type everyShard struct{ table *table.Table }

func (s everyShard) Unlock() { s.table.UnlockAll() }

// newExec returns an empty exec.
func (e *Engine) newExec() *exec {
	if x, ok := e.pool.Get().(*exec); ok {
		return x
	}
	return &exec{Exec: *op.NewExec(&e.ops), e: e, keys: &table.KeySet{}}
}

// free returns the exec to the pool. An exec that still holds shard locks is unwinding a panic, and
// may have left those shards inconsistent.
func (e *Engine) free(x *exec) {
	if x.held != nil {
		e.breaks(x.release)
	}
	x.later.Release(&e.ops)
	x.Reset()
	clear(x.names) // lets the garbage collector free the caller's keys
	x.position, x.onlyDeclared, x.shard = 0, false, 0
	e.pool.Put(x)
}

// release unlocks the shards, unpins the large values that nothing else has taken over, and wakes
// the commands that were served.
func (x *exec) release() {
	if x.ready != nil { // of a rollback
		x.dropReady()
	}
	shards := x.held
	x.held = nil
	shards.Unlock()
	x.Unpin()
	if x.served != nil {
		x.wakeServed()
	}
}

// end makes the changes final, appends the log record, serves the commands that wait for the
// changed keys, and unlocks the shards.
func (x *exec) end() {
	x.position = x.Finish()
	if x.Dirty != 0 {
		x.e.addDirty(x.shard, x.Dirty)
	}
	if x.ready != nil {
		x.serve()
	}
	x.release()
}

// wait waits as the fsync policy requires, after the shards are unlocked. An operation that failed
// because of an incorrect call has at most deleted expired keys, which does not require a wait.
func (x *exec) wait(opErr error, durable bool) error {
	if opErr != nil || x.Log == nil || x.Record.Empty() {
		return opErr
	}
	return x.e.committed(x.Log, x.Log.Commit(x.position, durable))
}

// committed handles the result of a Commit of the log.
func (e *Engine) committed(log appendlog.AppendLog, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, appendlog.ErrClosed) {
		return ErrClosed
	}
	err = logFailure("commit", err)
	e.noteLogFailure(log, err)
	return err
}

// lock locks the shard of a key. If writes are refused once the lock is held, it unlocks the shard
// and returns the reason.
func (x *exec) lock(db int, key string) (op.Place, error) {
	t := x.e.table
	h := t.Hash(key)
	i := t.ShardIndex(h)
	s := t.ShardAt(i)
	s.Lock()
	if err := x.e.refusedLocked(); err != nil {
		s.Unlock()
		return op.Place{}, err
	}
	x.Log, x.shard, x.held = x.e.log, i, s
	x.watch()
	return op.Place{Shard: s, Hash: h, DB: db, Key: key}, nil
}

// lockKeys locks the shards of n keys. If writes are refused once the locks are held, it unlocks
// them and returns the reason.
func (x *exec) lockKeys(n int, key func(i int) string) error {
	x.keys.Set(x.e.table, n, key)
	x.shard = x.keys.Lock()
	if err := x.e.refusedLocked(); err != nil {
		x.keys.Unlock()
		return err
	}
	x.Log, x.Keys, x.held = x.e.log, x.keys, x.keys
	x.watch()
	return nil
}

// lockAll replaces the locks by those of all shards.
func (x *exec) lockAll() {
	x.release()
	x.e.table.LockAll()
	x.held = everyShard{x.e.table}
}

// readLock locks the shards of n keys for reading.
func (x *exec) readLock(db, n int, key func(i int) string) error {
	e := x.e
	if db < 0 || db >= e.table.Databases() {
		return op.ErrDatabase
	}
	x.keys.Set(e.table, n, key)
	x.keys.Lock()
	if e.closed {
		x.keys.Unlock()
		return ErrClosed
	}
	x.ReadOnly, x.Keys, x.held = true, x.keys, x.keys
	return nil
}

// locked calls fn with the shard of a key locked, and then completes the write as [Engine.Call]
// does. If value is large, it is copied for [op.Exec.Do] before the lock is taken.
func (e *Engine) locked(db int, durable bool, key string, value []byte, fn func(x *exec, p op.Place) error) error {
	if err := e.admit(db, durable); err != nil {
		return err
	}
	if len(key) > op.MaxSize {
		return op.ErrTooLarge
	}
	x := e.newExec()
	defer e.free(x)
	x.Prepare(0, key, value)
	p, err := x.lock(db, key)
	if err != nil {
		return err
	}
	err = fn(x, p)
	x.end()
	return x.wait(err, durable)
}

// expireKey deletes a key that a read found expired, unless it was changed since. Readers no longer
// see the key, whether this succeeds or not.
func (e *Engine) expireKey(db int, key string) {
	_ = e.locked(db, false, key, nil, func(x *exec, p op.Place) error {
		x.Find(p)
		return op.ErrNotFound
	})
}

// Sync waits until all acknowledged writes are on disk.
func (e *Engine) Sync(ctx context.Context) error {
	s := e.table.ShardAt(0)
	s.Lock()
	log, closed := e.log, e.closed
	s.Unlock()
	if closed {
		return ErrClosed
	}
	if log == nil || !e.jobs.logReady.Load() {
		return ErrNoAppendLog
	}
	err := log.Sync(ctx)
	if err == nil || ctx.Err() != nil {
		return err
	}
	return e.committed(log, err)
}
