package op

import (
	"slices"
	"strings"

	"github.com/perduredb/perdure/internal/table"
)

// A Checker checks whether a store would replay commands, as far as this is possible without its
// data. It must be used by one goroutine.
type Checker struct {
	x    *Exec
	args [][]byte
}

// NewChecker returns a Checker. The caller must close it.
func NewChecker() *Checker {
	t := table.New(table.Options{Shards: 1, Databases: 1})
	return &Checker{x: &Exec{Store: &Store{Table: t}, Replaying: true}}
}

// Close frees the memory of the Checker.
func (c *Checker) Close() { c.x.Store.Table.Close() }

// numbers are the commands whose arguments are numbers and options. Errors in these arguments are
// detected on a key that does not exist. Commands with an offset, which may need much memory, are
// not included.
var numbers = []string{
	"SET", "SETEX", "PSETEX", "GETEX", "EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT", "INCRBY", "DECRBY", "INCRBYFLOAT",
	"INCREX", "DELEX",
	"HSET", "HMSET", "HINCRBY", "HINCRBYFLOAT", "LPOP", "RPOP", "LINSERT", "LREM", "LTRIM", "LMOVE", "LMPOP", "SPOP",
	"ZADD", "ZINCRBY", "ZREMRANGEBYRANK", "ZREMRANGEBYSCORE", "ZREMRANGEBYLEX", "ZPOPMIN", "ZPOPMAX", "ZMPOP", "ZRANGESTORE",
	"ZUNIONSTORE", "ZINTERSTORE", "ZDIFFSTORE", "SORT",
}

// Command checks one command: its name is known, the number and form of its arguments are valid,
// and the payload of a RESTORE is not damaged. The error is an *appendlog.CommandError.
func (c *Checker) Command(words [][]byte) error {
	cmd, err := CommandOf(words)
	switch {
	case err != nil:
	case strings.HasPrefix(cmd.Name, "RESTORE"):
		_, _, err = ParseRestore(words[3])
	case cmd.Name == "SET" && len(words) == 3: // the most common case
	case cmd.Name == "MSETEX":
		err = c.msetEx(words)
	case slices.Contains(numbers, cmd.Name):
		err = c.apply(cmd, words)
	}
	if err != nil {
		return CommandError(words, err)
	}
	return nil
}

// msetEx checks the arguments of MSETEX after its pairs.
func (c *Checker) msetEx(words [][]byte) error {
	_, o, err := parseMSetEx(words[1:])
	if err == nil {
		c.x.NewTime()
		_, err = o.at(c.x, 0)
	}
	return err
}

// apply applies a command to an empty table.
func (c *Checker) apply(cmd *Command, words [][]byte) error {
	if cmd.One == nil {
		return c.applyMany(cmd, words)
	}
	c.args = append(c.args[:0], words[2:]...)
	if cmd.Name == "SET" {
		c.args[0] = nil // the value, which may be anything
	}
	p := c.x.Locate(0, string(words[1]))
	p.Shard.Lock()
	defer p.Shard.Unlock()
	c.x.NewTime()
	err := cmd.One(c.x, p, c.args)
	p.Shard.Flush(0)
	return err
}

// applyMany applies a command on several keys to an empty table.
func (c *Checker) applyMany(cmd *Command, words [][]byte) error {
	t := c.x.Store.Table
	t.LockAll()
	defer t.UnlockAll()
	c.x.NewTime()
	return cmd.Many(c.x, 0, words[1:])
}
