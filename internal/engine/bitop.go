package engine

import (
	"github.com/perduredb/perdure/internal/op"
	"github.com/perduredb/perdure/internal/resp"
	"github.com/perduredb/perdure/internal/table"
)

// smallBitOp is the total size of the sources up to which BITOP runs under the locks.
const smallBitOp = 1 << 20

// bitOp is BITOP of large sources. It computes the result with no lock held, and then checks that
// the sources still have their values. It returns false, and has done nothing, for small sources,
// for a command that must fail, and after too many failed attempts.
func (s *Session) bitOp(db int, c *op.Command, words [][]byte, r *resp.Reply) bool {
	if op.CheckBitOp(words[1:]) != nil {
		return false
	}
	for range largeTries {
		done, again := s.tryBitOp(db, c, words, r)
		if done || !again {
			return done
		}
	}
	return false
}

// tryBitOp makes one attempt. The result again is true if a source has changed.
func (s *Session) tryBitOp(db int, c *op.Command, words [][]byte, r *resp.Reply) (done, again bool) {
	sources := make([]before, len(words)-3)
	defer func() {
		for i := range sources {
			sources[i].pins.Release(&s.e.ops)
		}
	}()
	if !s.readBitOp(db, words[3:], sources) {
		return false, false
	}
	x := s.e.newExec()
	defer s.e.free(x)
	values := make([][]byte, len(sources))
	for i := range sources {
		values[i] = sources[i].value()
	}
	result, err := x.BitOp(words[1:], values)
	if err != nil {
		return false, false
	}
	if err := s.lock(x, []Queued{{c, words}}, nil); err != nil {
		result.Drop(&s.e.ops)
		return false, false
	}
	for i := range sources {
		p := x.Locate(db, string(words[3+i]))
		if it, ok := x.Find(p); !sources[i].still(p, it, ok) {
			s.end(x)
			result.Drop(&s.e.ops)
			return false, true
		}
	}
	x.Reply = r
	if err := x.StoreBitOp(db, words[1:], result); err != nil {
		r.Error(ErrorText(err, c.Name))
	}
	s.end(x)
	return true, false
}

// readBitOp reads the sources of BITOP. It returns false if the command can run under the locks, or
// must fail there.
func (s *Session) readBitOp(db int, keys [][]byte, sources []before) bool {
	x := s.e.newExec()
	defer s.e.free(x)
	if x.readLock(db, len(keys), func(i int) string { return string(keys[i]) }) != nil {
		return false
	}
	defer x.release()
	total, copied := 0, 0
	for i, key := range keys {
		p := x.Locate(db, string(key))
		it, ok := x.Find(p)
		if ok && it.Kind() != table.String {
			return false
		}
		total += it.ValueLen()
		if !ok {
			continue
		}
		sources[i].exists = true
		if it.Large() && sources[i].pins.Take(&s.e.ops, p, 0) {
			continue
		}
		if copied += it.ValueLen(); copied > op.MaxCopied {
			return false
		}
		sources[i].copied = it.AppendValue([]byte{})
	}
	return total > smallBitOp
}
