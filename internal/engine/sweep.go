package engine

import (
	"time"

	"github.com/perduredb/perdure/internal/op"
	"github.com/perduredb/perdure/internal/table"
)

// Active expiration deletes expired keys that no caller accesses. Each tick spends sweepBudget on
// it. It continues up to sweepLimit while more than one in ten of the visited keys has expired, as
// in Redis. The limit is 1/4 of one core.
const (
	sweepBudget = 5 * time.Millisecond
	sweepLimit  = 25 * time.Millisecond
	sweepStep   = 64 // deletions per acquisition of a shard lock
)

// sweeper records where the last tick stopped.
type sweeper struct {
	shard int
}

// SetActiveExpiration switches active expiration on or off, for tests of clients.
func (e *Engine) SetActiveExpiration(on bool) { e.noSweep.Store(!on) }

func (e *Engine) sweep() {
	if e.gate.Load() != nil || e.noSweep.Load() {
		return // nothing may change, and expired keys are invisible anyway
	}
	var expires int64
	for db := range e.table.Databases() {
		expires += e.table.Expires(db)
	}
	if expires == 0 {
		return
	}
	began := time.Now()
	visited, removed := 0, 0
	for range e.table.NumShards() {
		if e.table.ViewPressure() {
			return // deletions would add to too many before-images
		}
		i := e.counts.sweeper.shard
		v, r := e.sweepShard(i)
		visited, removed = visited+v, removed+r
		if r < sweepStep { // this shard is done; otherwise it is visited again
			e.counts.sweeper.shard = (i + 1) % e.table.NumShards()
		}
		spent := time.Since(began)
		if spent > sweepLimit || spent > sweepBudget && removed*10 <= visited {
			return
		}
	}
}

// sweepShard deletes some of the expired keys in one shard, and logs a DEL for each.
func (e *Engine) sweepShard(i int) (visited, removed int) {
	x := e.newExec()
	defer e.free(x)
	s := e.table.ShardAt(i)
	s.Lock()
	defer s.Unlock()
	if e.refusedLocked() != nil {
		return 0, 0
	}
	x.Log, x.shard = e.log, i
	return e.sweepLocked(x, s)
}

func (e *Engine) sweepLocked(x *exec, s *table.Shard) (visited, removed int) {
	log := x.Log
	visited, removed = s.SweepExpired(x.Now(), sweepStep, func(db int, key []byte) {
		if log == nil {
			return
		}
		// Each DEL is a separate log record, as in the active expiration of Redis.
		log.Append(db, db, x.Record.Delete(log, db, key))
	})
	x.Record.Reset(op.KeepRecord)
	e.ops.Expired.Add(int64(removed))
	return visited, removed
}
