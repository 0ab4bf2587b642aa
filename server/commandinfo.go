package server

import (
	"maps"
	"slices"
	"strings"

	"github.com/perduredb/perdure/internal/glob"
	"github.com/perduredb/perdure/internal/op"
)

var commandSubcommands []subcommand

func init() { // a function of the table uses it
	commandSubcommands = []subcommand{
		{"COUNT", 2, func(c *client, _ [][]byte) { c.out.Int(int64(len(commands))) }},
		{"LIST", -2, (*client).commandList},
		{"INFO", -2, (*client).commandInfo},
		{"DOCS", -2, (*client).commandDocs},
		{"GETKEYS", -4, (*client).commandKeys},
		{"HELP", 2, (*client).help},
	}
}

// command is COMMAND and its subcommands.
func (c *client) command(words [][]byte) {
	c.describeCommands(names())
}

// names returns the names of all commands, in order.
func names() []string { return slices.Sorted(maps.Keys(commands)) }

func (c *client) commandInfo(words [][]byte) {
	if len(words) == 2 {
		c.describeCommands(names())
		return
	}
	asked := make([]string, 0, len(words)-2)
	for _, word := range words[2:] {
		asked = append(asked, string(word))
	}
	c.describeCommands(asked)
}

func (c *client) describeCommands(names []string) {
	c.out.Array(len(names))
	for _, name := range names {
		cmd := lookup([]byte(name))
		if cmd == nil {
			c.out.Null()
			continue
		}
		flags, keys := cmd.flagNames(), cmd.keySpec()
		c.out.Array(10)
		c.out.Text(strings.ToLower(cmd.name))
		c.out.Int(int64(cmd.arity))
		c.out.Set(len(flags))
		for _, f := range flags {
			c.out.Line(f)
		}
		for _, n := range []int{keys.First, keys.Last, keys.Step} {
			c.out.Int(int64(n))
		}
		for range 4 { // categories, tips, key specifications, subcommands
			c.out.Set(0)
		}
	}
}

func (cmd *command) keySpec() op.KeySpec {
	if cmd.data == nil {
		return op.KeySpec{}
	}
	return cmd.data.Keys
}

// flagNames returns Redis's names of the flags.
func (cmd *command) flagNames() (names []string) {
	add := func(on bool, name string) {
		if on {
			names = append(names, name)
		}
	}
	if cmd.data != nil {
		f := cmd.data.Flags
		add(f&op.Write != 0, "write")
		add(f&op.ReadOnly != 0, "readonly")
		add(f&op.DenyOOM != 0, "denyoom")
		add(f&op.Fast != 0, "fast")
		add(f&op.Blocking != 0, "blocking")
		add(f&op.Movable != 0 || cmd.data.Keys.Count != 0, "movablekeys")
		return names
	}
	add(cmd.flags&admin != 0, "admin")
	add(cmd.flags&noMulti != 0, "no_multi")
	add(cmd.flags&fast != 0, "fast")
	add(cmd.flags&noAuth != 0, "no_auth")
	return names
}

// commandList is COMMAND LIST [FILTERBY PATTERN pattern].
func (c *client) commandList(words [][]byte) {
	all := names()
	switch {
	case len(words) == 2:
	case len(words) == 5 && isWord(words[2], "FILTERBY") && isWord(words[3], "PATTERN"):
		pattern := strings.ToUpper(string(words[4]))
		all = slices.DeleteFunc(all, func(name string) bool { return !glob.Match(pattern, name) })
	case len(words) == 5 && isWord(words[2], "FILTERBY") && (isWord(words[3], "MODULE") || isWord(words[3], "ACLCAT")):
		all = nil
	default:
		c.out.Error("ERR syntax error")
		return
	}
	c.out.Array(len(all))
	for _, name := range all {
		c.out.Text(strings.ToLower(name))
	}
}

// commandDocs describes commands as far as redis-cli needs it: group and arity.
func (c *client) commandDocs(words [][]byte) {
	asked := names()
	if len(words) > 2 {
		asked = asked[:0]
		for _, word := range words[2:] {
			if cmd := lookup(word); cmd != nil {
				asked = append(asked, cmd.name)
			}
		}
	}
	c.out.Map(len(asked))
	for _, name := range asked {
		group := "server"
		if commands[name].data != nil {
			group = "generic"
		}
		c.out.Text(strings.ToLower(name))
		c.out.Map(3)
		c.out.Text("summary")
		c.out.Text("")
		c.out.Text("since")
		c.out.Text(redisVersion)
		c.out.Text("group")
		c.out.Text(group)
	}
}

// commandKeys is COMMAND GETKEYS command argument...
func (c *client) commandKeys(words [][]byte) {
	cmd := lookup(words[2])
	switch {
	case cmd == nil:
		c.out.Error("ERR Invalid command specified")
		return
	case !op.Accepts(cmd.arity, len(words)-2):
		c.out.Error("ERR Invalid number of arguments specified for command")
		return
	case cmd.keySpec() == op.KeySpec{}:
		c.out.Error("ERR The command has no key arguments")
		return
	}
	var keys [][]byte
	if !cmd.data.EachKey(words[2:], func(key []byte) { keys = append(keys, key) }) {
		c.out.Error("ERR Invalid arguments specified for command")
		return
	}
	if cmd.name == "SORT" {
		if target := op.SortTarget(words[2:]); target != nil {
			keys = append(keys, target)
		}
	}
	c.out.Array(len(keys))
	for _, key := range keys {
		c.out.Bulk(key)
	}
}
