package server

import (
	"slices"

	"github.com/perduredb/perdure/internal/engine"
)

// multi is the transaction that a client collects.
type multi struct {
	on     bool
	failed bool // EXEC must fail, because a command was refused
	queue  []queued
	size   int // bytes of the words
}

type queued struct {
	cmd   *command
	words [][]byte
}

// fail lets EXEC fail.
func (m *multi) fail() { m.failed = m.on }

var multiCommands = []command{
	{name: "MULTI", arity: 1, flags: immediate | fast, run: (*client).begin},
	{name: "EXEC", arity: 1, flags: immediate, run: (*client).exec},
	{name: "DISCARD", arity: 1, flags: immediate | fast, run: (*client).discard},
	{name: "WATCH", arity: -2, flags: immediate | fast, run: (*client).watch},
	{name: "UNWATCH", arity: 1, flags: outside | fast, run: (*client).unwatch},
}

func (c *client) begin([][]byte) {
	if c.multi.on {
		c.out.Error("ERR MULTI calls can not be nested")
		return
	}
	c.multi.on = true
	c.show()
	c.out.Line("OK")
}

// queue adds a command to the transaction. It copies the words, which are in the read buffer.
func (c *client) queue(cmd *command, words [][]byte) {
	size := 64
	for _, word := range words {
		size += 32 + len(word)
	}
	if c.multi.size+size > c.server.options.limits.Queued {
		c.multi.fail()
		c.out.Error("ERR the transaction is too large")
		return
	}
	c.multi.size += size
	kept := make([][]byte, len(words))
	for i, word := range words {
		kept[i] = append(make([]byte, 0, len(word)), word...)
	}
	c.multi.queue = append(c.multi.queue, queued{cmd, kept})
	c.out.Line("QUEUED")
}

// end forgets the transaction and the watched keys.
func (c *client) end() {
	c.multi = multi{}
	c.session.Unwatch()
	c.show()
}

func (c *client) discard([][]byte) {
	if !c.multi.on {
		c.out.Error("ERR DISCARD without MULTI")
		return
	}
	c.end()
	c.out.Line("OK")
}

// exec executes the transaction: all commands on data while the keys of all are locked.
func (c *client) exec([][]byte) {
	if !c.multi.on {
		c.out.Error("ERR EXEC without MULTI")
		return
	}
	m := c.multi
	c.multi.on = false // for the commands that it executes
	defer c.end()
	if m.failed {
		c.out.Error("EXECABORT Transaction discarded because of previous errors.")
		return
	}
	if slices.ContainsFunc(m.queue, func(q queued) bool { return q.cmd.grows() }) && c.server.full() {
		c.out.Error("EXECABORT Transaction discarded because of: " + outOfMemory)
		return
	}
	var data []engine.Queued
	for _, q := range m.queue {
		if q.cmd.data != nil {
			data = append(data, q.cmd.queued(q.words))
		}
	}
	before := len(c.out.Buf)
	var later []insertion
	ok, err := c.session.Transaction(data, &c.out, func(do func(db int, q engine.Queued)) {
		c.out.Array(len(m.queue))
		for _, q := range m.queue {
			switch {
			case q.cmd.data != nil:
				c.count(q.cmd)
				do(c.db, q.cmd.queued(q.words))
			case q.cmd.flags&outside != 0:
				later = append(later, insertion{len(c.out.Buf), q})
			default:
				c.runQueued(q)
			}
		}
	})
	switch {
	case err != nil:
		c.out.Buf = c.out.Buf[:before]
		c.out.Error("EXECABORT Transaction discarded because of: " + engine.ErrorText(err, "EXEC"))
	case !ok:
		c.out.NullArray()
	default:
		c.insert(later)
	}
}

// insertion is a command that is executed after the transaction, and the place of its reply.
type insertion struct {
	at int
	queued
}

// insert executes commands and inserts their replies.
func (c *client) insert(later []insertion) {
	if len(later) == 0 {
		return
	}
	rest := c.out.Buf
	c.out.Buf = make([]byte, 0, len(rest)+1024)
	done := 0
	for _, l := range later {
		c.out.Buf = append(c.out.Buf, rest[done:l.at]...)
		done = l.at
		c.runQueued(l.queued)
	}
	c.out.Buf = append(c.out.Buf, rest[done:]...)
}

// runQueued executes a command that was checked when it was queued.
func (c *client) runQueued(q queued) {
	var sub *subcommand
	if q.cmd.subs != nil && len(q.words) > 1 {
		sub = q.cmd.sub(q.words[1])
	}
	c.run(q.cmd, sub, q.words)
}

func (c *client) watch(words [][]byte) {
	if c.multi.on {
		c.out.Error("ERR WATCH inside MULTI is not allowed")
		return
	}
	if c.session.Watching()+len(words)-1 > c.server.options.limits.Watched {
		c.out.Error("ERR too many watched keys")
		return
	}
	keys := make([]string, len(words)-1)
	for i, word := range words[1:] {
		keys[i] = string(word)
	}
	if err := c.session.Watch(c.db, keys); err != nil {
		c.out.Error("ERR " + err.Error())
		return
	}
	c.show()
	c.out.Line("OK")
}

func (c *client) unwatch([][]byte) {
	c.session.Unwatch()
	c.out.Line("OK")
}
