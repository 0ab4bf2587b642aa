package perdure

import (
	"context"
	"fmt"
	"strconv"

	"github.com/perduredb/perdure/internal/op"
	"github.com/perduredb/perdure/internal/resp"
)

// A ReplyError is the error with which a command of [Store.Do] replies. Its Text is the one that a
// server sends, such as "WRONGTYPE Operation against a key holding the wrong kind of value". It
// matches the error of the package that a method returns in the same case, such as [ErrWrongType].
type ReplyError struct {
	Text string // begins with a code, such as ERR
}

// Error returns the text after the name of the library.
func (e *ReplyError) Error() string { return "perdure: " + e.Text }

// Unwrap returns the error of the package that e matches, or nil.
func (e *ReplyError) Unwrap() error { return op.ErrorOf(e.Text) }

// Do executes a command on data by its name in Redis, such as Do(ctx, "SETRANGE", "key", 6, "x"),
// and returns its reply. An argument is a string, a []byte, or a number of a built-in type. A
// time.Duration is refused, because commands differ in their units. The name may be in any letter
// case.
//
// It returns a [*ReplyError] if the command replies with an error, [ErrUnsupported] for a command
// that is not on data, such as MULTI, WATCH, SELECT, SUBSCRIBE, CLIENT, and CONFIG, or that perdure
// does not have, and otherwise the errors of [Store.Set]. If ctx has ended, Do returns its error
// and executes nothing. A command that writes returns when the write is as safe as the fsync policy
// requires.
//
// BLPOP and the other blocking commands wait until their timeout or until ctx ends, as
// [List.WaitPopFront] does. Do allocates for the arguments and the reply; a method for the same
// purpose is faster.
func (db *keyspace) Do(ctx context.Context, args ...any) (Reply, error) {
	if err := ctx.Err(); err != nil {
		return Reply{}, err
	}
	return do(args, func(words [][]byte) ([]byte, error) { return db.e.Do(ctx, db.n, db.durable, words) })
}

// Do is like [Store.Do]. A command that replies with an error has changed nothing, and the
// transaction can continue, unless memory has run out during a change of a collection. Then all
// further calls, and Update, return [ErrNoMemory].
//
// A blocking command does not wait. Of the commands without keys, such as KEYS, a Tx executes those
// that only read, in View and Update, and SORT_RO there and SORT in Update; for others it returns
// [ErrUnsupported].
func (t *Tx) Do(ctx context.Context, args ...any) (Reply, error) {
	if err := ctx.Err(); err != nil {
		return Reply{}, err
	}
	return do(args, func(words [][]byte) ([]byte, error) { return t.tx.Do(t.n, words) })
}

// do calls execute with the words of a command, and decodes its reply.
func do(args []any, execute func(words [][]byte) (reply []byte, err error)) (Reply, error) {
	words, err := wordsOf(args)
	if err != nil {
		return Reply{}, err
	}
	encoded, err := execute(words)
	if err != nil {
		return Reply{}, err
	}
	value, _ := resp.Decode(encoded)
	if value.Type == resp.ErrorValue {
		return Reply{}, &ReplyError{string(value.Text)}
	}
	return Reply{value}, nil
}

// wordsOf returns the words of a command.
func wordsOf(args []any) ([][]byte, error) {
	words := make([][]byte, len(args))
	for i, arg := range args {
		if words[i] = wordOf(arg); words[i] != nil {
			continue
		}
		if i == 0 {
			return nil, fmt.Errorf("%w: the name of a command is a %T; want a string or []byte", ErrUnsupported, arg)
		}
		return nil, fmt.Errorf("%w: argument %d of %s is a %T; want a string, []byte, integer, or float",
			ErrUnsupported, i, op.Printable(words[0]), arg)
	}
	return words, nil
}

// wordOf returns an argument as bytes, and nil for one of another type.
func wordOf(arg any) []byte {
	switch arg := arg.(type) {
	case string:
		return []byte(arg)
	case []byte:
		if arg == nil {
			return []byte{}
		}
		return arg
	case int:
		return strconv.AppendInt(nil, int64(arg), 10)
	case int8:
		return strconv.AppendInt(nil, int64(arg), 10)
	case int16:
		return strconv.AppendInt(nil, int64(arg), 10)
	case int32:
		return strconv.AppendInt(nil, int64(arg), 10)
	case int64:
		return strconv.AppendInt(nil, arg, 10)
	case uint:
		return strconv.AppendUint(nil, uint64(arg), 10)
	case uint8:
		return strconv.AppendUint(nil, uint64(arg), 10)
	case uint16:
		return strconv.AppendUint(nil, uint64(arg), 10)
	case uint32:
		return strconv.AppendUint(nil, uint64(arg), 10)
	case uint64:
		return strconv.AppendUint(nil, arg, 10)
	case float32:
		return strconv.AppendFloat(nil, float64(arg), 'g', -1, 32)
	case float64:
		return strconv.AppendFloat(nil, arg, 'g', -1, 64)
	}
	return nil
}
