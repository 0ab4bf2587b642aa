package op

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/perduredb/perdure/internal/collection"
)

func zpopName(least bool) string {
	if least {
		return "ZPOPMIN"
	}
	return "ZPOPMAX"
}

// zpop is ZPOPMIN and ZPOPMAX: key [count].
func zpop(least bool) oneFunc {
	return func(x *Exec, p Place, args [][]byte) error {
		count := int64(1)
		if len(args) > 1 {
			return errSyntax
		}
		if len(args) > 0 {
			var err error
			if count, err = x.positive(args[0]); err != nil {
				return err
			}
		}
		z, err := x.sortedSetFor(p)
		if err != nil {
			return err
		}
		popped := popMembersOf(z, count, least)
		if len(popped) > 0 {
			if err := x.keepOpened(p, z); err != nil {
				return err
			}
			x.log(p, len(popped), zpopName(least), args)
		}
		if len(args) == 0 && len(popped) > 0 { // one pair, which is not nested
			x.Reply.Array(2)
			x.Reply.Bulk(popped[0].Name)
			x.Reply.Double(popped[0].Score)
		} else {
			x.replyMembers(popped, true)
		}
		return z.Err()
	}
}

// popMembersOf removes members from an end of a sorted set, at most count, and returns them.
func popMembersOf(z *collection.SortedSet, count int64, least bool) []collection.Member {
	total := z.Len()
	n := int(min(count, int64(total)))
	popped := make([]collection.Member, 0, n)
	order := z.From(0)
	if !least {
		order = z.Backward(total - 1)
	}
	for _, m := range order {
		if len(popped) == n {
			break
		}
		popped = append(popped, collection.Member{Name: bytes.Clone(m.Name), Score: m.Score})
	}
	switch {
	case n == 1: // takes half of the time of Delete
		z.Remove(popped[0].Name)
	case least:
		z.Delete(0, n)
	default:
		z.Delete(total-n, total)
	}
	return popped
}

// zpopFirst pops members of the first sorted set that exists, and calls reply with its key and the
// members. args are the arguments for the log.
func (x *Exec) zpopFirst(db int, keys [][]byte, least bool, count int64, counted bool,
	reply func(key []byte, popped []collection.Member)) error {
	for _, key := range keys {
		p := x.Locate(db, string(key))
		z, err := x.sortedSetAt(p)
		if err != nil {
			return err
		}
		popped := popMembersOf(&z, count, least)
		if len(popped) == 0 && z.Err() == nil {
			continue
		}
		if err := x.keep(p, &z); err != nil {
			return err
		}
		var args [][]byte
		if counted {
			args = [][]byte{strconv.AppendInt(nil, int64(len(popped)), 10)}
		}
		x.log(p, len(popped), zpopName(least), args)
		reply(key, popped)
		return nil
	}
	x.none()
	return nil
}

// zmpop is ZMPOP numkeys key... MIN|MAX [COUNT n], and BZMPOP with a timeout before it.
func zmpop(blocking bool) manyFunc {
	return func(x *Exec, db int, args [][]byte) error {
		words := args
		if blocking {
			words = args[1:]
		}
		keys, words, err := x.numKeysBefore(words)
		if err != nil {
			return err
		}
		least := strings.EqualFold(string(words[0]), "MIN")
		if !least && !strings.EqualFold(string(words[0]), "MAX") {
			return errSyntax
		}
		count, err := x.popCount(words[1:])
		if err != nil {
			return err
		}
		if blocking {
			if _, err := timeout(args[0]); err != nil {
				return err
			}
		}
		return x.zpopFirst(db, keys, least, count, true, func(key []byte, popped []collection.Member) {
			x.Reply.Array(2)
			x.Reply.Bulk(key)
			x.Reply.Array(len(popped))
			for _, m := range popped {
				x.Reply.Array(2)
				x.Reply.Bulk(m.Name)
				x.Reply.Double(m.Score)
			}
		})
	}
}

// bzpop is BZPOPMIN and BZPOPMAX: key... timeout.
func bzpop(least bool) manyFunc {
	return func(x *Exec, db int, args [][]byte) error {
		last := len(args) - 1
		if _, err := timeout(args[last]); err != nil {
			return err
		}
		return x.zpopFirst(db, args[:last], least, 1, false, func(key []byte, popped []collection.Member) {
			x.Reply.Array(3)
			x.Reply.Bulk(key)
			x.Reply.Bulk(popped[0].Name)
			x.Reply.Double(popped[0].Score)
		})
	}
}
