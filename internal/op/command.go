package op

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/table"
)

// A Command describes how one command of a log is applied. Name, arity, and keys are those that a
// server returns for COMMAND INFO, so that the replayer knows which keys a command accesses before
// it applies it.
type Command struct {
	Name   string
	Number int     // the index of [Commands]
	Arity  int     // number of words, including the name; -n means n or more
	Keys   KeySpec // zero: the command applies to whole databases

	// One applies the command to one key, whose shard is locked. args are the arguments after the
	// key. If all words after the name are keys with their arguments, the command is applied key by
	// key, and args end at the next key. A key's shard does not depend on the database.
	One func(x *Exec, p Place, args [][]byte) error

	// Many, if One is nil, applies the command with every shard locked, after all earlier commands.
	// args are the words after the name.
	Many func(x *Exec, db int, args [][]byte) error
}

type oneFunc = func(x *Exec, p Place, args [][]byte) error

// A KeySpec specifies which words of a command are keys: every Step-th from First to Last, where
// word 0 is the name. A Last of -1 means the last word. The zero KeySpec means no key.
type KeySpec struct{ First, Last, Step int }

var (
	noKey    = KeySpec{}
	firstKey = KeySpec{1, 1, 1}
	twoKeys  = KeySpec{1, 2, 1}
	allKeys  = KeySpec{1, -1, 1}
	pairKeys = KeySpec{1, -1, 2}
)

// Commands lists the commands on strings, keys, and databases that Redis and Valkey write to a log,
// the forms that older servers wrote, and the other commands that a server may replay. Other
// programs and people write logs too. Relative expiries count from the time of loading, as in a
// server.
var Commands []Command

// byName maps names to the commands of Commands.
var byName map[string]*Command

func init() { // the functions of the table use variables of this package
	Commands = []Command{
		{"SET", 0, -3, firstKey, replaySet, nil},
		{"SETNX", 0, 3, firstKey, call(SetIfAbsent, takeValue), nil},
		{"SETEX", 0, 4, firstKey, replaySetEx("EX"), nil},
		{"PSETEX", 0, 4, firstKey, replaySetEx("PX"), nil},
		{"GETSET", 0, 3, firstKey, replayGetSet, nil},
		{"GETDEL", 0, 2, firstKey, call(Delete, nil), nil},
		{"DELIFEQ", 0, 3, firstKey, replayDelIfEq, nil},
		{"DELEX", 0, -2, firstKey, replayDelEx, nil},
		{"GETEX", 0, -2, firstKey, replayGetEx, nil},
		{"APPEND", 0, 3, firstKey, call(Append, takeValue), nil},
		{"SETRANGE", 0, 4, firstKey, replaySetRange, nil},
		{"MSET", 0, -3, pairKeys, replaySet, nil},
		{"MSETNX", 0, -3, pairKeys, nil, replayMSetNX},
		{"MSETEX", 0, -4, noKey, nil, replayMSetEx}, // an argument is the number of its keys

		{"INCR", 0, 2, firstKey, call(Incr, nil), nil},
		{"DECR", 0, 2, firstKey, call(Decr, nil), nil},
		{"INCRBY", 0, 3, firstKey, call(IncrBy, takeInt), nil},
		{"DECRBY", 0, 3, firstKey, call(DecrBy, takeInt), nil},
		{"INCRBYFLOAT", 0, 3, firstKey, replayIncrByFloat, nil},
		{"INCREX", 0, -2, firstKey, replayIncrEx, nil},

		{"SETBIT", 0, 4, firstKey, replaySetBit, nil},
		{"BITFIELD", 0, -2, firstKey, replayBitField, nil},
		{"BITOP", 0, -4, KeySpec{2, -1, 1}, nil, replayBitOp},

		{"EXPIRE", 0, -3, firstKey, replayExpire("EX"), nil},
		{"PEXPIRE", 0, -3, firstKey, replayExpire("PX"), nil},
		{"EXPIREAT", 0, -3, firstKey, replayExpire("EXAT"), nil},
		{"PEXPIREAT", 0, -3, firstKey, replayExpire("PXAT"), nil},
		{"PERSIST", 0, 2, firstKey, call(Persist, nil), nil},

		{"DEL", 0, -2, allKeys, call(Delete, nil), nil},
		{"UNLINK", 0, -2, allKeys, call(Delete, nil), nil},
		{"TOUCH", 0, -2, allKeys, replayTouch, nil},
		{"RENAME", 0, 3, twoKeys, nil, replayRename},
		{"RENAMENX", 0, 3, twoKeys, nil, replayRenameNX},
		{"COPY", 0, -3, twoKeys, nil, replayCopy},
		{"MOVE", 0, 3, firstKey, replayMove, nil},
		{"RESTORE", 0, -4, firstKey, replayRestore, nil},
		{"RESTORE-ASKING", 0, -4, firstKey, replayRestore, nil},

		{"SWAPDB", 0, 3, noKey, nil, nil}, // the replayer applies these three
		{"FLUSHDB", 0, -1, noKey, nil, nil},
		{"FLUSHALL", 0, -1, noKey, nil, nil},
	}
	byName = make(map[string]*Command, len(Commands))
	for i := range Commands {
		c := &Commands[i]
		c.Number = i
		byName[c.Name] = c
	}
}

var errSyntax = errors.New("syntax error")

// call returns a function for a command that is an operation of the store. take reads its arguments
// after the key; it may be nil.
func call(code Code, take func(c *Call, args [][]byte) error) oneFunc {
	return func(x *Exec, p Place, args [][]byte) error {
		if x.replayed == nil {
			x.replayed = new(Call) // not on the stack, because of take
		}
		c := x.replayed
		*c = Call{Code: code, Key: p.Key}
		if take != nil {
			if err := take(c, args); err != nil {
				return err
			}
		}
		x.Do(nil, p, c)
		return c.Err
	}
}

func takeValue(c *Call, args [][]byte) error {
	c.Value = args[0]
	return nil
}

func takeInt(c *Call, args [][]byte) (err error) {
	c.N, err = integer(args[0])
	return err
}

// CommandOf returns the command of words, whose name may be in any letter case. It returns an error
// matching ErrCommand if the store does not apply the command, and a syntax error if the number of
// words is wrong.
func CommandOf(words [][]byte) (*Command, error) {
	c := byName[string(words[0])]
	if c == nil {
		var upper [longestName]byte // on the stack: other letter cases do not allocate either
		name := append(upper[:0], words[0][:min(len(words[0]), longestName)]...)
		for i, b := range name {
			if 'a' <= b && b <= 'z' {
				name[i] = b - 'a' + 'A'
			}
		}
		if c = byName[string(name)]; c == nil || len(words[0]) > len(name) {
			return nil, refused(string(name))
		}
	}
	if n := len(words); n != c.Arity && (c.Arity > 0 || n < -c.Arity) {
		return nil, fmt.Errorf("%w: %d arguments", errSyntax, n-1)
	}
	if c.Keys.Step == 2 && len(words)%2 == 0 {
		return nil, fmt.Errorf("%w: %d arguments", errSyntax, len(words)-1)
	}
	return c, nil
}

// KeysOf returns the index of the first key in words, and the index after the last key.
func (c *Command) KeysOf(words [][]byte) (first, end int) {
	if c.Keys.Step == 0 {
		return 0, 0
	}
	if c.Keys.Last < 0 {
		return c.Keys.First, len(words) + c.Keys.Last + 1
	}
	return c.Keys.First, c.Keys.Last + 1
}

// Step returns the number of words that belong to one call of One: all of them, or those up to the
// next key.
func (c *Command) Step(words [][]byte) int {
	if c.Keys.Last < 0 {
		return c.Keys.Step
	}
	return len(words) - 1
}

// CommandError returns an error that names the faulty command of a log.
func CommandError(words [][]byte, err error) error {
	return &appendlog.CommandError{Name: Printable(words[0]), Err: err}
}

// Printable returns a printable form of a name, which may be any bytes. A name is neither a key nor
// a value, so it may be shown.
func Printable(name []byte) string {
	text := strconv.QuoteToASCII(string(name[:min(len(name), longestName)]))
	text = strings.ToUpper(text[1 : len(text)-1])
	if len(name) > longestName {
		text += "..."
	}
	return text
}

// integer parses a decimal argument. It accepts a plus sign and leading zeros. Newer servers refuse
// them, but Redis 3 accepted them and logged the words of the client.
func integer(arg []byte) (int64, error) {
	n, err := strconv.ParseInt(string(arg), 10, 64)
	if err != nil {
		return 0, ErrNotInteger
	}
	return n, nil
}

// Database parses an argument that is a database number.
func (x *Exec) Database(arg []byte) (int, error) {
	n, err := integer(arg)
	if err != nil || n < 0 || n >= int64(x.Store.Table.Databases()) {
		return 0, ErrDatabase
	}
	return int(n), nil
}

// held is the value of a key. For a missing key the value is empty.
type held struct {
	value  []byte
	at     int64 // expiry, Unix ms, 0 for none
	exists bool
}

// str copies the string at a key. It returns ErrWrongType if the key does not hold a string.
func (x *Exec) str(p Place) (held, error) {
	it, ok := p.find()
	if !ok {
		return held{}, nil
	}
	if it.Kind() != table.String {
		return held{}, ErrWrongType
	}
	return held{it.AppendValue(nil), it.ExpireAtMs(), true}, nil
}
