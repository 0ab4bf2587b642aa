package server

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/perduredb/perdure/internal/op"
)

// debugSubcommands are the parts of DEBUG that test suites use.
var debugSubcommands = []subcommand{
	{"SLEEP", 3, (*client).debugSleep},
	{"SET-ACTIVE-EXPIRE", 3, (*client).debugActiveExpire},
	{"OBJECT", 3, (*client).debugObject},
	{"DIGEST", 2, (*client).debugDigest},
	{"DIGEST-VALUE", -2, (*client).debugDigestValue},
	{"PROTOCOL", 3, (*client).debugProtocol},
	{"LOG", 3, (*client).debugIgnore},
	{"QUICKLIST-PACKED-THRESHOLD", 3, (*client).debugIgnore},
	{"JMAP", 2, (*client).debugIgnore},
	{"CHANGE-REPL-ID", 2, (*client).debugIgnore},
	{"STRINGMATCH-LEN", 4, (*client).debugIgnore},
	{"RELOAD", -2, (*client).debugReload},
	{"LOADAOF", 2, (*client).debugReload},
	{"HELP", 2, (*client).help},
}

const debugRefused = "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it " +
	"from a local connection, otherwise you need to set this option in the configuration file, and then restart the server."

func (c *client) debug(words [][]byte) {
	for _, s := range debugSubcommands {
		if isWord(words[1], s.name) && op.Accepts(s.arity, len(words)) {
			s.run(c, words)
			return
		}
	}
	c.out.Error("ERR unknown subcommand or wrong number of arguments for '" + op.Shown(words[1], 128) + "'. Try DEBUG HELP.")
}

func (c *client) debugIgnore([][]byte) { c.out.Line("OK") }

// debugSleep delays this client. Others continue, unlike in Redis.
func (c *client) debugSleep(words [][]byte) {
	seconds, err := strconv.ParseFloat(string(words[2]), 64)
	if err != nil || seconds < 0 || seconds > 60 {
		c.out.Error("ERR value is not a valid float")
		return
	}
	<-time.After(time.Duration(seconds * float64(time.Second)))
	c.out.Line("OK")
}

// debugReload replaces the data set by a dump of it. Redis replaces it by the dump or the log on
// disk, which the store does not read while it is open.
func (c *client) debugReload([][]byte) {
	if err := c.reload(); err != nil {
		c.storeError(err)
		return
	}
	c.out.Line("OK")
}

func (c *client) reload() error {
	snapshot, err := c.server.store.Snapshot()
	if err != nil {
		return err
	}
	defer snapshot.Close()
	var dump bytes.Buffer
	if _, err := snapshot.WriteTo(&dump); err != nil {
		return err
	}
	if err := snapshot.Close(); err != nil {
		return err
	}
	return c.server.store.Restore(context.Background(), &dump)
}

// debugActiveExpire switches the deletion of expired keys that no client accesses on or off.
func (c *client) debugActiveExpire(words [][]byte) {
	c.server.engine.SetActiveExpiration(string(words[2]) != "0")
	c.out.Line("OK")
}

// debugObject is DEBUG OBJECT key. The table has no addresses, reference counts, and access times.
func (c *client) debugObject(words [][]byte) {
	n, ok := c.dumpSize(words[2])
	if !ok {
		c.out.Error("ERR no such key")
		return
	}
	encoding := c.ask(c.db, "OBJECT", []byte("ENCODING"), words[2]).Text
	c.out.Line(fmt.Sprintf("Value at:0x0 refcount:1 encoding:%s serializedlength:%d lru:0 lru_seconds_idle:0", encoding, n))
}

// debugProtocol is DEBUG PROTOCOL type, which replies with a value of each type of the protocol.
func (c *client) debugProtocol(words [][]byte) {
	r := &c.out
	switch strings.ToLower(string(words[2])) {
	case "string":
		r.Text("Hello World")
	case "integer":
		r.Int(12345)
	case "double":
		c.typed(",3.141", "3.141")
	case "null":
		r.Null()
	case "array":
		r.Array(3)
		c.integers(3)
	case "set":
		r.Set(3)
		c.integers(3)
	case "attrib":
		if r.V3 {
			r.Buf = append(r.Buf, "|1\r\n"...)
			r.Text("key-popularity")
			r.Array(2)
			r.Text("key:123")
			r.Int(90)
		}
		r.Text("Some real reply following the attribute")
	case "bignum":
		c.typed("(1234567999999999999999999999999999999", "1234567999999999999999999999999999999")
	case "true", "false":
		c.debugBool(words[2][0] == 't')
	case "verbatim":
		r.Verbatim("This is a verbatim\nstring")
	default:
		r.Error("ERR Wrong protocol type name. Please use one of the following: " +
			"string|integer|double|null|array|set|attrib|bignum|true|false|verbatim")
	}
}

// typed replies with a line of version 3, or with a bulk string.
func (c *client) typed(v3, v2 string) {
	if !c.out.V3 {
		c.out.Text(v2)
		return
	}
	c.out.Buf = append(c.out.Buf, v3+"\r\n"...)
}

func (c *client) debugBool(b bool) {
	switch {
	case !c.out.V3:
		c.out.Truth(b)
	case b:
		c.out.Buf = append(c.out.Buf, "#t\r\n"...)
	default:
		c.out.Buf = append(c.out.Buf, "#f\r\n"...)
	}
}

func (c *client) integers(n int64) {
	for i := range n {
		c.out.Int(i)
	}
}
