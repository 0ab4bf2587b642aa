package server

import (
	"net"
	"sync/atomic"
	"time"

	"github.com/perduredb/perdure/internal/engine"
	"github.com/perduredb/perdure/internal/resp"
)

// A client is one connection. Its goroutine reads commands, executes them, and writes the replies.
// The fields up to out belong to that goroutine.
type client struct {
	server   *Server
	conn     net.Conn
	id       int64
	db       int
	in       requests
	session  *engine.Session
	multi    multi
	blocked  blocked
	closing  bool
	silent   bool // CLIENT REPLY OFF
	skip     bool // no reply to the current command
	skipNext bool // CLIENT REPLY SKIP: no reply to the next command
	wrong    int  // passwords
	ahead    int  // commands whose keys are prefetched
	library  [2]string
	out      resp.Reply
	tally    tally
	counted  int64 // bytes of buffers in server.buffered

	readUntil, writeUntil time.Time // deadlines of conn

	began  time.Time
	shown  atomic.Pointer[shown] // for CLIENT LIST
	last   atomic.Pointer[command]
	active atomic.Int64 // Unix seconds of the last command
}

// shown are properties of a client that other clients can list. It is replaced as a whole.
type shown struct {
	name    string
	library [2]string
	db      int
	v3      bool
	queued  int // commands of a MULTI; -1 outside a MULTI
	watched int
}

func newClient(s *Server, conn net.Conn) *client {
	c := &client{server: s, conn: conn, id: s.lastID.Add(1), began: time.Now()}
	c.session = s.engine.NewSession(c.wake)
	c.in.limits = &s.options.limits
	c.out.Limit, c.out.Reserve = s.options.limits.Reply, c.reserve
	c.in.auth = s.options.password != ""
	c.active.Store(c.began.Unix())
	c.show()
	return c
}

// show publishes the properties of the client.
func (c *client) show() {
	s := &shown{db: c.db, v3: c.out.V3, library: c.library, queued: -1, watched: c.session.Watching()}
	if old := c.shown.Load(); old != nil {
		s.name = old.name
	}
	if c.multi.on {
		s.queued = len(c.multi.queue)
	}
	c.shown.Store(s)
}

// setName changes the name of the client.
func (c *client) setName(name string) {
	s := *c.shown.Load()
	s.name = name
	c.shown.Store(&s)
}

// serve reads and executes commands until the connection ends.
func (c *client) serve() {
	defer c.addCalls() // of replies that were not sent
	for !c.closing {
		if !c.executeAll() || !c.flush() || c.closing {
			return
		}
		if !c.read() {
			return
		}
	}
}

// executeAll executes the commands that have arrived. It returns false if the connection must end.
func (c *client) executeAll() bool {
	for !c.closing {
		c.lookAhead()
		words, err := c.in.next()
		if err != nil {
			c.out.Error("ERR " + err.Error())
			c.flush()
			return false
		}
		if words == nil {
			return len(c.in.buf)-c.in.start <= c.server.options.limits.Query
		}
		if len(words) == 0 {
			continue
		}
		before := len(c.out.Buf)
		c.skip, c.skipNext = c.skipNext, false
		c.execute(words)
		if w := c.session.Waiting(); w != nil {
			if !c.await(w) {
				return false
			}
			before = 0 // await has sent the replies
		}
		if c.silent || c.skip || c.skipNext {
			c.out.Buf = c.out.Buf[:before]
		}
		if len(c.out.Buf) > flushAbove && (!c.account(len(c.out.Buf)) || !c.flush()) {
			return false
		}
	}
	return true
}

// flushAbove is the size of replies that are written although more commands have arrived.
const flushAbove = 64 << 10

// flush waits until the writes are as safe as the policy requires, and then sends the replies.
func (c *client) flush() bool {
	c.addCalls()
	if err := c.session.Commit(); err != nil { // the outcome of the writes is unknown
		c.out.Buf = c.out.Buf[:0]
		c.out.Error("MISCONF Errors writing to the AOF file: " + err.Error())
		c.closing = true
	}
	if len(c.out.Buf) == 0 {
		return true
	}
	ok := c.write(c.out.Buf)
	c.out.Buf = c.out.Buf[:0]
	if cap(c.out.Buf) > keepBuffer {
		c.out.Buf = nil
	}
	return ok
}

// writeStep is the number of bytes that the client must read within the limit of time.
const writeStep = 1 << 20

// write sends replies. It returns false if the connection must end.
func (c *client) write(replies []byte) bool {
	for len(replies) > 0 {
		c.setDeadline(&c.writeUntil, c.server.options.limits.Write, c.conn.SetWriteDeadline)
		n, err := c.conn.Write(replies[:min(len(replies), writeStep)])
		if err != nil {
			return false
		}
		replies = replies[n:]
	}
	return true
}

// setDeadline sets a deadline after d, unless the previous one is nearly the same.
func (c *client) setDeadline(until *time.Time, d time.Duration, set func(time.Time) error) {
	now := time.Now()
	if left := until.Sub(now); left < d-d/8 || left > d {
		*until = now.Add(d)
		_ = set(*until) // fails only on a closed connection
	}
}

// read waits for more bytes of the client.
func (c *client) read() bool {
	room := c.in.room()
	if !c.account(0) {
		c.reject("ERR the buffers of all clients need too much memory")
		return false
	}
	limits := &c.server.options.limits
	wait := limits.Command
	switch {
	case c.in.auth:
		wait = limits.Login - time.Since(c.began)
	case c.in.idle():
		wait = limits.Idle
	}
	switch {
	case c.in.auth && wait <= 0:
		return false
	case wait > 0:
		c.setDeadline(&c.readUntil, wait, c.conn.SetReadDeadline)
	case !c.readUntil.IsZero():
		c.readUntil = time.Time{}
		_ = c.conn.SetReadDeadline(c.readUntil)
	}
	n, err := c.conn.Read(room)
	c.server.counts.reads.Add(1)
	c.active.Store(time.Now().Unix())
	c.in.buf = c.in.buf[:len(c.in.buf)+n]
	return err == nil
}

// account updates the number of bytes in the buffers of all clients by those of this one, extra
// bytes included, and reports whether the limit permits them. The bytes of a connection that ends
// do not count.
func (c *client) account(extra int) bool {
	size := int64(c.in.memory() + c.multi.size + extra)
	if size == c.counted {
		return true
	}
	total := c.server.buffered.Add(size - c.counted)
	grew := size > c.counted
	c.counted = size
	return !grew || total <= c.server.options.limits.Memory
}

// reserve accounts for a reply of size bytes before it is built, and reports whether the limit
// permits it.
func (c *client) reserve(size int) bool {
	if c.account(size) {
		return true
	}
	c.account(len(c.out.Buf)) // the reply is not built
	return false
}

// forget returns the bytes of the buffers.
func (c *client) forget() {
	c.server.buffered.Add(-c.counted)
	c.counted = 0
}

// reject sends an error, as far as the connection accepts it at once, before the connection ends.
func (c *client) reject(text string) {
	var r resp.Reply
	r.Error(text)
	_ = c.conn.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = c.conn.Write(r.Buf)
}
