package op

import (
	"errors"
	"math"

	"github.com/perduredb/perdure/internal/table"
)

// counterNames are the commands of the counters, from Incr on.
var counterNames = [...]string{"INCR", "DECR", "INCRBY", "DECRBY"}

// delta returns the number that a counter adds, and reports whether it is an int64.
func (c *Call) delta() (int64, bool) {
	switch c.Code {
	case Incr:
		return 1, true
	case Decr:
		return -1, true
	case DecrBy:
		return -c.N, c.N != math.MinInt64
	}
	return c.N, true
}

// count changes the integer at a key, treating a missing key as 0, and returns the new value. It
// keeps the expiry.
func (x *Exec) count(p Place, c *Call) (int64, error) {
	delta, ok := c.delta()
	if !ok {
		return 0, ErrOverflow
	}
	x.remember(p.Shard)
	sum, ok := p.Shard.AddInt(p.DB, p.Hash, p.Key, delta)
	if !ok {
		var err error
		if sum, err = x.countAny(p, delta); err != nil {
			return 0, err
		}
	}
	x.Dirty++
	name := counterNames[c.Code-Incr]
	if c.Code == Incr || c.Code == Decr {
		x.command(p.DB, name, p.Key)
	} else {
		x.commandInt(p.DB, name, p.Key, c.N)
	}
	return sum, nil
}

// countAny adds delta to the integer at a key whose record AddInt does not change.
func (x *Exec) countAny(p Place, delta int64) (int64, error) {
	it, found := x.Find(p)
	var n int64
	if found {
		if it.Kind() != table.String {
			return 0, ErrWrongType
		}
		var ok bool
		if n, ok = it.Int(); !ok {
			return 0, ErrNotInteger
		}
	}
	sum := n + delta
	if (sum > n) != (delta > 0) && delta != 0 {
		return 0, ErrOverflow
	}
	var err error
	if found {
		err = p.Shard.ReplaceInt(p.DB, p.Hash, p.Key, it, sum)
	} else {
		_, err = p.Shard.SetInt(p.DB, p.Hash, p.Key, sum, 0)
	}
	return sum, err
}

var errDecrement = errors.New("decrement would overflow")

// takeNegative reads the argument of DECRBY, whose negative must be an int64.
func takeNegative(x *Exec, c *Call, args [][]byte) error {
	if err := takeInt(x, c, args); err != nil {
		return err
	}
	if c.N == math.MinInt64 && !x.Replaying {
		return errDecrement
	}
	return nil
}
