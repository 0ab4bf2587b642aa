package server

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/perduredb/perdure"
)

var storeCommands = []command{
	{name: "SAVE", arity: 1, flags: write | noMulti | admin, run: (*client).save},
	{name: "BGSAVE", arity: -1, flags: write | outside | admin, run: (*client).bgSave},
	{name: "BGREWRITEAOF", arity: 1, flags: write | outside | admin, run: (*client).bgRewrite},
	{name: "LASTSAVE", arity: 1, flags: outside | fast, run: (*client).lastSave},
	{name: "SHUTDOWN", arity: -1, flags: write | noMulti | admin, run: (*client).shutdown},
	{name: "DEBUG", arity: -2, flags: write | outside | admin, run: (*client).debug},
	{name: "WAIT", arity: 3, run: (*client).wait},
	{name: "ROLE", arity: 1, flags: fast, run: (*client).role},
}

// storeError replies with an error of the store.
func (c *client) storeError(err error) {
	switch {
	case errors.Is(err, perdure.ErrSaveInProgress):
		c.out.Error("ERR Background save already in progress")
	case errors.Is(err, perdure.ErrReadOnly):
		c.out.Error("READONLY You can't write against a read only replica.")
	default:
		c.out.Error("ERR " + err.Error())
	}
}

func (c *client) save([][]byte) {
	if _, err := c.server.store.Save(context.Background()); err != nil {
		c.storeError(err)
		return
	}
	c.out.Line("OK")
}

// bgSave is BGSAVE [SCHEDULE]. A scheduled save waits for a running rewrite.
func (c *client) bgSave(words [][]byte) {
	schedule := len(words) == 2 && isWord(words[1], "SCHEDULE")
	if len(words) > 1 && !schedule {
		c.out.Error("ERR syntax error")
		return
	}
	_, err := c.server.store.BGSave()
	switch {
	case err == nil:
		c.out.Line("Background saving started")
	case errors.Is(err, perdure.ErrRewriteInProgress) && schedule:
		// The store reports a failure by refusing writes, and in INFO.
		go func() { _, _ = c.server.store.Save(context.Background()) }()
		c.out.Line("Background saving scheduled")
	case errors.Is(err, perdure.ErrRewriteInProgress):
		c.out.Error("ERR Another child process is active (AOF?): can't BGSAVE right now. " +
			"Use BGSAVE SCHEDULE in order to schedule a BGSAVE whenever possible.")
	default:
		c.storeError(err)
	}
}

func (c *client) bgRewrite([][]byte) {
	saving := c.server.store.Stats().SaveInProgress
	_, err := c.server.store.BGRewrite()
	switch {
	case errors.Is(err, perdure.ErrRewriteInProgress):
		c.out.Error("ERR Background append only file rewriting already in progress")
	case err != nil:
		c.storeError(err)
	case saving:
		c.out.Line("Background append only file rewriting scheduled")
	default:
		c.out.Line("Background append only file rewriting started")
	}
}

func (c *client) lastSave([][]byte) { c.out.Int(c.server.store.LastSave().Unix()) }

// shutdown is SHUTDOWN [NOSAVE | SAVE] [NOW] [FORCE] [ABORT]. The program that serves decides what
// it does, whatever the options.
func (c *client) shutdown(words [][]byte) {
	for _, word := range words[1:] {
		if !slices.Contains([]string{"NOSAVE", "SAVE", "NOW", "FORCE", "ABORT"}, strings.ToUpper(string(word))) {
			c.out.Error("ERR syntax error")
			return
		}
	}
	if c.server.options.shutdown == nil {
		c.out.Error("ERR SHUTDOWN is not permitted by this server")
		return
	}
	c.closing = true
	c.server.options.shutdown()
}

// wait is WAIT replicas timeout. There are no replicas.
func (c *client) wait(words [][]byte) {
	_, ok := c.integer(words[1])
	timeout, ok2 := c.integer(words[2])
	switch {
	case !ok:
		c.out.Error("ERR value is not an integer or out of range")
	case !ok2:
		c.out.Error("ERR timeout is not an integer or out of range")
	case timeout < 0:
		c.out.Error("ERR timeout is negative")
	default:
		c.out.Int(0)
	}
}

func (c *client) role([][]byte) {
	c.out.Array(3)
	c.out.Text("master")
	c.out.Int(0)
	c.out.Array(0)
}
