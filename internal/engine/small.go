package engine

import (
	"github.com/perduredb/perdure/internal/op"
	"github.com/perduredb/perdure/internal/resp"
	"github.com/perduredb/perdure/internal/table"
)

// small reports whether no argument is large.
func small(words [][]byte) bool {
	for _, w := range words[1:] {
		if len(w) > op.LargeValue {
			return false
		}
	}
	return true
}

// executeSmall is execute for a Small command with small arguments. Its exec belongs to the session
// and has no room for large values and several keys. If it returns op.ErrNotSmall, the command
// needs an exec from the pool.
func (s *Session) executeSmall(db int, c *op.Command, words [][]byte, r *resp.Reply) error {
	e, writes := s.e, c.Flags&op.Write != 0
	if writes {
		if err := e.admit(db, s.durable); err != nil {
			return err
		}
	}
	x := &s.exec
	x.Renew(&e.ops, r)
	p := op.Place{DB: db, Key: table.KeyOf(words[1])} // nothing retains it
	p.Hash = e.table.Hash(p.Key)
	i := e.table.ShardIndex(p.Hash)
	p.Shard = e.table.ShardAt(i)
	p.Shard.Lock()
	held := true
	defer func() {
		if held { // a panic
			e.breaks(p.Shard.Unlock)
		}
	}()
	var err error
	if x.ReadOnly, err = e.possible(writes); err == nil {
		if !x.ReadOnly && e.log != nil {
			x.Log, x.Record = e.log, e.newRecord(i)
		}
		err = c.RunSmall(x, p, words)
		if position, logged := e.endSmall(x, i, p); logged {
			s.await(x.Log, position)
		}
	}
	held = false
	p.Shard.Unlock()
	return err
}
