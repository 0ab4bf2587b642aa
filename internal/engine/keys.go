package engine

import (
	"time"

	"github.com/perduredb/perdure/internal/table"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// Delete removes keys and returns the number that existed.
func (e *Engine) Delete(db int, keys []string) (n int, err error) {
	err = e.writeKeys(db, len(keys), func(i int) string { return keys[i] }, false, func(x *exec) error {
		for i, key := range keys {
			s, h := x.keys.At(db, i)
			n += x.remove(s, h, db, key)
		}
		x.deleted(db, keys, n)
		return nil
	})
	return n, err
}

// delete removes keys in a transaction and returns the number that existed.
func (x *exec) delete(db int, keys []string) (n int) {
	for _, key := range keys {
		s, h := x.locate(key)
		n += x.remove(s, h, db, key)
	}
	x.deleted(db, keys, n)
	return n
}

// deleteOne removes a key, and reports whether it existed.
func (x *exec) deleteOne(s *table.Shard, h uint64, db int, key string) bool {
	n := x.remove(s, h, db, key)
	if n > 0 {
		x.dirty++
		x.command1(db, "DEL", key)
	}
	return n > 0
}

// remove deletes a key from the table and returns the number of keys deleted: 1, or 0 if it did not
// exist.
func (x *exec) remove(s *table.Shard, h uint64, db int, key string) int {
	if _, ok := x.find(s, h, db, key); !ok {
		return 0
	}
	x.remember(s)
	s.Delete(db, h, key)
	return 1
}

// deleted records in the log that n of keys were deleted.
func (x *exec) deleted(db int, keys []string, n int) {
	if n > 0 {
		x.dirty += int64(n)
		x.commandKeys(db, "DEL", keys)
	}
}

// Exists returns the number of keys that exist. A key given twice counts twice.
func (e *Engine) Exists(db int, keys []string) (n int, err error) {
	err = e.readKeys(db, len(keys), func(i int) string { return keys[i] }, func(x *exec) error {
		for i, key := range keys {
			s, h := x.keys.At(db, i)
			if _, ok := x.find(s, h, db, key); ok {
				n++
			}
		}
		return nil
	})
	return n, err
}

func (x *exec) exists(db int, key string) bool {
	s, h := x.locate(key)
	_, ok := x.find(s, h, db, key)
	return ok
}

// Len returns the number of keys in a database, including expired keys that have not been removed
// yet.
func (e *Engine) Len(db int) int64 {
	if db < 0 || db >= e.table.Databases() {
		return 0
	}
	return e.table.Len(db)
}

// Expire sets the expiry to d from now, and reports whether the key exists. If d is not positive,
// it deletes the key.
func (e *Engine) Expire(db int, key string, d time.Duration) (bool, error) {
	return e.expire(db, key, func(x *exec) int64 { return x.deadline(d) })
}

// deadline returns the time d from now, or now if d is not positive.
func (x *exec) deadline(d time.Duration) int64 {
	if d <= 0 {
		return x.nowMs()
	}
	at, _ := x.ttl(d) // no error, because d > 0
	return at
}

// ExpireAt sets the expiry to t, and reports whether the key exists. If t is not in the future, it
// deletes the key.
func (e *Engine) ExpireAt(db int, key string, t time.Time) (bool, error) {
	return e.expire(db, key, func(*exec) int64 { return unixMs(t) })
}

func (e *Engine) expire(db int, key string, at func(*exec) int64) (existed bool, err error) {
	err = e.write(db, key, false, func(x *exec, s *table.Shard, h uint64) error {
		existed, err = x.expireAt(s, h, db, key, at(x))
		return err
	})
	return existed, err
}

// expireAt sets an expiry. A time that is not in the future deletes the key. During loading it does
// not, because only the log's own DEL ends a key's life.
func (x *exec) expireAt(s *table.Shard, h uint64, db int, key string, at int64) (existed bool, err error) {
	if _, ok := x.find(s, h, db, key); !ok {
		return false, nil
	}
	x.remember(s)
	if !x.replaying && at <= x.nowMs() {
		x.dirty++
		s.Delete(db, h, key)
		x.command1(db, "DEL", key)
		return true, nil
	}
	if _, err := s.SetExpire(db, h, key, max(at, 1)); err != nil { // 0 would mean no expiry
		return false, err
	}
	x.dirty++
	x.commandInt(db, "PEXPIREAT", key, at)
	return true, nil
}

// Persist removes the expiry, and reports whether there was one.
func (e *Engine) Persist(db int, key string) (had bool, err error) {
	err = e.write(db, key, false, func(x *exec, s *table.Shard, h uint64) error {
		had, err = x.persist(s, h, db, key)
		return err
	})
	return had, err
}

func (x *exec) persist(s *table.Shard, h uint64, db int, key string) (had bool, err error) {
	it, ok := x.find(s, h, db, key)
	if !ok || it.ExpireAtMs() == 0 {
		return false, nil
	}
	x.remember(s)
	if _, err := s.SetExpire(db, h, key, 0); err != nil {
		return false, err
	}
	x.dirty++
	x.command1(db, "PERSIST", key)
	return true, nil
}

// NoExpiry is returned by [Engine.TTL] for a key without an expiry.
const NoExpiry time.Duration = -1

// TTL returns the remaining time to live of a key, or [NoExpiry].
func (e *Engine) TTL(db int, key string) (ttl time.Duration, err error) {
	err = e.read(db, key, func(it table.Item) error {
		ttl = remaining(it)
		return nil
	})
	return ttl, err
}

func (x *exec) ttlOf(db int, key string) (time.Duration, error) {
	s, h := x.locate(key)
	it, ok := x.find(s, h, db, key)
	if !ok {
		return 0, ErrNotFound
	}
	return remaining(it), nil
}

func remaining(it table.Item) time.Duration {
	at := it.ExpireAtMs()
	if at == 0 {
		return NoExpiry
	}
	const most = int64(1<<63-1) / int64(time.Millisecond)
	return time.Duration(min(max(at-nowMs(), 0), most)) * time.Millisecond
}

// FlushDB removes every key of one database.
func (e *Engine) FlushDB(db int) error {
	return e.flush(db, "FLUSHDB", func(s *table.Shard) int64 { return s.Flush(db) })
}

// FlushAll removes every key of every database. If there are save rules, it cancels a running save
// and then saves an empty dump, as Redis does.
func (e *Engine) FlushAll() error {
	if !e.enter() {
		return ErrClosed
	}
	defer e.running.Done()
	e.jobs.cancelSave()
	err := e.flush(0, "FLUSHALL", func(s *table.Shard) (n int64) {
		for db := range e.table.Databases() {
			n += s.Flush(db)
		}
		return n
	})
	if err != nil || len(e.Rules()) == 0 || e.dir == "" {
		return err
	}
	return e.saveNow(e.ctx, nil)
}

func (e *Engine) flush(db int, command string, flush func(*table.Shard) int64) error {
	if err := e.admit(db, false); err != nil {
		return err
	}
	x := e.newExec()
	defer e.free(x)
	e.table.LockAll()
	if err := e.refusedLocked(); err != nil {
		e.table.UnlockAll()
		return err
	}
	x.log, x.held = e.log, everyShard{e.table}
	for i := range e.table.NumShards() {
		x.dirty += flush(e.table.ShardAt(i))
	}
	x.commandNone(db, command)
	if command == "FLUSHALL" {
		e.types.clear() // function libraries stay, as in Redis
	}
	x.seal()
	x.release()
	return x.commit(nil, false)
}

// Type returns Redis's name for the type of the value of a key.
func (e *Engine) Type(db int, key string) (name string, err error) {
	err = e.read(db, key, func(it table.Item) error {
		name = typeName(it)
		return nil
	})
	return name, err
}

func typeName(it table.Item) string {
	t := snapshot.String
	if it.Kind() == table.Opaque {
		t = typeOf(it.AppendPrefix(nil, typeSize))
	}
	return rdb.TypeName(t)
}
