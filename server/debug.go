package server

import (
	"context"
	"strconv"
	"time"

	"github.com/perduredb/perdure/internal/op"
)

// debugSubcommands are the parts of DEBUG that test suites use.
var debugSubcommands = []subcommand{
	{"SLEEP", 3, (*client).debugSleep},
	{"SET-ACTIVE-EXPIRE", 3, (*client).debugIgnore},
	{"QUICKLIST-PACKED-THRESHOLD", 3, (*client).debugIgnore},
	{"JMAP", 2, (*client).debugIgnore},
	{"CHANGE-REPL-ID", 2, (*client).debugIgnore},
	{"STRINGMATCH-LEN", 4, (*client).debugIgnore},
	{"RELOAD", -2, (*client).debugReload},
	{"LOADAOF", 2, (*client).debugIgnore},
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

// debugReload saves a dump, as DEBUG RELOAD does before it loads the dump again.
func (c *client) debugReload([][]byte) {
	if _, err := c.server.store.Save(context.Background()); err != nil {
		c.storeError(err)
		return
	}
	c.out.Line("OK")
}
