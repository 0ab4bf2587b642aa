package op

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/perduredb/perdure/internal/collection"
)

// A source is a sorted set, or a set whose members have the score 1, with a weight.
type source struct {
	z      collection.SortedSet
	s      collection.Set
	isSet  bool
	weight float64
}

func (s *source) len() int {
	if s.isSet {
		return s.s.Len()
	}
	return s.z.Len()
}

// each calls fn with the members and their weighted scores.
func (s *source) each(fn func(name []byte, score float64)) error {
	if s.isSet {
		for m := range s.s.All() {
			fn(m, weighted(s.weight, 1))
		}
		return s.s.Err()
	}
	for _, m := range s.z.From(0) {
		fn(m.Name, weighted(s.weight, m.Score))
	}
	return s.z.Err()
}

// score returns the score of a member, times the weight.
func (s *source) score(name []byte) (score float64, ok bool) {
	if s.isSet {
		return s.weight, s.s.Has(name)
	}
	score, ok = s.z.Score(name)
	return score * s.weight, ok
}

// weighted returns a score times a weight, or 0 for an infinite one times 0.
func weighted(weight, score float64) float64 {
	if score *= weight; math.IsNaN(score) {
		return 0
	}
	return score
}

// A combination is the arguments of ZUNION, ZINTER, and ZDIFF: numkeys key... [WEIGHTS w...]
// [AGGREGATE SUM|MIN|MAX] [WITHSCORES] [LIMIT n].
type combination struct {
	sources   []source
	aggregate func(a, b float64) float64
	scores    bool
	limit     int64
}

// sum adds scores. The sum of infinite scores with different signs is 0.
func sum(a, b float64) float64 {
	if a += b; math.IsNaN(a) {
		return 0
	}
	return a
}

// lower and higher ignore a b that is not a number, the product of an infinite weight and 0, as
// Redis does. They keep a if both are 0 with different signs.
func lower(a, b float64) float64 {
	if b < a {
		return b
	}
	return a
}

func higher(a, b float64) float64 {
	if b > a {
		return b
	}
	return a
}

// combining describes a command on several sources.
type combining struct {
	name          string
	members       func(c *combination) ([]collection.Member, error)
	diff          bool // no weights and no aggregate
	store, number bool // it stores the result, or replies with its length
}

// parse parses arguments and opens the sources. The keys have other types before an option is
// wrong.
func (k *combining) parse(x *Exec, db int, args [][]byte) (*combination, error) {
	n, err := x.integer(args[0])
	switch {
	case err != nil:
		return nil, err
	case n < 1:
		return nil, fmt.Errorf("at least 1 input key is needed for '%s' command", strings.ToLower(k.name))
	case n > int64(len(args)-1):
		return nil, errSyntax
	}
	x.settle(db, args[1:1+n]...)
	c := &combination{sources: make([]source, n), aggregate: sum}
	for i := range c.sources {
		if c.sources[i], err = x.source(x.Locate(db, string(args[1+i]))); err != nil {
			return nil, err
		}
	}
	for rest := args[1+n:]; len(rest) > 0; {
		if rest, err = k.option(x, c, rest); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// source opens a sorted set or a set.
func (x *Exec) source(p Place) (s source, err error) {
	s.weight = 1
	if s.z, err = x.sortedSetAt(p); err == ErrWrongType {
		s.isSet = true
		s.s, err = x.setAt(p)
	}
	return s, err
}

// option parses an option, and returns the words after it.
func (k *combining) option(x *Exec, c *combination, args [][]byte) (rest [][]byte, err error) {
	weights := len(c.sources)
	switch option := strings.ToUpper(string(args[0])); {
	case option == "WEIGHTS" && !k.diff && !k.number && len(args) > weights:
		for i := range c.sources {
			if c.sources[i].weight, err = double(args[1+i]); err != nil {
				return nil, clientError("weight value is not a float")
			}
		}
		return args[1+weights:], nil
	case option == "AGGREGATE" && !k.diff && !k.number && len(args) > 1:
		switch strings.ToUpper(string(args[1])) {
		case "SUM":
			c.aggregate = sum
		case "MIN":
			c.aggregate = lower
		case "MAX":
			c.aggregate = higher
		default:
			return nil, errSyntax
		}
		return args[2:], nil
	case option == "WITHSCORES" && !k.store && !k.number:
		c.scores = true
		return args[1:], nil
	case option == "LIMIT" && k.number && len(args) > 1:
		if c.limit, err = x.positive(args[1]); err != nil {
			err = clientError("LIMIT can't be negative")
		}
		return args[2:], err
	}
	return nil, errSyntax
}

// bySize sorts the sources, so that scores are added in the order in which Redis adds them.
func (c *combination) bySize() {
	slices.SortStableFunc(c.sources, func(a, b source) int { return a.len() - b.len() })
}

// zunionMembers returns the members of all sources.
func zunionMembers(c *combination) (found []collection.Member, err error) {
	c.bySize()
	number := map[string]int{}
	for i := range c.sources {
		err := c.sources[i].each(func(name []byte, score float64) {
			if n, ok := number[string(name)]; ok {
				found[n].Score = c.aggregate(found[n].Score, score)
				return
			}
			number[string(name)] = len(found)
			found = append(found, collection.Member{Name: bytes.Clone(name), Score: score})
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// zinterMembers returns the members that all sources have.
func zinterMembers(c *combination) (found []collection.Member, err error) {
	c.bySize()
	err = c.sources[0].each(func(name []byte, score float64) {
		for i := range c.sources[1:] {
			other, ok := c.sources[1+i].score(name)
			if !ok {
				return
			}
			score = c.aggregate(score, other)
		}
		found = append(found, collection.Member{Name: bytes.Clone(name), Score: score})
	})
	return found, err
}

// zdiffMembers returns the members of the first source that no other has.
func zdiffMembers(c *combination) (found []collection.Member, err error) {
	err = c.sources[0].each(func(name []byte, score float64) {
		for i := range c.sources[1:] {
			if _, ok := c.sources[1+i].score(name); ok {
				return
			}
		}
		found = append(found, collection.Member{Name: bytes.Clone(name), Score: score})
	})
	return found, err
}

// zcombine returns a function for ZUNION, ZINTER, ZDIFF, ZINTERCARD, and the forms that store the
// result, whose first argument is the destination.
func zcombine(k combining) manyFunc {
	return func(x *Exec, db int, args [][]byte) error {
		words := args
		if k.store {
			words = args[1:]
		}
		c, err := k.parse(x, db, words)
		if err != nil {
			return err
		}
		found, err := k.members(c)
		switch {
		case err != nil:
			return err
		case k.store:
			return x.storeMembers(db, k.name, args, found)
		case k.number:
			n := int64(len(found))
			if c.limit > 0 {
				n = min(n, c.limit)
			}
			x.Reply.Int(n)
			return nil
		}
		collection.Sort(found)
		x.replyMembers(found, c.scores)
		return nil
	}
}
