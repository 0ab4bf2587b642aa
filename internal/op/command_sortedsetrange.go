package op

import (
	"bytes"
	"iter"
	"strings"

	"github.com/perduredb/perdure/internal/collection"
)

// A span selects members of a sorted set: it returns the rank of the first, and the rank after the
// last.
type span func(z *collection.SortedSet) (from, end int)

// parseSpan parses the ends of a span, the lower one first.
type parseSpan func(x *Exec, low, high []byte) (span, error)

// byRank parses ranks. Negative ones count from the end.
func byRank(x *Exec, low, high []byte) (span, error) {
	first, last, err := x.bounds([][]byte{low, high})
	return func(z *collection.SortedSet) (int, int) {
		from, end := part(first, last, z.Len())
		return int(from), int(end)
	}, err
}

var errNotRange = clientError("min or max is not a float")

// byScore parses scores. One after ( is not included.
func byScore(_ *Exec, low, high []byte) (span, error) {
	least, above, err := scoreBound(low)
	if err != nil {
		return nil, err
	}
	most, below, err := scoreBound(high)
	if err != nil {
		return nil, err
	}
	return func(z *collection.SortedSet) (int, int) {
		from := z.Below(least, above)
		return from, max(from, z.Below(most, !below))
	}, nil
}

// scoreBound parses a score of a span as strtod does: spaces before it, and everything after a NUL,
// are ignored.
func scoreBound(arg []byte) (score float64, open bool, err error) {
	text := Shown(arg, len(arg))
	text, open = strings.CutPrefix(text, "(")
	if text == "" {
		return 0, open, nil
	}
	if score, err = strtod(strings.TrimLeft(text, " \t\n\v\f\r")); err != nil {
		err = errNotRange
	}
	return score, open, err
}

var errNotName = clientError("min or max not valid string range item")

// byLex parses names of members: after [ or (, which is not included, or - or + for no bound.
func byLex(_ *Exec, low, high []byte) (span, error) {
	least, err := nameBound(low)
	if err != nil {
		return nil, err
	}
	most, err := nameBound(high)
	if err != nil {
		return nil, err
	}
	return func(z *collection.SortedSet) (int, int) {
		from := least.rank(z, 0, least.open)
		return from, most.rank(z, from, !most.open)
	}, nil
}

// A bound is a name in a span of names.
type bound struct {
	kind byte // '-', '+', or '['
	name []byte
	open bool
}

func nameBound(arg []byte) (b bound, err error) {
	switch {
	case len(arg) == 0:
		return b, errNotName
	case arg[0] == '[' || arg[0] == '(':
		return bound{'[', arg[1:], arg[0] == '('}, nil
	case (arg[0] == '-' || arg[0] == '+') && (len(arg) == 1 || arg[1] == 0):
		return bound{kind: arg[0]}, nil
	}
	return b, errNotName
}

// rank returns the rank of the first member, from rank i on, that is not below the bound, or equal
// to it if equal is set.
func (b *bound) rank(z *collection.SortedSet, i int, equal bool) int {
	switch b.kind {
	case '-':
		return i
	case '+':
		return z.Len()
	}
	return z.BelowName(i, b.name, equal)
}

// zcount is ZCOUNT and ZLEXCOUNT: key min max.
func zcount(parse parseSpan) oneFunc {
	return func(x *Exec, p Place, args [][]byte) error {
		s, err := parse(x, args[0], args[1])
		if err != nil {
			return err
		}
		z, err := x.sortedSetFor(p)
		if err != nil {
			return err
		}
		from, end := s(z)
		x.Reply.Int(int64(end - from))
		return z.Err()
	}
}

// zremRange is ZREMRANGEBYRANK, ZREMRANGEBYSCORE, and ZREMRANGEBYLEX: key min max.
func zremRange(name string, parse parseSpan) oneFunc {
	return func(x *Exec, p Place, args [][]byte) error {
		s, err := parse(x, args[0], args[1])
		if err != nil {
			return err
		}
		z, err := x.sortedSetFor(p)
		if err != nil {
			return err
		}
		from, end := s(z)
		z.Delete(from, end)
		return x.endRemoval(p, z, end-from, name, args)
	}
}

// zrangeOptions are the options of ZRANGE and its older forms.
type zrangeOptions struct {
	span          parseSpan // nil for one that an option selects
	byRank        bool
	byLex         bool
	reverse       bool
	fixed         bool // reverse is not an option
	store         bool
	scores        bool
	offset, limit int64
}

var (
	errLimitByRank = clientError("syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX")
	errScoreByName = clientError("syntax error, WITHSCORES not supported in combination with BYLEX")
)

// parse parses the options after the ends of the span.
func (o *zrangeOptions) parse(x *Exec, args [][]byte) (err error) {
	o.limit = -1
	for i := 0; i < len(args); i++ {
		switch option := strings.ToUpper(string(args[i])); {
		case option == "WITHSCORES" && !o.store:
			o.scores = true
		case option == "LIMIT" && i+2 < len(args):
			if o.offset, o.limit, err = x.bounds(args[i+1:]); err != nil {
				return err
			}
			i += 2
		case option == "REV" && !o.fixed:
			o.reverse, o.fixed = true, true
		case option == "BYLEX" && o.span == nil:
			o.span, o.byLex = byLex, true
		case option == "BYSCORE" && o.span == nil:
			o.span = byScore
		default:
			return errSyntax
		}
	}
	if o.span == nil {
		o.span, o.byRank = byRank, true
	}
	switch {
	case o.limit != -1 && o.byRank:
		return errLimitByRank
	case o.scores && o.byLex:
		return errScoreByName
	case o.byRank: // Redis ignores a LIMIT with the count -1
		o.offset = 0
	}
	return nil
}

// selected are the members that a command selects: the first n of all.
type selected struct {
	n   int
	all iter.Seq2[int, collection.Member]
}

// of returns the selected members of a sorted set.
func (o *zrangeOptions) of(z *collection.SortedSet, s span) selected {
	from, end := s(z)
	if o.byRank && o.reverse { // the ranks are from the end
		from, end = z.Len()-end, z.Len()-from
	}
	n := int64(end - from)
	skip := min(n, o.offset)
	if o.offset < 0 {
		skip = n
	}
	if n -= skip; o.limit >= 0 {
		n = min(n, o.limit)
	}
	if o.reverse {
		return selected{int(n), z.Backward(end - 1 - int(skip))}
	}
	return selected{int(n), z.From(from + int(skip))}
}

// each calls fn with each member, which is valid until the next call.
func (s selected) each(fn func(m collection.Member)) {
	if s.n == 0 {
		return
	}
	left := s.n
	for _, m := range s.all {
		fn(m)
		if left--; left == 0 {
			return
		}
	}
}

// selectFrom opens the sorted set at a key, and selects the members that args describe.
func (o *zrangeOptions) selectFrom(x *Exec, p Place, args [][]byte) (z *collection.SortedSet, found selected, err error) {
	if err := o.parse(x, args[2:]); err != nil {
		return nil, found, err
	}
	low, high := args[0], args[1]
	if o.reverse && !o.byRank {
		low, high = high, low
	}
	s, err := o.span(x, low, high)
	if err != nil {
		return nil, found, err
	}
	if z, err = x.sortedSetFor(p); err != nil {
		return nil, found, err
	}
	return z, o.of(z, s), nil
}

// zrange returns a function for ZRANGE and its older forms: key min max [options].
func zrange(o zrangeOptions) oneFunc {
	return func(x *Exec, p Place, args [][]byte) error {
		o := o
		z, found, err := o.selectFrom(x, p, args)
		if err != nil {
			return err
		}
		x.replyPairs(found.n, o.scores)
		found.each(func(m collection.Member) { x.replyMember(m, o.scores) })
		return z.Err()
	}
}

// replyMembers replies with members, and with their scores if scores is set.
func (x *Exec) replyMembers(members []collection.Member, scores bool) {
	x.replyPairs(len(members), scores)
	for _, m := range members {
		x.replyMember(m, scores)
	}
}

// zrangeStore is ZRANGESTORE destination source min max [options].
func zrangeStore(x *Exec, db int, args [][]byte) error {
	o := zrangeOptions{store: true}
	z, found, err := o.selectFrom(x, x.Locate(db, string(args[1])), args[2:])
	if err != nil {
		return err
	}
	members := make([]collection.Member, 0, found.n)
	found.each(func(m collection.Member) {
		members = append(members, collection.Member{Name: bytes.Clone(m.Name), Score: m.Score})
	})
	if err := z.Err(); err != nil {
		return err
	}
	return x.storeMembers(db, "ZRANGESTORE", args, members)
}

// storeMembers stores members as the sorted set args[0], and replies with their number.
// Without members it deletes args[0].
func (x *Exec) storeMembers(db int, name string, args [][]byte, members []collection.Member) error {
	p := x.Locate(db, string(args[0]))
	z := collection.NewSortedSet(x.trees(p), members)
	existed, err := x.replace(p, &z)
	if err != nil {
		return err
	}
	if existed || len(members) > 0 {
		x.Dirty++
		x.commandWords(db, name, args)
	}
	x.Reply.Int(int64(len(members)))
	return nil
}
