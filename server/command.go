package server

import (
	"fmt"
	"strings"

	"github.com/perduredb/perdure/internal/engine"
	"github.com/perduredb/perdure/internal/op"
)

// A command is a command that clients can send: one on data, of package op, or one of the server.
type command struct {
	name   string
	number int // index of its counters
	arity  int // number of words, including the name; -n means n or more
	flags  flags
	data   *op.Command                     // of a command on data
	run    func(c *client, words [][]byte) // of the others
	subs   func() []subcommand             // or nil: the second word selects one of them
}

// A subcommand is a command below another, such as CLIENT ID.
type subcommand struct {
	name  string
	arity int // with both names
	run   func(c *client, words [][]byte)
}

type flags uint8

const (
	write     flags = 1 << iota // refused by a read-only server
	noAuth                      // permitted before the password
	immediate                   // executed in a MULTI instead of queued
	noMulti                     // refused in a MULTI
	outside                     // executed after the transaction: it uses other locks, or is slow
	fast
	admin
)

// commands maps the names in capital letters to the commands.
var commands map[string]*command

func init() { // the functions of the table use the map
	commands = map[string]*command{}
	for _, c := range op.ForClients() {
		command := &command{name: c.Name, arity: c.Arity, data: c}
		if c.Flags&op.Write != 0 {
			command.flags = write
		}
		commands[c.Name] = command
	}
	commands["OBJECT"].subs = func() []subcommand { return objectSubcommands }
	for _, table := range [][]command{connectionCommands, multiCommands, storeCommands, infoCommands} {
		for i := range table {
			commands[table[i].name] = &table[i]
		}
	}
	for i, name := range names() {
		commands[name].number = i
	}
}

// longest is the length of the longest name, with some room.
const longest = 32

// lookup returns the command of a name in any letter case, or nil.
func lookup(name []byte) *command {
	var upper [longest]byte
	if len(name) > longest {
		return nil
	}
	for i, b := range name {
		if 'a' <= b && b <= 'z' {
			b -= 'a' - 'A'
		}
		upper[i] = b
	}
	return commands[string(upper[:len(name)])]
}

// execute executes a command or queues it, and appends its reply.
func (c *client) execute(words [][]byte) {
	cmd := c.last.Load()
	if cmd == nil || !isWord(words[0], cmd.name) { // a pipeline repeats a command: 40 ns less
		cmd = lookup(words[0])
	}
	sub, text := c.refusal(cmd, words)
	if text != "" {
		c.refuse(cmd, text)
		return
	}
	if c.last.Load() != cmd {
		c.last.Store(cmd)
	}
	if c.multi.on && cmd.flags&immediate == 0 {
		c.queue(cmd, words)
		return
	}
	c.run(cmd, sub, words)
}

// run executes a command that is not refused.
func (c *client) run(cmd *command, sub *subcommand, words [][]byte) {
	c.count(cmd)
	if cmd.data != nil {
		c.session.Do(c.db, cmd.data, words, &c.out)
		return
	}
	c.addCalls() // it may show them
	if sub != nil {
		sub.run(c, words)
	} else {
		cmd.run(c, words)
	}
}

// refuse replies with the error for a command that must not run. A transaction then fails.
func (c *client) refuse(cmd *command, text string) {
	c.multi.fail()
	if cmd != nil {
		c.server.counts.of[cmd.number].rejected.Add(1)
	}
	if cmd != nil && cmd.name == "EXEC" {
		c.end()
		text = "EXECABORT Transaction discarded because of: " + strings.TrimPrefix(text, "ERR ")
	}
	c.out.Error(text)
}

// refusal returns the text of the error for a command that must not run, or "", and the subcommand.
func (c *client) refusal(cmd *command, words [][]byte) (sub *subcommand, text string) {
	if cmd == nil {
		return nil, unknownCommand(words)
	}
	if cmd.subs != nil && len(words) > 1 {
		if sub = cmd.sub(words[1]); sub == nil {
			return nil, op.UnknownSubcommand(words[1], cmd.name)
		}
	}
	switch {
	case !op.Accepts(cmd.arity, len(words)):
		return nil, op.WrongArity(cmd.name)
	case sub != nil && !op.Accepts(sub.arity, len(words)):
		return nil, op.WrongArity(cmd.name + "|" + sub.name)
	}
	return sub, c.forbidden(cmd, words)
}

// sub returns the subcommand with a name, or nil.
func (cmd *command) sub(name []byte) *subcommand {
	subs := cmd.subs()
	for i := range subs {
		if isWord(name, subs[i].name) {
			return &subs[i]
		}
	}
	return nil
}

// forbidden returns the text of the error for a command that is not permitted now, or "".
func (c *client) forbidden(cmd *command, words [][]byte) string {
	switch {
	case c.in.auth && cmd.flags&noAuth == 0:
		return "NOAUTH Authentication required."
	case cmd.name == "DEBUG" && !c.server.options.debug:
		return debugRefused
	case c.server.options.readOnly && (cmd.flags&write != 0 || cmd.changes(words)):
		return "READONLY You can't write against a read only replica."
	case cmd.grows() && c.server.full():
		return outOfMemory
	case c.multi.on && cmd.flags&noMulti != 0:
		return "ERR Command not allowed inside a transaction"
	case c.multi.on && cmd.flags&write != 0:
		return c.session.RefusalText()
	}
	return ""
}

const outOfMemory = "OOM command not allowed when used memory > 'maxmemory'."

// grows reports whether the command can need more memory.
func (cmd *command) grows() bool { return cmd.data != nil && cmd.data.Flags&op.DenyOOM != 0 }

// changes reports whether a subcommand changes settings.
func (cmd *command) changes(words [][]byte) bool {
	return cmd.name == "CONFIG" && len(words) > 1 && !isWord(words[1], "GET") && !isWord(words[1], "HELP")
}

// unknownCommand names the command and the beginning of its arguments, as Redis does.
func unknownCommand(words [][]byte) string {
	if what := op.RefusedType(strings.ToUpper(string(words[0]))); what != "" {
		return fmt.Sprintf("ERR '%s' is not supported: perdure executes no commands on %s", op.Shown(words[0], 128), what)
	}
	var args strings.Builder
	for _, word := range words[1:] {
		if args.Len() >= 128 {
			break
		}
		fmt.Fprintf(&args, "'%s' ", op.Shown(word, 128-args.Len()))
	}
	return fmt.Sprintf("ERR unknown command '%s', with args beginning with: %s", op.Shown(words[0], 128), args.String())
}

// isWord reports whether an argument is a word in any letter case. word is in capital letters.
func isWord(arg []byte, word string) bool {
	return len(arg) == len(word) && strings.EqualFold(string(arg), word)
}

// queued is a command of a MULTI.
func (cmd *command) queued(words [][]byte) engine.Queued {
	return engine.Queued{Command: cmd.data, Words: words}
}
