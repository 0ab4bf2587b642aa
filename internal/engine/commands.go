package engine

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/table"
)

// command is how one command of a log is applied. Name, arity and keys are what a server answers
// to COMMAND INFO, so that who replays knows what a command touches before it is applied.
type command struct {
	name  string
	code  opCode
	arity int     // words, the name included; -n is n or more
	keys  keySpec // none: the command is about whole databases
	one   oneFunc
	many  manyFunc // of a command without one
}

// oneFunc applies a command to one key, whose shard is locked. args are those behind the key, up to
// the next key where all words but the name are keys and what belongs to them: such a command is
// applied key by key. A key has the same shard in every database.
type oneFunc = func(x *exec, s *table.Shard, h uint64, db int, key string, args [][]byte) error

// manyFunc applies a command with every shard locked, after all commands before it. args are those
// behind the name.
type manyFunc = func(x *exec, db int, args [][]byte) error

// keySpec tells which words of a command are keys, counted from the name, which is 0: every
// step-th from first to last. A last of -1 is the last word. The zero keySpec is no key.
type keySpec struct{ first, last, step int }

var (
	noKey    = keySpec{}
	firstKey = keySpec{1, 1, 1}
	twoKeys  = keySpec{1, 2, 1}
	allKeys  = keySpec{1, -1, 1}
	pairKeys = keySpec{1, -1, 2}
)

// commandTable lists what a server of Redis or Valkey writes to a log about strings, keys and databases,
// the forms that older servers wrote, and the rest of what it may replay: logs are made by other
// programs and by hand, too. Relative expiries count from the moment of loading, as in a server.
var commandTable []command // opCommand and above are its places

// commands are those of commandTable by name.
var commands map[string]*command

// command returns what a code stands for.
func (c opCode) command() *command { return &commandTable[max(c, opCommand)-opCommand] }

func init() { // the functions of the table use variables of this package
	commandTable = []command{
		{"SET", 0, -3, firstKey, replaySet, nil},
		{"SETNX", 0, 3, firstKey, replaySetNX, nil},
		{"SETEX", 0, 4, firstKey, replaySetEx("EX"), nil},
		{"PSETEX", 0, 4, firstKey, replaySetEx("PX"), nil},
		{"GETSET", 0, 3, firstKey, replayGetSet, nil},
		{"GETDEL", 0, 2, firstKey, replayDel, nil},
		{"DELIFEQ", 0, 3, firstKey, replayDelIfEq, nil},
		{"DELEX", 0, -2, firstKey, replayDelEx, nil},
		{"GETEX", 0, -2, firstKey, replayGetEx, nil},
		{"APPEND", 0, 3, firstKey, replayAppend, nil},
		{"SETRANGE", 0, 4, firstKey, replaySetRange, nil},
		{"MSET", 0, -3, pairKeys, replaySet, nil},
		{"MSETNX", 0, -3, pairKeys, nil, replayMSetNX},
		{"MSETEX", 0, -4, noKey, nil, replayMSetEx}, // its keys are counted by an argument

		{"INCR", 0, 2, firstKey, replayCounter("INCR"), nil},
		{"DECR", 0, 2, firstKey, replayCounter("DECR"), nil},
		{"INCRBY", 0, 3, firstKey, replayCounter("INCRBY"), nil},
		{"DECRBY", 0, 3, firstKey, replayCounter("DECRBY"), nil},
		{"INCRBYFLOAT", 0, 3, firstKey, replayIncrByFloat, nil},
		{"INCREX", 0, -2, firstKey, replayIncrEx, nil},

		{"SETBIT", 0, 4, firstKey, replaySetBit, nil},
		{"BITFIELD", 0, -2, firstKey, replayBitField, nil},
		{"BITOP", 0, -4, keySpec{2, -1, 1}, nil, replayBitOp},

		{"EXPIRE", 0, -3, firstKey, replayExpire("EX"), nil},
		{"PEXPIRE", 0, -3, firstKey, replayExpire("PX"), nil},
		{"EXPIREAT", 0, -3, firstKey, replayExpire("EXAT"), nil},
		{"PEXPIREAT", 0, -3, firstKey, replayExpire("PXAT"), nil},
		{"PERSIST", 0, 2, firstKey, replayPersist, nil},

		{"DEL", 0, -2, allKeys, replayDel, nil},
		{"UNLINK", 0, -2, allKeys, replayDel, nil},
		{"TOUCH", 0, -2, allKeys, replayTouch, nil},
		{"RENAME", 0, 3, twoKeys, nil, replayRename},
		{"RENAMENX", 0, 3, twoKeys, nil, replayRenameNX},
		{"COPY", 0, -3, twoKeys, nil, replayCopy},
		{"MOVE", 0, 3, firstKey, replayMove, nil},
		{"RESTORE", 0, -4, firstKey, replayRestore, nil},
		{"RESTORE-ASKING", 0, -4, firstKey, replayRestore, nil},

		{"SWAPDB", 0, 3, noKey, nil, nil}, // see databases.go
		{"FLUSHDB", 0, -1, noKey, nil, nil},
		{"FLUSHALL", 0, -1, noKey, nil, nil},
	}
	commands = make(map[string]*command, len(commandTable))
	for i := range commandTable {
		c := &commandTable[i]
		c.code = opCommand + opCode(i)
		commands[c.name] = c
	}
}

var errSyntax = errors.New("syntax error")

// commandOf finds the command that words are, in any letter case. It is an ErrCommand when the store
// does not apply it, and a syntax error for a wrong number of words.
func commandOf(words [][]byte) (*command, error) {
	c := commands[string(words[0])]
	if c == nil {
		var upper [longestName]byte // so that a name in other letters costs no memory either
		name := append(upper[:0], words[0][:min(len(words[0]), longestName)]...)
		for i, b := range name {
			if 'a' <= b && b <= 'z' {
				name[i] = b - 'a' + 'A'
			}
		}
		if c = commands[string(name)]; c == nil || len(words[0]) > len(name) {
			return nil, refused(string(name))
		}
	}
	if n := len(words); n != c.arity && (c.arity > 0 || n < -c.arity) {
		return nil, fmt.Errorf("%w: %d arguments", errSyntax, n-1)
	}
	if c.keys.step == 2 && len(words)%2 == 0 {
		return nil, fmt.Errorf("%w: %d arguments", errSyntax, len(words)-1)
	}
	return c, nil
}

// keysOf gives the index of the first key in words, and of the one behind the last.
func (c *command) keysOf(words [][]byte) (first, end int) {
	if c.keys.step == 0 {
		return 0, 0
	}
	if c.keys.last < 0 {
		return c.keys.first, len(words) + c.keys.last + 1
	}
	return c.keys.first, c.keys.last + 1
}

// step is how many words belong to a key for which one is called: all of them, or those up to
// the next key.
func (c *command) step(words [][]byte) int {
	if c.keys.last < 0 {
		return c.keys.step
	}
	return len(words) - 1
}

// commandError says which command of a log is at fault.
func commandError(words [][]byte, err error) error {
	return &appendlog.CommandError{Name: printable(words[0]), Err: err}
}

// printable makes a name of what may be none. A name is no key or value, and may be shown.
func printable(name []byte) string {
	text := strconv.QuoteToASCII(string(name[:min(len(name), longestName)]))
	text = strings.ToUpper(text[1 : len(text)-1])
	if len(name) > longestName {
		text += "..."
	}
	return text
}

// integer reads a decimal argument.
func integer(arg []byte) (int64, error) {
	n, err := strconv.ParseInt(string(arg), 10, 64)
	if err != nil {
		return 0, ErrNotInteger
	}
	return n, nil
}

// database reads an argument that is the number of a database.
func (x *exec) database(arg []byte) (int, error) {
	n, err := integer(arg)
	if err != nil || n < 0 || n >= int64(x.e.table.Databases()) {
		return 0, ErrDatabase
	}
	return int(n), nil
}

func (x *exec) locateBytes(key []byte) (*table.Shard, uint64) {
	h := x.e.table.HashBytes(key)
	return x.e.table.Shard(h), h
}

// held is what a key holds: an absent one an empty string.
type held struct {
	value  []byte
	at     int64 // expiry, Unix ms, 0 for none
	exists bool
}

// str copies the string at a key. It is ErrWrongType when that is no string.
func (x *exec) str(s *table.Shard, h uint64, db int, key string) (held, error) {
	it, ok := s.Find(db, h, key)
	if !ok {
		return held{}, nil
	}
	if it.Kind() != table.String {
		return held{}, ErrWrongType
	}
	return held{it.AppendValue(nil), it.ExpireAtMs(), true}, nil
}

// put stores a string and counts the change.
func (x *exec) put(s *table.Shard, h uint64, db int, key string, value []byte, at int64) error {
	if len(value) > maxSize {
		return ErrTooLarge
	}
	if _, err := s.Set(db, h, key, table.String, value, at); err != nil {
		return err
	}
	x.dirty++
	return nil
}
