package server

import "github.com/perduredb/perdure/internal/op"

// These commands have the replies of a server without the feature, because tools send them to every
// server.

var memorySubcommands = []subcommand{
	{"USAGE", -3, (*client).memoryUsage},
	{"DOCTOR", 2, func(c *client, _ [][]byte) { c.out.Verbatim("Sam, I can't find any memory issue in this instance.\n") }},
	{"PURGE", 2, replyOK},
	{"HELP", 2, (*client).help},
}

var moduleSubcommands = []subcommand{{"LIST", 2, replyNone}, {"HELP", 2, (*client).help}}

var slowlogSubcommands = []subcommand{{"GET", -2, replyNone}, {"LEN", 2, replyZero}, {"RESET", 2, replyOK}, {"HELP", 2, (*client).help}}

var latencySubcommands = []subcommand{
	{"LATEST", 2, replyNone}, {"HISTORY", 3, replyNone}, {"RESET", -2, replyZero}, {"HELP", 2, (*client).help},
}

var aclSubcommands = []subcommand{
	{"WHOAMI", 2, func(c *client, _ [][]byte) { c.out.Text("default") }},
	{"USERS", 2, func(c *client, _ [][]byte) {
		c.out.Array(1)
		c.out.Text("default")
	}},
	{"HELP", 2, (*client).help},
}

var functionSubcommands = []subcommand{{"FLUSH", -2, replyOK}, {"LIST", -2, replyNone}, {"HELP", 2, (*client).help}}

// objectSubcommands checks the words of OBJECT, which package op executes.
var objectSubcommands = []subcommand{{"HELP", 2, nil}, {"ENCODING", 3, nil}, {"FREQ", 3, nil}, {"IDLETIME", 3, nil}, {"REFCOUNT", 3, nil}}

func replyOK(c *client, _ [][]byte) { c.out.Line("OK") }

func replyNone(c *client, _ [][]byte) { c.out.Array(0) }

func replyZero(c *client, _ [][]byte) { c.out.Int(0) }

// memoryUsage is MEMORY USAGE key: an estimate, which is the length of the key and of its value in
// a dump, and the average overhead of a key.
func (c *client) memoryUsage(words [][]byte) {
	n, ok := c.dumpSize(words[2])
	if !ok {
		c.out.Null()
		return
	}
	c.out.Int(int64(len(words[2]) + n + 24))
}

// dumpSize returns the length of the value of a key in a dump, and whether the key exists.
func (c *client) dumpSize(key []byte) (n int, ok bool) {
	before := len(c.out.Buf)
	c.session.Do(c.db, op.Lookup("DUMP"), [][]byte{nil, key}, &c.out)
	n = len(c.out.Buf) - before
	head := c.out.Buf[before]
	missing := head == '_' || head == '$' && c.out.Buf[before+1] == '-'
	c.out.Buf = c.out.Buf[:before]
	return n, !missing
}
