package engine

import (
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/op"
)

// addReady adds a changed key to those whose waiting commands are served at the end. Its shard must
// be locked.
func (x *exec) addReady(c *cell) {
	if len(c.waiting) > 0 && !c.ready {
		c.ready = true
		x.ready = append(x.ready, c)
	}
}

// serve executes the commands that wait for the keys in ready, in the order in which the keys
// changed, and for each key in the order in which the commands began to wait. A command that moves
// its element adds a key. The shards of the keys must be locked, and those of the keys to which
// elements are moved.
func (x *exec) serve() {
	y := x.e.newExec()
	defer x.e.free(y)
	for i := 0; i < len(x.ready); i++ {
		c := x.ready[i]
		c.ready = false
		x.serveKey(y, c)
	}
	x.ready = nil
}

// dropReady removes the keys in ready without serving them. Their shards must be locked.
func (x *exec) dropReady() {
	for _, c := range x.ready {
		c.ready = false
	}
	x.ready = nil
}

// serveKey executes the commands that wait for a key while it has elements of their type. It
// executes each with y, which has a separate log record.
func (x *exec) serveKey(y *exec, c *cell) {
	place, _ := x.e.place(c.db, c.key)
	for i := 0; i < len(c.waiting); {
		y.Log, y.Watcher = x.Log, watcher{x}
		it, ok := y.Find(place)
		if !ok {
			break
		}
		info := op.Call{Code: op.Type}
		info.Inspect(it, ok)
		w := c.waiting[i]
		switch {
		case w.command.WaitsFor() != info.Name && !w.taken.Load():
			i++
			continue
		case w.take():
			x.execute(y, w, c)
		}
		c.remove(i)
	}
	x.endServing(y)
}

// execute executes a command that waits, for one of its keys.
func (x *exec) execute(y *exec, w *Wait, c *cell) {
	w.by, w.err = c, errBroken // in case of a panic
	x.served = append(x.served, w)
	y.Reply = &w.reply
	w.command.Run(&y.Exec, w.db, w.command.OnlyKey(w.words, c.key))
	if y.Log != nil && !y.Record.Empty() {
		w.log = y.Log
	}
	w.position = x.endServing(y)
	w.err = nil
}

// endServing makes the changes of y final, appends its log record, and prepares y for another use.
func (x *exec) endServing(y *exec) (p appendlog.Position) {
	p = y.Finish()
	if y.Dirty != 0 {
		x.e.addDirty(x.shard, y.Dirty)
	}
	y.Reset()
	return p
}

// wakeServed wakes the commands that serve has executed. No shard must be locked.
func (x *exec) wakeServed() {
	served := x.served
	x.served = nil
	wakeAll(served)
}

// serveAll serves every command that waits, after the whole data set has changed. If writes are
// refused, the background loop calls it again.
func (e *Engine) serveAll() {
	refused := e.gate.Load() != nil
	e.watches.unserved.Store(refused)
	if refused || e.watches.n.Load() == 0 {
		return
	}
	x := e.newExec()
	defer e.free(x)
	e.table.LockAll()
	x.held = everyShard{e.table}
	if e.refusedLocked() == nil {
		x.Log = e.log
		x.watch()
		for db := range e.table.Databases() {
			e.watches.all(db, x.addReady)
		}
	}
	x.end()
}
