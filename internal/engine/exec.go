package engine

import (
	"context"
	"errors"

	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/table"
)

// maxSize is the maximum length of a key or value, as in Redis (proto-max-bulk-len).
const maxSize = 512 << 20

// exec is a running operation, from the time its shards are locked. It collects the changes to the
// table and the commands for the log. Calls, transactions, and replay all use it.
type exec struct {
	e        *Engine
	log      appendlog.AppendLog // nil if no log is on, and during replay
	now      int64               // Unix ms, read once and only if an expiry needs it
	unit     unit
	dirty    int64
	position appendlog.Position

	replaying bool          // nothing expires during loading
	readOnly  bool          // a View: expired keys are skipped, not deleted
	undo      *table.Undo   // undoes all changes; used if whole is set
	whole     bool          // changes are applied atomically
	kept      []byte        // old values that MSet replaced in place
	declared  []string      // keys that may be accessed, sorted; nil means every key
	shard     int           // any locked shard, for the change counter
	keys      *table.KeySet // of an operation on several keys
	held      unlocker      // the shards, while they are locked

	// Large values: see large.go.
	ready    []ready // copied ahead; those that store does not use are freed
	call     int     // number of the current call
	passed   int     // number of entries of ready for earlier calls
	linked   pins    // values that the log record references
	argument []byte  // of linked: the value of the next command
}

// unlocker is one locked shard or several.
type unlocker interface{ Unlock() }

// everyShard is all shards of a table, locked.
type everyShard struct{ table *table.Table }

func (s everyShard) Unlock() { s.table.UnlockAll() }

// release unlocks the shards, and unpins the large values that nothing else has taken over.
func (x *exec) release() {
	shards := x.held
	x.held = nil
	shards.Unlock()
	x.unpin()
}

// newExec returns an empty exec.
func (e *Engine) newExec() *exec {
	x, _ := e.pool.Get().(*exec)
	if x == nil {
		x = &exec{e: e, keys: &table.KeySet{}, undo: &table.Undo{}}
	}
	x.unit.reset()
	return x
}

// free returns the exec to the pool. An exec that still holds shard locks is unwinding a panic, and
// may have left those shards inconsistent.
func (e *Engine) free(x *exec) {
	if x.held != nil {
		e.breaks(x.release)
	}
	if cap(x.kept) > keepUnit {
		x.kept = nil
	}
	for _, r := range x.ready {
		e.table.Unmap(r.Mapping)
	}
	*x = exec{e: e, unit: x.unit, undo: x.undo, keys: x.keys, kept: x.kept[:0]}
	e.pool.Put(x)
}

// nowMs returns the time in Unix milliseconds. It reads the clock once for the whole operation.
func (x *exec) nowMs() int64 {
	if x.now == 0 {
		x.now = nowMs()
	}
	return x.now
}

// remember records the data to undo changes of a shard, if a rollback is possible.
func (x *exec) remember(s *table.Shard) {
	if x.whole {
		s.Record(x.undo)
	}
}

// rollback undoes every change and discards the pending log record. It allocates no memory.
func (x *exec) rollback() {
	x.undo.Rollback()
	x.unit.reset()
	x.dirty = 0
}

// seal appends the log record to the log. The shards must still be locked.
func (x *exec) seal() {
	if x.whole {
		x.undo.Commit()
	}
	x.e.addDirty(x.shard, x.dirty)
	if x.unit.n > 0 {
		x.appendUnit()
	}
}

// commit waits as the fsync policy requires, after the shards are unlocked. An operation that
// failed because of an incorrect call has at most deleted expired keys, which need no wait.
func (x *exec) commit(opErr error, durable bool) error {
	if opErr != nil || x.unit.n == 0 {
		return opErr
	}
	return x.e.committed(x.log, x.log.Commit(x.position, durable))
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

// write runs fn with the shard of key locked, and appends and commits its commands to the log.
func (e *Engine) write(db int, key string, durable bool, fn func(x *exec, s *table.Shard, h uint64) error) error {
	if err := e.admit(db, durable); err != nil {
		return err
	}
	if len(key) > maxSize {
		return ErrTooLarge
	}
	x := e.newExec()
	defer e.free(x)
	return x.write(key, durable, fn)
}

func (x *exec) write(key string, durable bool, fn func(x *exec, s *table.Shard, h uint64) error) error {
	e := x.e
	h := e.table.Hash(key)
	i := e.table.ShardIndex(h)
	s := e.table.ShardAt(i)
	s.Lock()
	if err := e.refusedLocked(); err != nil {
		s.Unlock()
		return err
	}
	x.log, x.shard, x.held = e.log, i, s
	err := fn(x, s, h)
	x.seal()
	x.release()
	return x.commit(err, durable)
}

// read runs fn on the live entry of key, with its shard locked.
func (e *Engine) read(db int, key string, fn func(it table.Item) error) error {
	if db < 0 || db >= e.table.Databases() {
		return ErrDatabase
	}
	h := e.table.Hash(key)
	s := e.table.Shard(h)
	s.Lock()
	if e.closed {
		s.Unlock()
		return ErrClosed
	}
	it, ok := s.Find(db, h, key)
	if ok {
		if at := it.ExpireAtMs(); at != 0 && nowMs() > at {
			s.Unlock()
			if !e.table.ViewPressure() { // a read does not wait for a save
				e.expireKey(db, key)
			}
			return ErrNotFound
		}
		err := fn(it)
		s.Unlock()
		return err
	}
	s.Unlock()
	return ErrNotFound
}

// writeKeys runs fn with the shards of n keys locked.
func (e *Engine) writeKeys(db, n int, key func(i int) string, durable bool, fn func(x *exec) error) error {
	if err := e.admit(db, durable); err != nil {
		return err
	}
	x := e.newExec()
	defer e.free(x)
	return x.writeKeys(n, key, durable, fn)
}

func (x *exec) writeKeys(n int, key func(i int) string, durable bool, fn func(x *exec) error) error {
	e := x.e
	x.keys.Set(e.table, n, key)
	x.shard = x.keys.Lock()
	if err := e.refusedLocked(); err != nil {
		x.keys.Unlock()
		return err
	}
	x.log, x.held = e.log, x.keys
	err := fn(x)
	x.seal()
	x.release()
	return x.commit(err, durable)
}

// readKeys runs fn with the shards of n keys locked for reading.
func (e *Engine) readKeys(db, n int, key func(i int) string, fn func(x *exec) error) error {
	if db < 0 || db >= e.table.Databases() {
		return ErrDatabase
	}
	x := e.newExec()
	defer e.free(x)
	x.readOnly = true
	x.keys.Set(e.table, n, key)
	x.keys.Lock()
	defer x.keys.Unlock()
	if e.closed {
		return ErrClosed
	}
	return fn(x)
}

// locate returns the shard and hash of a key.
func (x *exec) locate(key string) (*table.Shard, uint64) {
	h := x.e.table.Hash(key)
	return x.e.table.Shard(h), h
}

// find returns the live entry of a key. It deletes an expired entry and logs the deletion.
func (x *exec) find(s *table.Shard, h uint64, db int, key string) (table.Item, bool) {
	it, ok := s.Find(db, h, key)
	if !ok || x.replaying {
		return it, ok
	}
	if at := it.ExpireAtMs(); at != 0 && x.nowMs() > at {
		if !x.readOnly {
			x.remember(s)
			s.Delete(db, h, key)
			x.e.counts.expired.Add(1)
			x.command1(db, "DEL", key)
		}
		return table.Item{}, false
	}
	return it, true
}

// expireKey deletes a key that a read found expired, unless it was changed since.
func (e *Engine) expireKey(db int, key string) {
	// Readers no longer see the key, whether this succeeds or not.
	_ = e.write(db, key, false, func(x *exec, s *table.Shard, h uint64) error {
		x.find(s, h, db, key)
		return ErrNotFound
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
