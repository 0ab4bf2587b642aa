package op

import (
	"math"
	"strconv"
	"strings"

	"github.com/perduredb/perdure/internal/collection"
	"github.com/perduredb/perdure/internal/listpack"
)

func (x *Exec) sortedSetAt(p Place) (collection.SortedSet, error) {
	return openAt(x, p, "zset", collection.OpenSortedSet)
}

func (x *Exec) sortedSetFor(p Place) (*collection.SortedSet, error) {
	return openFor(x, p, "zset", &x.own().sorted, collection.OpenSortedSet)
}

var (
	errScoreNaN   = clientError("resulting score is not a number (NaN)")
	errXXWithNX   = clientError("XX and NX options at the same time are not compatible")
	errGTOrNX     = clientError("GT, LT, and/or NX options at the same time are not compatible")
	errIncrSingle = clientError("INCR option supports a single increment-element pair")
)

// double parses a number as strtod does: decimal, hexadecimal after 0x, or infinite.
func double(text []byte) (float64, error) {
	if n, ok := listpack.ParseInt(text); ok && n>>53 == n>>63 {
		return float64(n), nil // ZADD with an integer takes 4% less
	}
	f, err := strtod(string(text))
	tiny := f == 0 && strings.ContainsAny(mantissa(string(text)), "123456789")
	if err != nil || math.IsInf(f, 0) && strings.ContainsAny(string(text), "0123456789") || tiny {
		return 0, errNotFloat
	}
	return f, nil
}

// mantissa returns the part of a decimal number before the exponent.
func mantissa(text string) string {
	if i := strings.IndexAny(text, "eExX"); i >= 0 {
		return text[:i]
	}
	return text
}

// strtod is like double, but the result is infinite or 0 for a number that is out of range.
func strtod(text string) (float64, error) {
	digits := strings.ToLower(strings.TrimLeft(text, "+-"))
	switch {
	case strings.ContainsAny(digits, "_n") && digits != "inf" && digits != "infinity":
		return 0, errNotFloat
	case strings.HasPrefix(digits, "0x") && !strings.Contains(digits, "p"):
		text += "p0"
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil && !math.IsInf(f, 0) {
		return 0, errNotFloat
	}
	return f, nil
}

// zaddOptions are the options of ZADD: [NX | XX] [GT | LT] [CH] [INCR].
type zaddOptions struct{ nx, xx, gt, lt, ch, incr bool }

// parse parses the options at the start of args, and returns the pairs after them.
func (o *zaddOptions) parse(args [][]byte) (pairs [][]byte, err error) {
	pairs = args
options:
	for ; len(pairs) > 0; pairs = pairs[1:] {
		if len(pairs[0]) > 0 && pairs[0][0] < 'A' { // a number
			break
		}
		switch strings.ToUpper(string(pairs[0])) {
		case "NX":
			o.nx = true
		case "XX":
			o.xx = true
		case "GT":
			o.gt = true
		case "LT":
			o.lt = true
		case "CH":
			o.ch = true
		case "INCR":
			o.incr = true
		default:
			break options
		}
	}
	switch {
	case len(pairs) == 0 || len(pairs)%2 != 0:
		return nil, errSyntax
	case o.nx && o.xx:
		return nil, errXXWithNX
	case o.nx && (o.gt || o.lt) || o.gt && o.lt:
		return nil, errGTOrNX
	case o.incr && len(pairs) > 2:
		return nil, errIncrSingle
	}
	return pairs, nil
}

// zadd is ZADD key [options] score member... and, if incr is set, ZINCRBY key increment member.
func zadd(name string, incr bool) oneFunc {
	return func(x *Exec, p Place, args [][]byte) error {
		o := zaddOptions{incr: incr}
		pairs, err := o.parse(args)
		if err != nil {
			return err
		}
		scores := make([]float64, len(pairs)/2)
		for i := range scores {
			if scores[i], err = double(pairs[2*i]); err != nil {
				return err
			}
		}
		z, err := x.sortedSetFor(p)
		if err != nil {
			return err
		}
		added, updated, done, score := 0, 0, 0, 0.0
		for i := range scores {
			var r zaddResult
			if r, err = o.add(z, pairs[2*i+1], scores[i]); err != nil {
				return err
			}
			score = r.score
			added, updated, done = added+r.added, updated+r.updated, done+r.done
		}
		if added+updated > 0 {
			if err := x.keepOpened(p, z); err != nil {
				return err
			}
			x.log(p, added+updated, name, args)
		}
		switch {
		case o.incr && done == 0:
			x.Reply.Null()
		case o.incr:
			x.Reply.Double(score)
		case o.ch:
			x.Reply.Int(int64(added + updated))
		default:
			x.Reply.Int(int64(added))
		}
		return z.Err()
	}
}

// zaddResult is the result of ZADD for one member.
type zaddResult struct {
	added, updated, done int // 0 or 1; done is 0 if an option excludes the member
	score                float64
}

// add adds a member or changes its score, as far as the options allow.
func (o *zaddOptions) add(z *collection.SortedSet, name []byte, score float64) (r zaddResult, err error) {
	likely := score
	if o.incr {
		likely = math.NaN()
	}
	z.Change(name, likely, func(old float64, ok bool) (float64, bool) {
		r.score = score
		if ok && o.incr && !o.nx {
			if r.score += old; math.IsNaN(r.score) {
				err = errScoreNaN
				return 0, false
			}
		}
		switch {
		case ok && (o.nx || o.lt && r.score >= old || o.gt && r.score <= old), !ok && o.xx:
			return 0, false
		case !ok:
			r.added = 1
		case r.score != old:
			r.updated = 1
		}
		r.done = 1
		return r.score, r.added+r.updated > 0
	})
	return r, err
}

// zrem is ZREM key member...
func zrem(x *Exec, p Place, args [][]byte) error {
	z, err := x.sortedSetFor(p)
	if err != nil {
		return err
	}
	removed := 0
	for _, m := range args {
		if z.Remove(m) {
			removed++
		}
	}
	return x.endRemoval(p, z, removed, "ZREM", args)
}

// endRemoval stores and logs a sorted set from which members were removed, and replies with their
// number.
func (x *Exec) endRemoval(p Place, z *collection.SortedSet, removed int, name string, args [][]byte) error {
	if removed > 0 || z.Err() != nil { // after an error, a tree can have other pages
		if err := x.keepOpened(p, z); err != nil {
			return err
		}
		x.log(p, removed, name, args)
	}
	x.Reply.Int(int64(removed))
	return z.Err()
}
