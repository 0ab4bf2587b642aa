package engine

import (
	"math"

	"github.com/perduredb/perdure/internal/table"
)

// IncrBy changes the integer at a key, treating a missing key as 0, and returns the new value. It
// keeps the expiry. The log records the command of c.
func (e *Engine) IncrBy(db int, key string, c Counter) (sum int64, err error) {
	err = e.write(db, key, false, func(x *exec, s *table.Shard, h uint64) error {
		sum, err = x.incrBy(s, h, db, key, c)
		return err
	})
	return sum, err
}

// A Counter is one of Redis's commands on integers, with its argument.
type Counter struct {
	Command string // INCR, DECR, INCRBY or DECRBY
	N       int64  // the argument of the last two
}

// delta returns the number that the command adds, and reports whether it is an int64.
func (c Counter) delta() (int64, bool) {
	switch c.Command {
	case "INCR":
		return 1, true
	case "DECR":
		return -1, true
	case "DECRBY":
		return -c.N, c.N != math.MinInt64
	}
	return c.N, true
}

func (x *exec) incrBy(s *table.Shard, h uint64, db int, key string, c Counter) (int64, error) {
	delta, ok := c.delta()
	if !ok {
		return 0, ErrOverflow
	}
	var n, at int64
	if it, found := x.find(s, h, db, key); found {
		if it.Kind() != table.String {
			return 0, ErrWrongType
		}
		if n, ok = it.Int(); !ok {
			return 0, ErrNotInteger
		}
		at = it.ExpireAtMs()
	}
	sum := n + delta
	if (sum > n) != (delta > 0) && delta != 0 {
		return 0, ErrOverflow
	}
	x.remember(s)
	if _, err := s.SetInt(db, h, key, sum, at); err != nil {
		return 0, err
	}
	x.dirty++
	if c.Command == "INCR" || c.Command == "DECR" {
		x.command1(db, c.Command, key)
	} else {
		x.commandInt(db, c.Command, key, c.N)
	}
	return sum, nil
}
