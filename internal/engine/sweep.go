package engine

import (
	"time"

	"github.com/perduredb/perdure/internal/table"
)

// The sweep deletes what has expired and nobody asks for. A tick spends sweepBudget on it, and
// goes on up to sweepLimit while more than one in ten of the keys it meets has expired, which is
// Redis's measure. The limit is a quarter of one core.
const (
	sweepBudget = 5 * time.Millisecond
	sweepLimit  = 25 * time.Millisecond
	sweepStep   = 64 // deletions under one hold of a shard's lock
)

// sweeper remembers where the last tick stopped.
type sweeper struct {
	shard int
}

func (e *Engine) sweep() {
	if e.gate.Load() != nil {
		return // nothing may change; what has expired is invisible all the same
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
			return // what it deletes would add to the before-images, of which there are too many
		}
		i := e.counts.sweeper.shard
		v, r := e.sweepShard(i)
		visited, removed = visited+v, removed+r
		if r < sweepStep { // this one is done; otherwise it is visited again
			e.counts.sweeper.shard = (i + 1) % e.table.NumShards()
		}
		spent := time.Since(began)
		if spent > sweepLimit || spent > sweepBudget && removed*10 <= visited {
			return
		}
	}
}

// sweepShard deletes some of what has expired in one shard, a DEL in the log for each key.
func (e *Engine) sweepShard(i int) (visited, removed int) {
	x := e.newExec()
	defer e.free(x)
	s := e.table.ShardAt(i)
	s.Lock()
	defer s.Unlock()
	if e.refusedLocked() != nil {
		return 0, 0
	}
	x.log, x.shard = e.log, i
	return e.sweepLocked(x, s)
}

func (e *Engine) sweepLocked(x *exec, s *table.Shard) (visited, removed int) {
	log := x.log
	visited, removed = s.SweepExpired(x.nowMs(), sweepStep, func(db int, key []byte) {
		if log == nil {
			return
		}
		// Each DEL is a unit of its own, as Redis logs its active expiry.
		x.unit.reset()
		x.unit.begin(log, db, 2)
		x.unit.str("DEL")
		x.unit.bytes(key)
		log.Append(db, db, x.unit.encoded())
	})
	x.unit.reset()
	e.counts.expired.Add(int64(removed))
	return visited, removed
}
