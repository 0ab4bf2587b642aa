package engine

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/op"
	"github.com/perduredb/perdure/internal/resp"
)

// A blocking command that finds no element waits in the cells of its keys. While it waits, no key
// in whose cell it is has an element of its type whenever the shard of the key is unlocked: a write
// that adds elements serves the waiting commands before it unlocks. So clients that come later
// cannot take an element first.
//
// To serve a command is to execute it for the one key, after the log record of the write. That
// needs no other lock, except for a command that moves the element. Therefore a write to a key that
// such a command waits for locks every shard. A command that waits for several keys can be served
// by several goroutines at once; the first one takes it.

// A Wait is a blocking command that waits for an element.
type Wait struct {
	db      int
	command *op.Command
	words   [][]byte // copied
	cells   []*cell  // of its keys
	wake    func()
	done    chan struct{}
	taken   atomic.Bool // it was served, or ended without an element

	// Set by the goroutine that has taken the Wait, before it wakes it.
	reply    resp.Reply
	by       *cell               // whose element it got, or nil
	log      appendlog.AppendLog // nil if no record was appended
	position appendlog.Position
	err      error // why it ended
}

// Waiting returns the command that waits, or nil. Do returns while the command waits if the Session
// has a function wake. When the wait is over, wake is called with no lock held, on any goroutine.
// The client must then call EndWait before it executes another command.
func (s *Session) Waiting() *Wait { return s.waiting }

// Timeout returns the time after which the client should cancel the Wait, or 0 for no limit.
func (w *Wait) Timeout() time.Duration { return w.command.Timeout(w.words) }

// Size returns the length of the words that the Wait keeps.
func (w *Wait) Size() (n int) {
	for _, word := range w.words {
		n += len(word)
	}
	return n
}

// Done returns a channel that is closed when the wait is over, after the call of wake.
func (w *Wait) Done() <-chan struct{} { return w.done }

// Cancel ends the wait without an element, and reports whether it did. It does nothing if the wait
// is already over. EndWait then returns err, or, if err is nil, replies as after the timeout. Any
// goroutine can call it.
func (w *Wait) Cancel(err error) bool {
	if !w.take() {
		return false
	}
	w.err = err
	w.end()
	return true
}

// take reserves the right to end the wait.
func (w *Wait) take() bool { return w.taken.CompareAndSwap(false, true) }

// end wakes the client. No shard must be locked.
func (w *Wait) end() {
	w.wake()
	close(w.done)
}

func wakeAll(waits []*Wait) {
	for _, w := range waits {
		w.end()
	}
}

// beginWait lets a command wait. The shards of its keys must be locked.
func (s *Session) beginWait(db int, c *op.Command, words [][]byte, v3 bool) {
	w := &Wait{db: db, command: c, wake: s.wake, done: make(chan struct{}), reply: resp.Reply{V3: v3}}
	w.words = make([][]byte, len(words))
	for i, word := range words {
		w.words[i] = slices.Clone(word)
	}
	e := s.e
	c.EachWaited(w.words, func(key []byte) {
		p, shard := e.place(db, string(key))
		cell := e.watches.add(shard, p.Hash, db, p.Key)
		if n := len(cell.waiting); n > 0 && cell.waiting[n-1] == w { // a key given twice
			cell.clients--
			return
		}
		w.cells = append(w.cells, cell)
		cell.waiting = append(cell.waiting, w)
		if c.Moves() {
			cell.movers++
		}
	})
	e.watches.n.Add(int64(len(w.cells)))
	s.waiting = w
}

// EndWait appends the reply of a command whose wait is over, or returns the error of Cancel.
func (s *Session) EndWait(r *resp.Reply) error {
	w := s.waiting
	s.waiting = nil
	<-w.done
	s.e.forget(w)
	switch {
	case w.err != nil:
		return w.err
	case w.by == nil:
		r.NullArray()
		return nil
	}
	r.Buf = append(r.Buf, w.reply.Buf...)
	if w.log != nil {
		s.await(w.log, w.position)
	}
	return nil
}

// wait waits until the command is served, its timeout is over, or ctx ends.
func (s *Session) wait(ctx context.Context, r *resp.Reply) error {
	w := s.waiting
	var timeout <-chan time.Time
	if d := w.Timeout(); d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		timeout = t.C
	}
	select {
	case <-w.done:
	case <-timeout:
		w.Cancel(nil)
	case <-ctx.Done():
		w.Cancel(ctx.Err())
	}
	return s.EndWait(r)
}

// forget removes a Wait that is over from the cells of its keys.
func (e *Engine) forget(w *Wait) {
	for _, c := range w.cells {
		p, shard := e.place(w.db, c.key)
		p.Shard.Lock()
		if i := slices.Index(c.waiting, w); c != w.by && i >= 0 {
			c.remove(i)
		}
		if w.command.Moves() {
			c.movers--
		}
		e.watches.remove(shard, p.Hash, c)
		p.Shard.Unlock()
	}
	e.watches.n.Add(-int64(len(w.cells)))
}

// remove removes number i of the waiting commands, which is fast for the first.
func (c *cell) remove(i int) {
	if i == 0 {
		c.waiting[0] = nil
		c.waiting = c.waiting[1:]
		return
	}
	c.waiting = slices.Delete(c.waiting, i, i+1)
}

// moves reports whether a command that moves its element waits for a key with hash h in shard i,
// which is locked.
func (w *watches) moves(i int, h uint64) bool {
	return slices.ContainsFunc(w.shards[i][h], func(c *cell) bool { return c.movers > 0 })
}

// moves is [watches.moves] for a key.
func (e *Engine) moves(key string) bool {
	h := e.table.Hash(key)
	return e.watches.moves(e.table.ShardIndex(h), h)
}

// endWaits takes every Wait for Close. Every shard must be locked.
func (w *watches) endWaits() (ended []*Wait) {
	for _, keys := range w.shards {
		for _, cells := range keys {
			for _, c := range cells {
				for _, wait := range c.waiting {
					if wait.take() {
						wait.err = ErrClosed
						ended = append(ended, wait)
					}
				}
			}
		}
	}
	return ended
}
