package op

import (
	"github.com/perduredb/perdure/internal/collection"
)

// readSortedSet returns a function for a command that reads a sorted set.
func readSortedSet(read func(x *Exec, z *collection.SortedSet, args [][]byte)) oneFunc {
	return func(x *Exec, p Place, args [][]byte) error {
		z, err := x.sortedSetFor(p)
		if err != nil {
			return err
		}
		read(x, z, args)
		return z.Err()
	}
}

func zcard(x *Exec, z *collection.SortedSet, _ [][]byte) { x.Reply.Int(int64(z.Len())) }

func zscore(x *Exec, z *collection.SortedSet, args [][]byte) {
	if score, ok := z.Score(args[0]); ok {
		x.Reply.Double(score)
	} else {
		x.Reply.Null()
	}
}

func zmscore(x *Exec, z *collection.SortedSet, args [][]byte) {
	x.Reply.Array(len(args))
	for i := range args {
		zscore(x, z, args[i:])
	}
}

func zrank(x *Exec, z *collection.SortedSet, args [][]byte) {
	if rank, _, ok := z.Rank(args[0]); ok {
		x.Reply.Int(int64(rank))
	} else {
		x.Reply.Null()
	}
}

func zrevRank(x *Exec, z *collection.SortedSet, args [][]byte) {
	if rank, _, ok := z.Rank(args[0]); ok {
		x.Reply.Int(int64(z.Len() - 1 - rank))
	} else {
		x.Reply.Null()
	}
}

// replyMember replies with a member after replyPairs, and with its score if scores is set.
func (x *Exec) replyMember(m collection.Member, scores bool) {
	if scores {
		x.replyPair()
	}
	x.Reply.Bulk(m.Name)
	if scores {
		x.Reply.Double(m.Score)
	}
}

// zscan reads members for ZSCAN.
func zscan(env collection.Env, stored []byte, cursor uint64, r *scanReply) (next uint64, err error) {
	z, err := collection.OpenSortedSet(env, stored)
	if err != nil {
		return 0, err
	}
	next = z.Scan(cursor, int(r.o.count), func(m collection.Member) {
		if r.wants(m.Name) {
			r.add(m.Name)
			r.add(collection.AppendScore(nil, m.Score))
		}
	})
	return next, z.Err()
}
