package engine

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/perduredb/perdure/internal/op"
	"github.com/perduredb/perdure/internal/resp"
	"github.com/perduredb/perdure/snapshot"
)

// Do executes one command on data, and returns its reply in version 3 of the protocol, which can be
// an error. The error of Do is the reason why the command was not executed, or why its durability
// is unknown. A blocking command waits until its timeout or until ctx ends.
func (e *Engine) Do(ctx context.Context, db int, durable bool, words [][]byte) (reply []byte, err error) {
	r := resp.Reply{V3: true}
	c, err := commandFor(words, &r)
	if c != nil {
		err = e.Execute(ctx, db, durable, c, words, &r)
	}
	return r.Buf, err
}

// Execute is [Engine.Do] for a command that was found, with a number of words that it accepts. It
// appends the reply to r.
func (e *Engine) Execute(ctx context.Context, db int, durable bool, c *op.Command, words [][]byte, r *resp.Reply) error {
	if db < 0 || db >= e.table.Databases() {
		return op.ErrDatabase
	}
	if err := checkWords(words); err != nil {
		return err
	}
	s := sessions.Get().(*Session)
	defer func() {
		s.exec.Renew(nil, nil)
		*s = Session{exec: s.exec}
		sessions.Put(s)
	}()
	s.e, s.durable = e, durable
	if c.Flags&op.Blocking != 0 {
		s.wake = func() {} // a channel wakes it
	}
	if err := s.execute(db, c, words, r); err != nil || c.Flags&op.Write == 0 {
		return err // a read does not wait for the deletion of an expired key
	}
	if s.waiting != nil {
		if err := s.wait(ctx, r); err != nil {
			return err
		}
	}
	return s.Commit()
}

// sessions are those of Execute, for one command each.
var sessions = sync.Pool{New: func() any { return &Session{} }}

// checkWords returns ErrTooLarge if a word is longer than a key or a value can be.
func checkWords(words [][]byte) error {
	for _, w := range words {
		if len(w) > op.MaxSize {
			return op.ErrTooLarge
		}
	}
	return nil
}

// commandFor returns the command of words. For words that are not a command, it returns nil, and an
// error or a reply.
func commandFor(words [][]byte, r *resp.Reply) (*op.Command, error) {
	if len(words) == 0 {
		return nil, fmt.Errorf("%w: an empty command", snapshot.ErrUnsupported)
	}
	name := strings.ToUpper(string(words[0]))
	c := op.Lookup(name)
	if c == nil {
		if what := op.RefusedType(name); what != "" {
			return nil, fmt.Errorf("%w: %s: perdure executes no commands on %s", snapshot.ErrUnsupported, name, what)
		}
		return nil, fmt.Errorf("%w: %s is not a command on data", snapshot.ErrUnsupported, op.Printable(words[0]))
	}
	if !op.Accepts(c.Arity, len(words)) {
		r.Error(op.WrongArity(c.Name))
		return nil, nil
	}
	return c, nil
}

// Do executes one command in the transaction, and returns its reply as [Engine.Do] does. If every
// key is locked, it also executes SORT, and those commands without keys that only read.
func (t *Tx) Do(db int, words [][]byte) (reply []byte, err error) {
	r := resp.Reply{V3: true}
	c, err := commandFor(words, &r)
	if c != nil {
		err = t.Execute(db, c, words, &r)
	}
	return r.Buf, err
}

// Execute is to [Tx.Do] what [Engine.Execute] is to [Engine.Do].
func (t *Tx) Execute(db int, c *op.Command, words [][]byte, r *resp.Reply) error {
	writes := c.Flags&op.Write != 0
	var keys []string
	c.EachKey(words, func(key []byte) { keys = append(keys, string(key)) })
	sorts := c.Flags&op.Movable != 0
	if target := op.SortTarget(words); sorts && target != nil {
		keys = append(keys, string(target))
	}
	if err := t.allow(writes, db, keys...); err != nil {
		return err
	}
	if err := checkWords(words); err != nil {
		return err
	}
	if c.AnyKey() && (t.x.onlyDeclared || writes && !sorts) {
		return fmt.Errorf("%w: command %s in a transaction", snapshot.ErrUnsupported, c.Name)
	}
	t.x.Reply = r
	defer func() { t.x.Reply = nil }()
	t.x.Remember(db, keys)
	c.Run(&t.x.Exec, db, words)
	return nil
}
