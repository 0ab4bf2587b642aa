package perdure

import (
	"bytes"
	"context"
	"strconv"
	"sync"

	"github.com/perduredb/perdure/internal/engine"
	"github.com/perduredb/perdure/internal/op"
	"github.com/perduredb/perdure/internal/resp"
)

// A collection is what [Hash], [List], [Set], and [SortedSet] have in common: a key of a database
// or a transaction. Their methods execute the commands of package op on it.
type collection struct {
	db  keyspace
	tx  *engine.Tx // nil outside a transaction
	key string
}

func (db *keyspace) collection(key string) collection { return collection{db: *db, key: key} }

func (t *Tx) collection(key string) collection {
	return collection{db: keyspace{n: t.n}, tx: t.tx, key: key}
}

// A command is a command on a collection: first its words, and after its execution its reply. The
// methods that return results execute it and put it back into the pool.
type command struct {
	on      collection
	command *op.Command
	words   [][]byte
	text    []byte // the words that were copied; an older part of words can be in an older array
	reply   resp.Reply
	decoder resp.Decoder
}

var commands = sync.Pool{New: func() any { return &command{reply: resp.Reply{V3: true}} }}

// command returns a command with its name and key. The name is in upper case.
func (c collection) command(name string) *command {
	m := commands.Get().(*command)
	m.on, m.command = c, op.Lookup(name)
	return m.string(name).string(c.key)
}

// string adds a word.
func (c *command) string(s string) *command {
	c.text = append(c.text, s...)
	return c.added(len(s))
}

// strings adds a word for each string.
func (c *command) strings(all []string) *command {
	for _, s := range all {
		c.string(s)
	}
	return c
}

// int adds an integer.
func (c *command) int(n int64) *command {
	before := len(c.text)
	c.text = strconv.AppendInt(c.text, n, 10)
	return c.added(len(c.text) - before)
}

// float adds a number. An integer is one in the log, too: ZADD takes 5% less than with an exponent.
func (c *command) float(f float64) *command {
	if n, ok := resp.Whole(f); ok {
		return c.int(n)
	}
	before := len(c.text)
	c.text = strconv.AppendFloat(c.text, f, 'g', -1, 64)
	return c.added(len(c.text) - before)
}

// added adds the last n bytes of the text as a word.
func (c *command) added(n int) *command { return c.value(c.text[len(c.text)-n:]) }

// value adds a word without copying it.
func (c *command) value(v []byte) *command {
	c.words = append(c.words, v)
	return c
}

// values adds words without copying them.
func (c *command) values(all [][]byte) *command {
	c.words = append(c.words, all...)
	return c
}

// execute executes a command that does not wait. It returns ErrNotFound for a null. The texts of
// the reply are valid until free.
func (c *command) execute() (resp.Value, error) { return c.wait(context.Background()) }

// wait is execute for a blocking command, which waits until ctx ends.
func (c *command) wait(ctx context.Context) (resp.Value, error) {
	var err error
	if on := &c.on; on.tx != nil {
		err = on.tx.Execute(on.db.n, c.command, c.words, &c.reply)
	} else {
		err = on.db.e.Execute(ctx, on.db.n, on.db.durable, c.command, c.words, &c.reply)
	}
	if err != nil {
		return resp.Value{}, err
	}
	v := c.decoder.Decode(c.reply.Buf)
	switch v.Type {
	case resp.NullValue:
		return v, ErrNotFound
	case resp.ErrorValue:
		text := string(v.Text)
		if err := op.ErrorOf(text); err != nil {
			return v, err
		}
		return v, &ReplyError{text}
	}
	return v, nil
}

// keepCommand is the size in bytes above which a buffer of a command is not used again.
const keepCommand = 64 << 10

// free puts the command back into the pool.
func (c *command) free() {
	clear(c.words) // lets the garbage collector free the caller's values
	c.words, c.text, c.reply.Buf = c.words[:0], c.text[:0], c.reply.Buf[:0]
	c.on, c.command = collection{}, nil
	c.decoder.Release()
	if cap(c.words)*24+cap(c.text) <= keepCommand {
		if cap(c.reply.Buf) > keepCommand {
			c.reply.Buf = nil
		}
		commands.Put(c)
	}
}

// done executes the command and ignores its reply.
func (c *command) done() error {
	defer c.free()
	_, err := c.execute()
	return err
}

// integer executes the command and returns the integer that it replies with.
func (c *command) integer() (int64, error) {
	defer c.free()
	v, err := c.execute()
	return v.Int, err
}

func (c *command) count() (int, error) {
	n, err := c.integer()
	return int(n), err
}

func (c *command) truth() (bool, error) {
	n, err := c.integer()
	return n == 1, err
}

// number executes the command and returns the number that it replies with.
func (c *command) number() (float64, error) {
	defer c.free()
	v, err := c.execute()
	if err == nil && v.Type == resp.TextValue {
		f, err := strconv.ParseFloat(string(v.Text), 64)
		if err != nil { // a server's numbers have a larger range
			return f, ErrNotFloat
		}
		return f, nil
	}
	return v.Double, err
}

// bytes executes the command and returns a copy of the text that it replies with.
func (c *command) bytes() ([]byte, error) {
	defer c.free()
	v, err := c.execute()
	if err != nil {
		return nil, err
	}
	if len(v.Text) > keepCommand {
		c.reply.Buf = nil // so that the text needs no copy
		return v.Text, nil
	}
	return bytes.Clone(v.Text), nil
}

// name executes the command and returns the text that it replies with.
func (c *command) name() (string, error) {
	defer c.free()
	v, err := c.execute()
	if err != nil {
		return "", err
	}
	return string(v.Text), nil
}

// list executes the command and returns the texts of the array that it replies with, nil for a
// null. They share the memory of the reply.
func (c *command) list() ([][]byte, error) {
	defer c.free()
	v, err := c.execute()
	if err != nil {
		return nil, err
	}
	c.reply.Buf = nil
	all := make([][]byte, len(v.Elements))
	for i, e := range v.Elements {
		all[i] = e.Text
	}
	return all, nil
}

// scanBatch is the number of elements that an iteration reads at once.
const scanBatch = 128

// scan calls yield with size texts at a time of those that the command name finds, until it returns
// false. The texts are valid until yield returns.
func (c collection) scan(name string, size int, yield func(e []resp.Value) bool) {
	for cursor := "0"; ; {
		m := c.command(name).string(cursor).string("COUNT").int(scanBatch)
		v, err := m.execute()
		if err != nil {
			m.free()
			return
		}
		cursor = string(v.Elements[0].Text)
		for all := v.Elements[1].Elements; len(all) >= size; all = all[size:] {
			if !yield(all[:size]) {
				m.free()
				return
			}
		}
		m.free()
		if cursor == "0" {
			return
		}
	}
}
