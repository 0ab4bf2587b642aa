package server

import (
	"crypto/sha256"
	"crypto/subtle"
	"strconv"
	"time"

	"github.com/perduredb/perdure/internal/op"
)

var connectionCommands = []command{
	{name: "PING", arity: -1, flags: fast, run: (*client).ping},
	{name: "ECHO", arity: 2, flags: fast, run: (*client).echo},
	{name: "QUIT", arity: -1, flags: immediate | noAuth | fast, run: (*client).quit},
	{name: "SELECT", arity: 2, flags: fast, run: (*client).selectDB},
	{name: "AUTH", arity: -2, flags: noAuth | fast, run: (*client).authenticate},
	{name: "HELLO", arity: -1, flags: noAuth | fast, run: (*client).hello},
	{name: "RESET", arity: 1, flags: immediate | noAuth | fast, run: (*client).reset},
	{name: "TIME", arity: 1, flags: fast, run: (*client).time},
	{name: "CLIENT", arity: -2, flags: outside, subs: func() []subcommand { return clientSubcommands }},
}

func (c *client) ping(words [][]byte) {
	switch len(words) {
	case 1:
		c.out.Line("PONG")
	case 2:
		c.out.Bulk(words[1])
	default:
		c.out.Error(op.WrongArity("ping"))
	}
}

func (c *client) echo(words [][]byte) { c.out.Bulk(words[1]) }

func (c *client) quit([][]byte) {
	c.out.Line("OK")
	c.closing = true
}

func (c *client) selectDB(words [][]byte) {
	n, ok := c.integer(words[1])
	switch {
	case !ok:
		c.out.Error("ERR value is not an integer or out of range")
	case n != int64(int32(n)):
		c.out.Error("ERR value is out of range, value must between -2147483648 and 2147483647")
	case n < 0 || n >= int64(c.server.engine.Databases()):
		c.out.Error("ERR DB index is out of range")
	default:
		c.db = int(n)
		c.show()
		c.out.Line("OK")
	}
}

// integer parses a decimal int64 in its shortest form.
func (c *client) integer(arg []byte) (int64, bool) {
	n, err := strconv.ParseInt(string(arg), 10, 64)
	return n, err == nil && canonical(arg, n)
}

const (
	wrongPass  = "WRONGPASS invalid username-password pair or user is disabled."
	noPassword = "ERR AUTH <password> called without any password configured for the default user. " +
		"Are you sure your configuration is correct?"
)

// maxWrong is the number of wrong passwords after which a connection is closed.
const maxWrong = 16

func (c *client) authenticate(words [][]byte) {
	user, password := "default", string(words[len(words)-1])
	switch {
	case len(words) > 3:
		c.out.Error("ERR syntax error")
		return
	case len(words) == 3:
		user = string(words[1])
	case c.server.options.password == "":
		c.out.Error(noPassword)
		return
	}
	if c.login(user, password) {
		c.out.Line("OK")
	}
}

// login checks a password, and replies with an error if it is wrong. The time of the comparison
// does not depend on the password.
func (c *client) login(user, password string) bool {
	want := c.server.options.password
	given, wanted := sha256.Sum256([]byte(password)), sha256.Sum256([]byte(want))
	same := subtle.ConstantTimeCompare(given[:], wanted[:]) == 1
	if user != "default" || want != "" && !same {
		c.out.Error(wrongPass)
		if c.in.auth {
			c.wrong++
			c.closing = c.wrong >= maxWrong
		}
		return false
	}
	c.in.auth = false
	return true
}

func (c *client) hello(words [][]byte) {
	version := int64(0)
	if len(words) > 1 {
		n, ok := c.integer(words[1])
		if !ok {
			c.out.Error("ERR Protocol version is not an integer or out of range")
			return
		}
		if version = n; n != 2 && n != 3 {
			c.out.Error("NOPROTO unsupported protocol version")
			return
		}
	}
	user, password, name, named, given := "", "", "", false, false
	for i := 2; i < len(words); i++ {
		switch left := len(words) - i - 1; {
		case isWord(words[i], "AUTH") && left >= 2:
			user, password, given = string(words[i+1]), string(words[i+2]), true
			i += 2
		case isWord(words[i], "SETNAME") && left >= 1:
			name, named = string(words[i+1]), true
			i++
		default:
			c.out.Error("ERR Syntax error in HELLO option '" + op.Shown(words[i], len(words[i])) + "'")
			return
		}
	}
	if given && !c.login(user, password) {
		return
	}
	if c.in.auth {
		c.out.Error("NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH " +
			"<user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time")
		return
	}
	if named && !c.validName(name) {
		return
	}
	if named {
		c.setName(name)
	}
	if version != 0 {
		c.out.V3 = version == 3
	}
	c.show()
	c.replyHello()
}

func (c *client) replyHello() {
	protocol := int64(2)
	if c.out.V3 {
		protocol = 3
	}
	r := &c.out
	r.Map(7)
	r.Text("server")
	r.Text("redis")
	r.Text("version")
	r.Text(redisVersion)
	r.Text("proto")
	r.Int(protocol)
	r.Text("id")
	r.Int(c.id)
	r.Text("mode")
	r.Text("standalone")
	r.Text("role")
	r.Text("master")
	r.Text("modules")
	r.Array(0)
}

// validName replies with an error if a client cannot have the name.
func (c *client) validName(name string) bool {
	for i := range len(name) {
		if name[i] < '!' || name[i] > '~' {
			c.out.Error("ERR Client names cannot contain spaces, newlines or special characters.")
			return false
		}
	}
	return true
}

// reset returns the connection to the state of a new one.
func (c *client) reset([][]byte) {
	c.end()
	c.db, c.out.V3, c.silent, c.skip = 0, false, false, false
	c.in.auth = c.server.options.password != ""
	if c.in.auth {
		c.began = time.Now() // the time for the password starts again
	}
	c.setName("")
	c.show()
	c.out.Line("RESET")
}

func (c *client) time([][]byte) {
	now := time.Now()
	c.out.Array(2)
	c.out.Text(strconv.FormatInt(now.Unix(), 10))
	c.out.Text(strconv.Itoa(now.Nanosecond() / 1000))
}
