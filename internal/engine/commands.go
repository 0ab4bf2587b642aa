package engine

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/table"
)

// command describes how one command of a log is applied. Name, arity, and keys are those that a
// server returns for COMMAND INFO, so that the replayer knows which keys a command accesses before
// it applies it.
type command struct {
	name  string
	code  opCode
	arity int     // number of words, including the name; -n means n or more
	keys  keySpec // zero: the command applies to whole databases
	one   oneFunc
	many  manyFunc // set if one is nil
}

// oneFunc applies a command to one key, whose shard is locked. args are the arguments after the
// key. If all words after the name are keys with their arguments, the command is applied key by
// key, and args end at the next key. A key has the same shard in every database.
type oneFunc = func(x *exec, s *table.Shard, h uint64, db int, key string, args [][]byte) error

// manyFunc applies a command with every shard locked, after all earlier commands. args are the
// words after the name.
type manyFunc = func(x *exec, db int, args [][]byte) error

// keySpec specifies which words of a command are keys: every step-th from first to last, where word
// 0 is the name. A last of -1 means the last word. The zero keySpec means no key.
type keySpec struct{ first, last, step int }

var (
	noKey    = keySpec{}
	firstKey = keySpec{1, 1, 1}
	twoKeys  = keySpec{1, 2, 1}
	allKeys  = keySpec{1, -1, 1}
	pairKeys = keySpec{1, -1, 2}
)

// commandTable lists the commands on strings, keys, and databases that Redis and Valkey write to a
// log, the forms that older servers wrote, and the other commands that a server may replay. Other
// programs and people write logs too. Relative expiries count from the time of loading, as in a
// server.
var commandTable []command // codes from opCommand on index it

// commands maps names to the commands of commandTable.
var commands map[string]*command

// command returns the command of a code.
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
		{"MSETEX", 0, -4, noKey, nil, replayMSetEx}, // an argument gives the number of its keys

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

// commandOf returns the command of words, whose name may be in any letter case. It returns an error
// matching ErrCommand if the store does not apply the command, and a syntax error if the number of
// words is wrong.
func commandOf(words [][]byte) (*command, error) {
	c := commands[string(words[0])]
	if c == nil {
		var upper [longestName]byte // on the stack: other letter cases do not allocate either
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

// keysOf returns the index of the first key in words, and the index after the last key.
func (c *command) keysOf(words [][]byte) (first, end int) {
	if c.keys.step == 0 {
		return 0, 0
	}
	if c.keys.last < 0 {
		return c.keys.first, len(words) + c.keys.last + 1
	}
	return c.keys.first, c.keys.last + 1
}

// step returns the number of words that belong to one call of one: all of them, or those up to the
// next key.
func (c *command) step(words [][]byte) int {
	if c.keys.last < 0 {
		return c.keys.step
	}
	return len(words) - 1
}

// commandError returns an error that names the faulty command of a log.
func commandError(words [][]byte, err error) error {
	return &appendlog.CommandError{Name: printable(words[0]), Err: err}
}

// printable returns a printable form of a name, which may be any bytes. A name is neither a key nor
// a value, so it may be shown.
func printable(name []byte) string {
	text := strconv.QuoteToASCII(string(name[:min(len(name), longestName)]))
	text = strings.ToUpper(text[1 : len(text)-1])
	if len(name) > longestName {
		text += "..."
	}
	return text
}

// integer parses a decimal argument.
func integer(arg []byte) (int64, error) {
	n, err := strconv.ParseInt(string(arg), 10, 64)
	if err != nil {
		return 0, ErrNotInteger
	}
	return n, nil
}

// database parses an argument that is a database number.
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

// held is the value of a key. For a missing key the value is empty.
type held struct {
	value  []byte
	at     int64 // expiry, Unix ms, 0 for none
	exists bool
}

// str copies the string at a key. It returns ErrWrongType if the key does not hold a string.
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
