package server

import (
	"errors"
	"net"
	"sync"
	"time"

	"github.com/perduredb/perdure/internal/engine"
)

// While a command of a client waits for an element, the client's goroutine reads the connection: it
// notices when the connection ends, and keeps the commands that arrive for later. A deadline in the
// past ends the read when the wait is over.

// blocked is the state of a client whose command may wait.
type blocked struct {
	mu    sync.Mutex
	wait  *engine.Wait // of the command that waits, or nil
	woken bool         // the wait is over
}

var longAgo = time.Unix(1, 0)

// errUnblocked ends the wait of a client that CLIENT UNBLOCK ... ERROR names.
var errUnblocked = errors.New("UNBLOCKED client unblocked via CLIENT UNBLOCK")

// wake ends the read of a client whose wait is over.
func (c *client) wake() {
	b := &c.blocked
	b.mu.Lock()
	defer b.mu.Unlock()
	b.woken = true
	if b.wait != nil {
		b.wait = nil
		c.server.blocked.Add(-1)
	}
	_ = c.conn.SetReadDeadline(longAgo) // fails only on a closed connection
}

// await waits until the command that the client has begun has a reply, and appends the reply. It
// returns false if the connection must end. The command then does not pop an element.
func (c *client) await(w *engine.Wait) bool {
	b := &c.blocked
	b.mu.Lock()
	if !b.woken {
		b.wait = w
		c.server.blocked.Add(1)
	}
	b.mu.Unlock()
	ok := c.flush() && !c.closing && c.readDuring(w)
	w.Cancel(nil)
	<-w.Done()
	if err := c.session.EndWait(&c.out); errors.Is(err, errUnblocked) {
		c.out.Error(err.Error())
	} else if err != nil {
		c.out.Error(engine.ErrorText(err, ""))
	}
	b.mu.Lock()
	b.woken = false
	b.mu.Unlock()
	c.readUntil = longAgo // the deadline of the connection
	return ok
}

// readDuring reads until the wait of the client is over or its timeout ends. It returns false if
// the connection must end.
func (c *client) readDuring(w *engine.Wait) bool {
	var until time.Time
	if d := w.Timeout(); d > 0 {
		until = time.Now().Add(d)
	}
	size := w.Size()
	for c.armed(until) {
		room := c.in.room()
		if !c.account(size) {
			return false
		}
		n, err := c.conn.Read(room)
		c.in.buf = c.in.buf[:len(c.in.buf)+n]
		var timeout net.Error
		switch {
		case errors.As(err, &timeout) && timeout.Timeout():
			if !until.IsZero() && !time.Now().Before(until) {
				return true
			}
		case err != nil:
			return false
		case len(c.in.buf)-c.in.start > c.server.options.limits.Query:
			return false
		}
	}
	return true
}

// armed sets the deadline of the read, unless the wait is over.
func (c *client) armed(until time.Time) bool {
	b := &c.blocked
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.woken {
		return false
	}
	_ = c.conn.SetReadDeadline(until) // fails only on a closed connection
	return true
}

// waits reports whether a command of the client waits. Any goroutine can call it.
func (c *client) waits() bool {
	c.blocked.mu.Lock()
	defer c.blocked.mu.Unlock()
	return c.blocked.wait != nil
}

// unblock is CLIENT UNBLOCK id [TIMEOUT|ERROR]. It ends the wait of a client as its timeout would,
// or with an error.
func (c *client) unblock(words [][]byte) {
	var reason error
	switch {
	case len(words) > 4:
		c.out.Error("ERR unknown subcommand or wrong number of arguments for 'UNBLOCK'. Try CLIENT HELP.")
		return
	case len(words) == 4 && isWord(words[3], "ERROR"):
		reason = errUnblocked
	case len(words) == 4 && !isWord(words[3], "TIMEOUT"):
		c.out.Error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
		return
	}
	id, ok := c.integer(words[2])
	if !ok {
		c.out.Error("ERR value is not an integer or out of range")
		return
	}
	c.server.mu.Lock()
	other := c.server.clients[id]
	c.server.mu.Unlock()
	if other != nil && other.endWait(reason) {
		c.out.Int(1)
		return
	}
	c.out.Int(0)
}

// endWait ends the wait of a client without an element, and reports whether it did.
func (c *client) endWait(reason error) bool {
	c.blocked.mu.Lock()
	w := c.blocked.wait
	c.blocked.mu.Unlock()
	return w != nil && w.Cancel(reason)
}
