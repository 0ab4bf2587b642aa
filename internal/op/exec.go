package op

import (
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/clock"
	"github.com/perduredb/perdure/internal/table"
)

// An Exec is a running execution of operations. It collects their changes and the commands for the
// log. The caller locks the shards of every key that it passes.
type Exec struct {
	Store     *Store
	Log       appendlog.AppendLog // nil if no log is on, and during replay
	Keys      *table.KeySet       // if several keys are locked: finds them by number
	Record    Record              // the log record
	Dirty     int64               // changes, for the save rules
	Replaying bool                // nothing expires during loading
	ReadOnly  bool                // expired keys are skipped, not deleted
	Atomic    bool                // Rollback can undo every change

	now  int64       // Unix ms, read once and only if an expiry needs it
	undo *table.Undo // of an Atomic execution
	kept []byte      // old values that MSet replaced in place

	// Large values: see large.go.
	Later    *Pins   // large values to return; nil to copy them at once
	Call     int     // number of the current call
	ready    []ready // copied ahead; those that store does not use are freed
	passed   int     // number of entries of ready for earlier calls
	linked   Pins    // values that the log record references
	argument []byte  // of linked: the value of the next command

	replayed Call // of a command
}

// NewExec returns an Exec for one use, or for several with Reset between them.
func NewExec(s *Store) *Exec {
	x := &Exec{Store: s, undo: &table.Undo{}}
	x.Record.Reset()
	return x
}

// Reset prepares x for another use, and frees the copies of large values that were not stored.
func (x *Exec) Reset() {
	for _, r := range x.ready {
		x.Store.Table.Unmap(r.Mapping)
	}
	if cap(x.kept) > keepRecord {
		x.kept = nil
	}
	*x = Exec{Store: x.Store, Record: x.Record, undo: x.undo, kept: x.kept[:0]}
	x.Record.Reset()
}

// Now returns the time in Unix milliseconds. It reads the clock once for the whole execution.
func (x *Exec) Now() int64 {
	if x.now == 0 {
		x.now = NowMs()
	}
	return x.now
}

// NowMs returns the wall-clock time in Unix milliseconds, the unit of expiries.
func NowMs() int64 { return clock.Now().UnixMilli() }

// NewTime lets the next operation read the clock again. A replay calls it between commands.
func (x *Exec) NewTime() { x.now = 0 }

// remember records the data to undo changes of a shard, if a rollback is possible.
func (x *Exec) remember(s *table.Shard) {
	if x.Atomic {
		s.Record(x.undo)
	}
}

// Rollback undoes every change of an Atomic execution and discards the log record. It allocates no
// memory.
func (x *Exec) Rollback() {
	x.undo.Rollback()
	x.Record.Reset()
	x.Dirty = 0
}

// Commit makes every change final and appends the log record to the log, if there is one. The
// shards must still be locked.
func (x *Exec) Commit() appendlog.Position {
	if x.Atomic {
		x.undo.Commit()
	}
	if x.Record.n > 0 {
		return x.appendRecord()
	}
	return 0
}

// Locate returns the place of a key.
func (x *Exec) Locate(db int, key string) Place {
	h := x.Store.Table.Hash(key)
	return Place{x.Store.Table.Shard(h), h, db, key}
}

// At returns the place of key number i of an operation on several keys.
func (x *Exec) At(db, i int, key string) Place {
	if x.Keys == nil {
		return x.Locate(db, key)
	}
	s, h := x.Keys.At(db, i)
	return Place{s, h, db, key}
}

// Find returns the live entry of a key. It deletes an expired entry and logs the deletion.
func (x *Exec) Find(p Place) (table.Item, bool) {
	it, ok := p.find()
	if !ok || x.Replaying {
		return it, ok
	}
	if at := it.ExpireAtMs(); at != 0 && x.Now() > at {
		if !x.ReadOnly {
			x.remember(p.Shard)
			p.delete()
			x.Store.Expired.Add(1)
			x.command(p.DB, "DEL", p.Key)
		}
		return table.Item{}, false
	}
	return it, true
}
