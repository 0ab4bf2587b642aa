package engine

import (
	"time"

	"github.com/perduredb/perdure/internal/table"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// Delete removes keys and returns how many existed.
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

// delete removes keys of a transaction.
func (x *exec) delete(db int, keys []string) (n int) {
	for _, key := range keys {
		s, h := x.locate(key)
		n += x.remove(s, h, db, key)
	}
	x.deleted(db, keys, n)
	return n
}

// deleteOne removes a key, and says whether it existed.
func (x *exec) deleteOne(s *table.Shard, h uint64, db int, key string) bool {
	n := x.remove(s, h, db, key)
	if n > 0 {
		x.dirty++
		x.command1(db, "DEL", key)
	}
	return n > 0
}

// remove takes a key out of the table, and returns how many that are: 1, or 0 when there is none.
func (x *exec) remove(s *table.Shard, h uint64, db int, key string) int {
	if _, ok := x.find(s, h, db, key); !ok {
		return 0
	}
	x.remember(s)
	s.Delete(db, h, key)
	return 1
}

// deleted notes that n of keys are gone.
func (x *exec) deleted(db int, keys []string, n int) {
	if n > 0 {
		x.dirty += int64(n)
		x.commandKeys(db, "DEL", keys)
	}
}

// Exists counts how many of the keys exist; a key given twice counts twice.
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

// Len is how many keys a database holds, those included that have expired and not yet been swept.
func (e *Engine) Len(db int) int64 {
	if db < 0 || db >= e.table.Databases() {
		return 0
	}
	return e.table.Len(db)
}

// Expire sets the expiry to d from now, and says whether the key exists. At or before now deletes.
func (e *Engine) Expire(db int, key string, d time.Duration) (bool, error) {
	return e.expire(db, key, func(x *exec) int64 { return x.deadline(d) })
}

// deadline is the time d from now; now when d is not positive.
func (x *exec) deadline(d time.Duration) int64 {
	if d <= 0 {
		return x.nowMs()
	}
	at, _ := x.ttl(d) // d > 0 has no error
	return at
}

// ExpireAt sets the expiry to t, and says whether the key exists. At or before now deletes.
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

// expireAt sets an expiry. A time that is not in the future deletes the key, except while loading,
// when only the log's own DEL ends a key's life.
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
	if _, err := s.SetExpire(db, h, key, max(at, 1)); err != nil { // 0 would be no expiry
		return false, err
	}
	x.dirty++
	x.commandInt(db, "PEXPIREAT", key, at)
	return true, nil
}

// Persist removes the expiry, and says whether there was one.
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

// NoExpiry is what TTL returns for a key that does not expire.
const NoExpiry time.Duration = -1

// TTL is how long a key will live, NoExpiry when for ever.
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

// FlushAll removes every key of every database. With save rules it then saves an empty dump, as
// Redis does, after giving up a save under way.
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

// Type is Redis's name for the type of what a key holds.
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
