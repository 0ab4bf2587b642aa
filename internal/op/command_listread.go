package op

import (
	"bytes"
	"math"
	"strings"

	"github.com/perduredb/perdure/internal/collection"
)

func llen(x *Exec, p Place, _ [][]byte) error {
	l, err := x.listFor(p)
	if err != nil {
		return err
	}
	x.Reply.Int(int64(l.Len()))
	return l.Err()
}

// lindex is LINDEX key index.
func lindex(x *Exec, p Place, args [][]byte) error {
	l, err := x.listFor(p)
	if err != nil {
		return err
	}
	if l.Len() == 0 {
		x.Reply.Null()
		return l.Err()
	}
	i, err := x.index(args[0], l.Len())
	switch {
	case err != nil:
		return err
	case i < 0:
		x.Reply.Null()
	default:
		x.Reply.Bulk(l.At(i))
	}
	return l.Err()
}

// lrange is LRANGE key start end.
func lrange(x *Exec, p Place, args [][]byte) error {
	first, last, err := x.bounds(args)
	if err != nil {
		return err
	}
	l, err := x.listFor(p)
	if err != nil {
		return err
	}
	from, end := part(first, last, l.Len())
	x.Reply.Array(int(end - from))
	x.replyElements(l, int(from), int(end-from))
	return l.Err()
}

// lposOptions are the options of LPOS: [RANK n] [COUNT n] [MAXLEN n].
type lposOptions struct{ rank, count, most int64 }

var errRank = clientError("RANK can't be zero: use 1 to start from the first match, 2 from the second ... " +
	"or use negative to start from the end of the list")

func (x *Exec) parseLPos(args [][]byte) (o lposOptions, err error) {
	o = lposOptions{1, -1, 0}
	for i := 0; i < len(args); i += 2 {
		if i+1 == len(args) {
			return o, errSyntax
		}
		arg := args[i+1]
		switch strings.ToUpper(string(args[i])) {
		case "RANK":
			if o.rank, err = x.integer(arg); err == nil && o.rank == 0 {
				err = errRank
			}
		case "COUNT":
			if o.count, err = x.positive(arg); err != nil {
				err = clientError("COUNT can't be negative")
			}
		case "MAXLEN":
			if o.most, err = x.positive(arg); err != nil {
				err = clientError("MAXLEN can't be negative")
			}
		default:
			err = errSyntax
		}
		if err != nil {
			return o, err
		}
	}
	return o, nil
}

// lpos is LPOS key element [RANK n] [COUNT n] [MAXLEN n].
func lpos(x *Exec, p Place, args [][]byte) error {
	o, err := x.parseLPos(args[1:])
	if err != nil {
		return err
	}
	l, err := x.listFor(p)
	if err != nil {
		return err
	}
	found := o.find(l, args[0])
	switch {
	case o.count >= 0:
		x.Reply.Array(len(found))
		for _, i := range found {
			x.Reply.Int(int64(i))
		}
	case len(found) > 0:
		x.Reply.Int(int64(found[0]))
	default:
		x.Reply.Null()
	}
	return l.Err()
}

// find returns the numbers of the elements that the options select.
func (o *lposOptions) find(l *collection.List, e []byte) (found []int) {
	rank, order := o.rank, l.From(0)
	if rank < 0 {
		rank, order = -rank, l.Backward(l.Len()-1)
	}
	wanted := o.count
	switch wanted {
	case -1:
		wanted = 1
	case 0:
		wanted = math.MaxInt64
	}
	matches, seen := int64(0), int64(0)
	for i, other := range order {
		if bytes.Equal(other, e) {
			if matches++; matches >= rank {
				found = append(found, i)
			}
		}
		if seen++; int64(len(found)) == wanted || seen == o.most {
			break
		}
	}
	return found
}
