package op

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/table"
)

// A Command describes one command of Redis. Name, arity, and keys are those that a server returns
// for COMMAND INFO, so that the caller knows which keys a command accesses before it executes it.
//
// A command is executed for a client, which gets a reply, or replayed from a log. Both use the same
// function. During a replay the Exec has no Reply and no Log, and nothing expires.
type Command struct {
	Name   string
	Arity  int     // number of words, including the name; -n means n or more
	Keys   KeySpec // zero: the command applies to whole databases
	Flags  Flags
	Number int // the index of [Commands]

	// One applies the command to one key, whose shard is locked. args are the arguments after the
	// key. If all words after the name are keys with their arguments, a log's command is applied
	// key by key, and args end at the next key. A key's shard does not depend on the database.
	One func(x *Exec, p Place, args [][]byte) error

	// Many applies the command to several keys or to whole databases. args are the words after the
	// name. Replay calls it if One is nil, with every shard locked, after all earlier commands.
	Many func(x *Exec, db int, args [][]byte) error
}

type oneFunc = func(x *Exec, p Place, args [][]byte) error

// Flags are properties of a command.
type Flags uint16

// The flags. The first four, and Blocking, have the names of Redis's flags for COMMAND INFO.
const (
	Write Flags = 1 << iota
	ReadOnly
	DenyOOM
	Fast
	Movable  // it has keys that its KeySpec does not specify: it may access any key
	LogOnly  // only a log may contain it, because Redis 7.0 does not have it
	Walks    // its time depends on the number of elements of its collections: see Capture
	Unlocked // if Exec.Unlocked is set, the function locks the shards that it reads
	Blocking // it waits if it finds no element: see [Exec.Waits]
	Small    // a command on one string or key that RunSmall can run
)

// A KeySpec specifies which words of a command are keys: every Step-th from First to Last, where
// word 0 is the name. A negative Last counts from the end: -1 means the last word. If Count is not
// 0, it is the word with the number of the keys that follow it. The zero KeySpec means no key.
type KeySpec struct{ First, Last, Step, Count int }

var (
	noKey    = KeySpec{}
	firstKey = KeySpec{1, 1, 1, 0}
	twoKeys  = KeySpec{1, 2, 1, 0}
	allKeys  = KeySpec{1, -1, 1, 0}
	pairKeys = KeySpec{1, -1, 2, 0}
)

var errSyntax = errors.New("syntax error")

// call returns a function for a command that is an operation of the store. take reads its arguments
// after the key, and reply its results; both may be nil.
func call(code Code, take func(x *Exec, c *Call, args [][]byte) error, reply func(x *Exec, c *Call)) oneFunc {
	return func(x *Exec, p Place, args [][]byte) error {
		if x.call == nil {
			x.call = new(Call) // not on the stack, because of take
		}
		c := x.call
		*c = Call{Code: code, Key: p.Key}
		if take != nil {
			if err := take(x, c, args); err != nil {
				return err
			}
		}
		x.Do(nil, p, c)
		if c.Err == nil && x.Reply != nil && reply != nil {
			reply(x, c)
		}
		return c.Err
	}
}

func takeValue(_ *Exec, c *Call, args [][]byte) error {
	c.Value = args[0]
	return nil
}

func replyResult(x *Exec, c *Call) { x.Reply.Int(c.Result) }

func replyDid(x *Exec, c *Call) { x.Reply.Truth(c.Did) }

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
	if n := len(words); !Accepts(c.Arity, n) {
		return nil, fmt.Errorf("%w: %d arguments", errSyntax, n-1)
	}
	if c.Keys.Step == 2 && len(words)%2 == 0 {
		return nil, fmt.Errorf("%w: %d arguments", errSyntax, len(words)-1)
	}
	return c, nil
}

// Accepts reports whether an arity permits n words.
func Accepts(arity, n int) bool { return n == arity || arity < 0 && n >= -arity }

// WrongArity returns the text of the reply for a command with a wrong number of words.
func WrongArity(name string) string {
	return "ERR wrong number of arguments for '" + strings.ToLower(name) + "' command"
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

// EachKey calls fn with the keys in words. It reports whether their number is possible.
func (c *Command) EachKey(words [][]byte, fn func(key []byte)) (ok bool) {
	first, end := c.KeysOf(words)
	for i := first; i < min(end, len(words)); i += c.Keys.Step {
		fn(words[i])
	}
	at := c.Keys.Count
	if at == 0 {
		return true
	}
	n, _ := integer(words[at])
	rest := words[at+1:]
	if n < 1 || n > int64(len(rest)) {
		return false
	}
	for _, key := range rest[:n] {
		fn(key)
	}
	return true
}

// AnyKey reports whether the command may access keys that EachKey does not pass.
func (c *Command) AnyKey() bool { return c.Keys == noKey || c.Flags&Movable != 0 }

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

// integer parses a decimal argument. During a replay it accepts a plus sign and leading zeros:
// servers refuse them, but Redis 3 accepted them and logged the words of the client.
func (x *Exec) integer(arg []byte) (int64, error) {
	n, err := integer(arg)
	if err == nil && !x.Replaying && !canonical(arg, n) {
		err = ErrNotInteger
	}
	return n, err
}

// int32 parses a decimal argument that must be in the range of an int32.
func (x *Exec) int32(arg []byte) (int64, error) {
	n, err := x.integer(arg)
	if err == nil && (n < math.MinInt32 || n > math.MaxInt32) {
		err = errInt32
	}
	return n, err
}

var errInt32 = clientError("value is out of range, value must between -2147483648 and 2147483647")

// canonical reports whether text is the shortest form of n.
func canonical(text []byte, n int64) bool {
	var digits [20]byte
	return bytes.Equal(text, strconv.AppendInt(digits[:0], n, 10))
}

// integer parses a decimal number in any form.
func integer(arg []byte) (int64, error) {
	n, err := strconv.ParseInt(string(arg), 10, 64)
	if err != nil {
		return 0, ErrNotInteger
	}
	return n, nil
}

// Database parses an argument that is a database number.
func (x *Exec) Database(arg []byte) (int, error) {
	n, err := x.integer(arg)
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
	it, ok := x.Find(p)
	if !ok {
		return held{}, nil
	}
	if it.Kind() != table.String {
		return held{}, ErrWrongType
	}
	return held{it.AppendValue(nil), it.ExpireAtMs(), true}, nil
}
