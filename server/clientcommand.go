package server

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

var clientSubcommands []subcommand

func init() { // a function of the table uses it
	clientSubcommands = []subcommand{
		{"ID", 2, func(c *client, _ [][]byte) { c.out.Int(c.id) }},
		{"GETNAME", 2, (*client).getName},
		{"SETNAME", 3, (*client).setNameCommand},
		{"SETINFO", 4, (*client).setInfo},
		{"INFO", 2, func(c *client, _ [][]byte) { c.out.Verbatim(c.describe() + "\n") }},
		{"LIST", -2, (*client).list},
		{"KILL", -3, (*client).kill},
		{"REPLY", 3, (*client).replyMode},
		{"NO-EVICT", 3, (*client).onOff},
		{"NO-TOUCH", 3, (*client).onOff},
		{"GETREDIR", 2, func(c *client, _ [][]byte) { c.out.Int(-1) }},
		{"UNBLOCK", -3, (*client).unblock},
		{"UNPAUSE", 2, func(c *client, _ [][]byte) { c.out.Line("OK") }},
		{"HELP", 2, (*client).help},
	}
}

func (c *client) getName([][]byte) {
	if name := c.shown.Load().name; name != "" {
		c.out.Text(name)
		return
	}
	c.out.Null()
}

func (c *client) setNameCommand(words [][]byte) {
	if name := string(words[2]); c.validName(name) {
		c.setName(name)
		c.out.Line("OK")
	}
}

// setInfo is CLIENT SETINFO LIB-NAME|LIB-VER value, which libraries send since Redis 7.2.
func (c *client) setInfo(words [][]byte) {
	value := string(words[3])
	field := slices.Index([]string{"LIB-NAME", "LIB-VER"}, strings.ToUpper(string(words[2])))
	switch {
	case field < 0:
		c.out.Error("ERR Unrecognized option '" + string(words[2]) + "'")
	case strings.IndexFunc(value, func(r rune) bool { return r < '!' || r > '~' }) >= 0:
		c.out.Error("ERR " + strings.ToLower(string(words[2])) + " cannot contain spaces, newlines or special characters.")
	default:
		c.library[field] = value
		c.show()
		c.out.Line("OK")
	}
}

func (c *client) replyMode(words [][]byte) {
	switch {
	case isWord(words[2], "ON"):
		c.silent = false
		c.out.Line("OK")
	case isWord(words[2], "OFF"):
		c.silent = true
	case isWord(words[2], "SKIP"):
		c.skipNext = !c.silent
	default:
		c.out.Error("ERR syntax error")
	}
}

func (c *client) onOff(words [][]byte) {
	if !isWord(words[2], "ON") && !isWord(words[2], "OFF") {
		c.out.Error("ERR syntax error")
		return
	}
	c.out.Line("OK")
}

// describe returns the line of CLIENT LIST about a client. Any goroutine can call it.
func (c *client) describe() string {
	s, now := c.shown.Load(), time.Now()
	last, protocol, flag := "NULL", 2, "N"
	if cmd := c.last.Load(); cmd != nil {
		last = strings.ToLower(cmd.name)
	}
	if s.v3 {
		protocol = 3
	}
	switch {
	case s.queued >= 0:
		flag = "x"
	case c.waits():
		flag = "b"
	}
	local, remote := c.addresses()
	return fmt.Sprintf("id=%d addr=%s laddr=%s fd=-1 name=%s age=%d idle=%d flags=%s db=%d sub=0 psub=0 ssub=0 multi=%d "+
		"watch=%d qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=0 events=r cmd=%s "+
		"user=default redir=-1 resp=%d lib-name=%s lib-ver=%s",
		c.id, remote, local, s.name, int64(now.Sub(c.began).Seconds()), max(now.Unix()-c.active.Load(), 0), flag, s.db, s.queued,
		s.watched, last, protocol, s.library[0], s.library[1])
}

// addresses returns both ends of the connection. A client of a unix socket has no address, so that
// both are that of the socket.
func (c *client) addresses() (local, remote string) {
	local, remote = c.conn.LocalAddr().String(), c.conn.RemoteAddr().String()
	if c.conn.LocalAddr().Network() == "unix" {
		return local + ":0", local + ":0"
	}
	return local, remote
}

// each returns the clients in the order of their ids.
func (s *Server) each() []*client {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*client, 0, len(s.clients))
	for _, c := range s.clients {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *client) int { return int(a.id - b.id) })
	return all
}

// list is CLIENT LIST [TYPE normal|master|replica|pubsub] [ID id ...].
func (c *client) list(words [][]byte) {
	wanted := func(*client) bool { return true }
	switch {
	case len(words) == 2:
	case len(words) == 4 && isWord(words[2], "TYPE"):
		name := strings.ToLower(string(words[3]))
		if !slices.Contains(clientTypes, name) {
			c.out.Error("ERR Unknown client type '" + string(words[3]) + "'")
			return
		}
		wanted = func(*client) bool { return name == "normal" }
	case len(words) > 3 && isWord(words[2], "ID"):
		ids := map[int64]bool{}
		for _, word := range words[3:] {
			id, ok := c.integer(word)
			if !ok || id < 1 {
				c.out.Error("ERR Invalid client ID")
				return
			}
			ids[id] = true
		}
		wanted = func(other *client) bool { return ids[other.id] }
	default:
		c.out.Error("ERR syntax error")
		return
	}
	var b strings.Builder
	for _, other := range c.server.each() {
		if wanted(other) {
			b.WriteString(other.describe() + "\n")
		}
	}
	c.out.Verbatim(b.String())
}

var clientTypes = []string{"normal", "master", "replica", "slave", "pubsub"}

// kill is CLIENT KILL address, or CLIENT KILL with filters: ID, ADDR, LADDR, TYPE, USER, SKIPME.
func (c *client) kill(words [][]byte) {
	if len(words) == 3 {
		for _, other := range c.server.each() {
			if _, remote := other.addresses(); remote == string(words[2]) {
				c.hangUp(other)
				c.out.Line("OK")
				return
			}
		}
		c.out.Error("ERR No such client")
		return
	}
	filter, text := c.parseKill(words[2:])
	if text != "" {
		c.out.Error(text)
		return
	}
	killed := int64(0)
	for _, other := range c.server.each() {
		if filter.matches(c, other) {
			c.hangUp(other)
			killed++
		}
	}
	c.out.Int(killed)
}

// killFilter selects the clients that CLIENT KILL closes.
type killFilter struct {
	id            int64
	remote, local string
	kind, user    string
	skipMe        bool
}

func (c *client) parseKill(args [][]byte) (f killFilter, errText string) {
	f.skipMe = true
	for i := 0; i < len(args); i += 2 {
		if i+1 == len(args) {
			return f, "ERR syntax error"
		}
		value := string(args[i+1])
		switch strings.ToUpper(string(args[i])) {
		case "ID":
			id, ok := c.integer(args[i+1])
			if !ok || id < 1 {
				return f, "ERR client-id should be greater than 0"
			}
			f.id = id
		case "ADDR":
			f.remote = value
		case "LADDR":
			f.local = value
		case "USER":
			if f.user = value; value != "default" {
				return f, "ERR No such user '" + value + "'"
			}
		case "TYPE":
			if f.kind = strings.ToLower(value); !slices.Contains(clientTypes, f.kind) {
				return f, "ERR Unknown client type '" + value + "'"
			}
		case "SKIPME":
			if !strings.EqualFold(value, "yes") && !strings.EqualFold(value, "no") {
				return f, "ERR syntax error"
			}
			f.skipMe = strings.EqualFold(value, "yes")
		default:
			return f, "ERR syntax error"
		}
	}
	return f, ""
}

func (f *killFilter) matches(c, other *client) bool {
	local, remote := other.addresses()
	switch {
	case f.id != 0 && other.id != f.id, f.remote != "" && remote != f.remote, f.local != "" && local != f.local:
		return false
	case f.kind != "" && f.kind != "normal", f.skipMe && other == c:
		return false
	}
	return true
}

// hangUp ends a connection: another one at once, and this one after the reply.
func (c *client) hangUp(other *client) {
	if other == c {
		c.closing = true
		return
	}
	other.conn.Close()
	other.endWait(nil) // so that its command does not pop an element from now on
}
