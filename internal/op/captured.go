package op

import (
	"bytes"
	"errors"

	"github.com/perduredb/perdure/internal/collection"
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
	values []seen
	next   int    // index in values where a search begins: a command finds its keys in order
	bytes  []byte // of the values
	trees  tree.Epoch
	lock   func() error // locks the keys again
	err    error        // of lock
	on     bool         // the command runs without locks
}

// seen is the value of a key.
type seen struct {
	Place
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
	found := false
	c.EachKey(words, func(key []byte) { found = found || x.hasLarge(db, key) })
	if !found || !x.Store.InUse.TryRLock() {
		return false
	}
	p, ok := &x.large.captured, true
	c.EachKey(words, func(key []byte) {
		v := seen{Place: x.Locate(db, string(key))}
		v.item, v.exists = x.ready(v.Place)
		if ok = ok && (len(v.item.Opaque()) <= maxCaptured || isLarge(v.item)); ok {
			p.add(v)
		}
	})
	if !ok {
		p.reset()
		x.Store.InUse.RUnlock()
		return false
	}
	p.trees = x.Store.Table.PinTrees()
	x.captured = p
	return true
}

// maxCaptured is the size above which a value is not copied: one that no command can convert.
const maxCaptured = 64 << 10

// hasLarge reports whether a key has a large collection. It converts a loaded one.
func (x *Exec) hasLarge(db int, key []byte) bool {
	h := x.Store.Table.HashBytes(key)
	s := x.Store.Table.Shard(h)
	it, _ := s.FindBytes(db, h, key)
	if stored := it.Opaque(); stored != nil && !collection.IsStored(stored) {
		it, _ = x.ready(Place{s, h, db, string(key)})
	}
	return isLarge(it)
}

// add adds a copy of a value.
func (p *captured) add(v seen) *seen {
	from := len(p.bytes)
	p.bytes = append(p.bytes, v.item.Opaque()...)
	v.item = v.item.Detached(p.bytes[from:])
	p.values = append(p.values, v)
	return &p.values[len(p.values)-1]
}

// keepCaptured is the number of values that captured retains room for.
const keepCaptured = 64

func (p *captured) reset() {
	if cap(p.values) > keepCaptured || cap(p.bytes) > KeepRecord {
		*p = captured{}
	}
	clear(p.values)
	*p = captured{values: p.values[:0], bytes: p.bytes[:0]}
}

// Uncapture unpins what Capture has pinned.
func (x *Exec) Uncapture() {
	x.Store.Table.UnpinTrees(x.captured.trees)
	x.Store.InUse.RUnlock()
	x.captured.reset()
	x.captured = nil
}

// RunCaptured is [Command.Run] for a command whose keys Capture has captured and no lock is held.
// lock locks the keys again, if the command changes one. RunCaptured returns the error of lock. The
// result done is false if a key has changed in the meantime. The command has then done nothing.
func (x *Exec) RunCaptured(c *Command, db int, words [][]byte, lock func() error) (done bool, err error) {
	p := x.captured
	p.lock, p.on = lock, true
	before := len(x.Reply.Buf)
	err = c.apply(x, c.place(x, db, words), words)
	if p.on && x.Dirty != 0 {
		panic("op: internal error: a change without a lock")
	}
	if err == errChanged || p.err != nil {
		x.dropReply(before)
		return p.err != nil, p.err
	}
	c.end(x, before, err)
	return true, nil
}

// Restart prepares x to lock keys again after Finish.
func (x *Exec) Restart() {
	x.Record.Reset(KeepRecord)
	x.Dirty, x.Log, x.Watcher, x.ReadOnly, x.now = 0, nil, nil, false, 0
}

// findCaptured is Find in captured values. A key in another database, such as the destination of a
// COPY, is not among them: it is captured now. Only a command that calls relock reads such a key.
func (x *Exec) findCaptured(at Place) (table.Item, bool) {
	p := x.captured
	n := len(p.values)
	for i := range n {
		if v := &p.values[(p.next+i)%n]; v.Place == at {
			p.next += i + 1
			v.read = true
			return v.item, v.exists
		}
	}
	at.Shard.Lock()
	defer at.Shard.Unlock()
	v := seen{Place: at, read: true}
	if it, ok := at.Shard.Find(at.DB, at.Hash, at.Key); ok && (it.ExpireAtMs() == 0 || x.Now() <= it.ExpireAtMs()) {
		v.item, v.exists = it, true
	}
	last := p.add(v)
	return last.item, last.exists
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
	for i := range p.values {
		if v := &p.values[i]; v.read {
			if it, ok := x.Find(v.Place); !v.is(it, ok) {
				return errChanged
			}
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
