package op

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/perduredb/perdure/internal/table"
)

// Run executes a command for a client: it replies to x.Reply, and its changes become part of the
// log record. The shards of its keys must be locked, or all of them if it has no keys. The number
// of words must match the arity.
func (c *Command) Run(x *Exec, db int, words [][]byte) { c.RunAt(x, c.place(x, db, words), words) }

// place returns the place of the command's key if it has one key, and a database otherwise.
func (c *Command) place(x *Exec, db int, words [][]byte) Place {
	if c.Many != nil {
		return Place{DB: db}
	}
	return x.Locate(db, string(words[1]))
}

// RunAt is Run, given the place of the command's key if it has one key, and a database otherwise.
func (c *Command) RunAt(x *Exec, p Place, words [][]byte) {
	before := len(x.Reply.Buf)
	c.end(x, before, c.apply(x, p, words))
}

// apply calls the function of the command.
func (c *Command) apply(x *Exec, p Place, words [][]byte) error {
	x.revert = c.reverts(words)
	x.large.rooms.Reset()
	if c.Many != nil {
		return c.Many(x, p.DB, words[1:])
	}
	return c.One(x, p, words[2:])
}

// RunSmall is RunAt for a Small command, with an Exec that Renew has prepared. If it returns
// [ErrNotSmall], the caller must use RunAt instead.
func (c *Command) RunSmall(x *Exec, p Place, words [][]byte) error {
	before := len(x.Reply.Buf)
	err := c.One(x, p, words[2:])
	if err != ErrNotSmall {
		c.end(x, before, err)
		err = nil
	}
	return err
}

// end completes a command with the error of apply. Its reply begins after the first n bytes.
func (c *Command) end(x *Exec, n int, err error) {
	if err == nil && c.Flags&ReadOnly != 0 && !x.Reply.Fits(0) {
		err = errReply
	}
	x.endTrees(false) // of a command that has kept nothing
	if err != nil {
		x.dropReply(n)
		x.Reply.Error(ErrorText(err, c.Name))
	}
}

// OneKey reports whether the command accesses one key, which is its first argument.
func (c *Command) OneKey() bool { return c.Keys == firstKey && c.Many == nil }

// Stores returns the index of the word that the command stores as the value of its key, or 0.
func (c *Command) Stores() int {
	switch c.Name {
	case "SET", "SETNX", "GETSET":
		return 2
	case "SETEX", "PSETEX":
		return 3
	}
	return 0
}

// Restores reports whether the command is RESTORE, whose third argument is a value.
func (c *Command) Restores() bool { return c.Name == "RESTORE" || c.Name == "RESTORE-ASKING" }

// replyTexts are the errors whose reply is not ERR with their own text.
var replyTexts = []struct {
	err  error
	text string
}{
	{ErrWrongType, "WRONGTYPE Operation against a key holding the wrong kind of value"},
	{ErrNotInteger, "ERR value is not an integer or out of range"},
	{ErrOverflow, "ERR increment or decrement would overflow"},
	{ErrTooLarge, "ERR string exceeds maximum allowed size (proto-max-bulk-len)"},
	{ErrDatabase, "ERR DB index is out of range"},
	{ErrNoMemory, "OOM command not allowed when used memory > 'maxmemory'."},
	{ErrNotFound, "ERR no such key"},
	{errPayload, "ERR DUMP payload version or checksum are wrong"},
	{errBusyKey, "BUSYKEY Target key name already exists."},
}

const errReply = clientError("the reply is too large")

// A clientError is an error that only a client gets. Its text is that of Redis.
type clientError string

func (e clientError) Error() string { return string(e) }

// ErrorText returns the text of the reply for an error of the command name.
func ErrorText(err error, name string) string {
	if errors.Is(err, ErrTTL) {
		return fmt.Sprintf("ERR invalid expire time in '%s' command", strings.ToLower(name))
	}
	for _, r := range replyTexts {
		if errors.Is(err, r.err) {
			return r.text
		}
	}
	return "ERR " + err.Error()
}

// otherTexts are the replies of commands that match an error and differ from its text.
var otherTexts = map[string]error{
	"ERR " + string(errHashInteger): ErrNotInteger,
	"ERR " + string(errHashFloat):   ErrNotFloat,
	"ERR " + string(errNotFloat):    ErrNotFloat,
	"ERR " + string(errNotRange):    ErrNotFloat,
	"ERR " + string(errNaN):         ErrNotFloat,
	"ERR " + string(errInfinite):    ErrNotFloat,
	"ERR " + string(errScoreNaN):    ErrNotFloat,
	"ERR " + string(errIndex):       ErrNotFound,
}

// ErrorOf returns the error that a reply with a text matches, or nil.
func ErrorOf(text string) error {
	if strings.HasPrefix(text, "ERR invalid expire time") {
		return ErrTTL
	}
	for _, r := range replyTexts {
		if r.text == text {
			return r.err
		}
	}
	return otherTexts[text]
}

// UnknownSubcommand returns the text of the reply for a subcommand that a command does not have.
func UnknownSubcommand(sub []byte, command string) string {
	return "ERR unknown subcommand '" + Shown(sub, 128) + "'. Try " + command + " HELP."
}

// Shown returns the part of an argument that an error shows: at most n bytes, and nothing from a
// NUL on, as a C string.
func Shown(arg []byte, n int) string {
	arg = arg[:min(len(arg), n)]
	if nul := bytes.IndexByte(arg, 0); nul >= 0 {
		arg = arg[:nul]
	}
	return string(arg)
}

// replyValue replies with a string value, or null if ok is false. A large value is copied after
// the unlock, if the caller called PinTo: its place in the reply is the number of the pin.
func (x *Exec) replyValue(p Place, it table.Item, ok bool) error {
	if !ok {
		x.Reply.Null()
		return nil
	}
	if it.Kind() != table.String {
		return ErrWrongType
	}
	if x.Reply == nil {
		return nil
	}
	n := it.ValueLen()
	if !x.Reply.Fits(n) {
		return errReply
	}
	if n > probeAbove && !table.HeapRoom(n) {
		return ErrNoMemory
	}
	if it.Large() && x.large == nil {
		return ErrNotSmall
	}
	r := x.Reply
	r.BulkHead(n)
	if at := len(r.Buf); it.Large() && x.large.later != nil && x.large.later.Take(x.Store, p, at) {
		r.Grow(n)
	} else {
		r.Buf = it.AppendValue(r.Buf)
	}
	r.Buf = append(r.Buf, "\r\n"...)
	return nil
}

// dropReply removes the part of the reply after the first n bytes.
func (x *Exec) dropReply(n int) {
	x.Reply.Buf = x.Reply.Buf[:n]
	if x.large == nil || x.large.later == nil {
		return
	}
	for i := range x.large.later.Held {
		if h := &x.large.later.Held[i]; h.Call >= n {
			h.Call = -1
		}
	}
}

// CopyLater copies the values that replyValue has pinned into the reply. No shard must be locked.
func (x *Exec) CopyLater(l *Pins) {
	for _, h := range l.Held {
		if h.Call >= 0 {
			copy(x.Reply.Buf[h.Call:], h.Value())
		}
	}
	l.Release(x.Store)
}
