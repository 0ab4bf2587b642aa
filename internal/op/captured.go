package op

import (
	"bytes"
	"errors"

	"github.com/perduredb/perdure/internal/table"
	"github.com/perduredb/perdure/internal/tree"
)

// A command whose time depends on the number of elements does not hold the locks of its keys while
// it visits them. Under the locks, Capture copies the values of its keys, of which a large
// collection has only its roots, and pins the trees. The command then runs without a lock and finds
// the captured values, so that its result is of that point in time.
//
// A command that changes a key calls relock before the change. It locks the keys again and checks
// that the values that the command has read are still there. The pin makes the check exact: a
// changed tree has another root.

// captured are the values of the keys of one command.
type captured struct {
	db     int // of the command
	values map[name]*seen
	trees  tree.Epoch   // pinned
	lock   func() error // locks the keys again
	err    error        // of lock
	on     bool         // the command runs without locks
}

// name identifies a key.
type name struct {
	db  int
	key string
}

// seen is the value of a key.
type seen struct {
	item   table.Item
	exists bool
	read   bool // the command depends on it
}

// errChanged is the error of a command whose keys have changed since they were captured.
var errChanged = errors.New("a key has changed")

// Capture captures the values of the keys of a command with the flag Walks, and reports whether it
// did. It does not if none of them is a large collection, or while memory of the table is about to
// be freed. The keys must be locked. After it, the caller unlocks them, calls RunCaptured, and then
// Uncapture.
func (x *Exec) Capture(c *Command, db int, words [][]byte) bool {
	if !x.anyLarge(c, db, words) || !x.Store.InUse.TryRLock() {
		return false
	}
	values, ok := map[name]*seen{}, true
	c.EachKey(words, func(key []byte) {
		it, exists := x.Find(x.Locate(db, string(key)))
		if n := len(it.Opaque()); n > maxCaptured && !isLarge(it) {
			ok = false // a value that no command can convert
		}
		if ok {
			values[name{db, string(key)}] = &seen{item: it.Detached(), exists: exists}
		}
	})
	if !ok {
		x.Store.InUse.RUnlock()
		return false
	}
	x.captured = &captured{db: db, values: values, trees: x.Store.Table.PinTrees()}
	return true
}

// maxCaptured is the size above which a value that is not a large collection is not copied.
const maxCaptured = 64 << 10

// anyLarge reports whether a key of a command has a large collection. It converts loaded values.
func (x *Exec) anyLarge(c *Command, db int, words [][]byte) (found bool) {
	c.EachKey(words, func(key []byte) {
		it, ok := x.ready(x.Locate(db, string(key)))
		found = found || ok && isLarge(it)
	})
	return found
}

// Uncapture unpins what Capture has pinned, if anything.
func (x *Exec) Uncapture() {
	if x.captured != nil {
		x.Store.Table.UnpinTrees(x.captured.trees)
		x.captured = nil
		x.Store.InUse.RUnlock()
	}
}

// RunCaptured is [Command.Run] for a command whose keys Capture has captured and no lock is held.
// lock locks the keys again, if the command changes one. RunCaptured returns the error of lock. The
// result done is false if a key has changed in the meantime. The command has then done nothing.
func (x *Exec) RunCaptured(c *Command, words [][]byte, lock func() error) (done bool, err error) {
	p := x.captured
	p.lock, p.on = lock, true
	before := len(x.Reply.Buf)
	err = c.apply(x, p.db, words)
	if err == errChanged || p.err != nil {
		x.dropReply(before)
		return p.err != nil, p.err
	}
	c.end(x, before, err)
	return true, nil
}

// Restart prepares x to lock keys again after Finish.
func (x *Exec) Restart() {
	x.Record.Reset()
	x.Dirty, x.Log, x.Watcher, x.ReadOnly, x.now = 0, nil, nil, false, 0
}

// findCaptured is Find in captured values. A key in another database, such as the destination of a
// COPY, is not among them: it is captured now. Only a command that calls relock reads such a key.
func (x *Exec) findCaptured(at Place) (table.Item, bool) {
	id := name{at.DB, at.Key}
	v := x.captured.values[id]
	if v == nil {
		v = &seen{}
		at.Shard.Lock()
		if it, ok := at.Shard.Find(at.DB, at.Hash, at.Key); ok && (it.ExpireAtMs() == 0 || x.Now() <= it.ExpireAtMs()) {
			v.item, v.exists = it.Detached(), true
		}
		at.Shard.Unlock()
		x.captured.values[id] = v
	}
	v.read = true
	return v.item, v.exists
}

// relock locks the keys of a command that runs on captured values, before the command changes one.
// Values that were found before are then invalid. It returns errChanged if a value that the command
// has read is another now. If the command holds its locks anyway, relock does nothing.
func (x *Exec) relock() error {
	p := x.captured
	if p == nil || !p.on {
		return nil
	}
	if p.err = p.lock(); p.err != nil {
		return p.err
	}
	p.on = false
	for id, v := range p.values {
		if !v.read {
			continue
		}
		if it, ok := x.Find(x.Locate(id.db, id.key)); !v.is(it, ok) {
			return errChanged
		}
	}
	return nil
}

// is reports whether the value is that of a key with an item. A String is only known by its kind.
func (v *seen) is(it table.Item, exists bool) bool {
	return exists == v.exists && (!exists || it.Kind() == v.item.Kind() && it.ExpireAtMs() == v.item.ExpireAtMs() &&
		bytes.Equal(it.Opaque(), v.item.Opaque()))
}

// walking reports whether a command runs on captured values, without locks.
func (x *Exec) walking() bool { return x.captured != nil && x.captured.on }
