package engine

import (
	"fmt"
	"strings"

	"github.com/perduredb/perdure/internal/op"
	"github.com/perduredb/perdure/internal/resp"
	"github.com/perduredb/perdure/snapshot"
)

// Do executes one command on data, and returns its reply in version 3 of the protocol, which can be
// an error. The error of Do is the reason why the command was not executed, or why its durability
// is unknown.
func (e *Engine) Do(db int, durable bool, words [][]byte) (reply []byte, err error) {
	if db < 0 || db >= e.table.Databases() {
		return nil, op.ErrDatabase
	}
	if len(words) == 0 {
		return nil, fmt.Errorf("%w: an empty command", snapshot.ErrUnsupported)
	}
	c := op.Lookup(strings.ToUpper(string(words[0])))
	if c == nil {
		return nil, fmt.Errorf("%w: command %s", snapshot.ErrUnsupported, op.Printable(words[0]))
	}
	r := resp.Reply{V3: true}
	if !op.Accepts(c.Arity, len(words)) {
		r.Error(op.WrongArity(c.Name))
		return r.Buf, nil
	}
	s := Session{e: e, durable: durable}
	if err := s.execute(db, c, words, &r); err != nil {
		return nil, err
	}
	return r.Buf, s.Commit()
}
