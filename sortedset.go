package perdure

import (
	"iter"

	"github.com/perduredb/perdure/internal/resp"
)

// A SortedSet is the name of a sorted set: different members with scores, under one key. They are
// in ascending order of their scores, and members with equal scores in bytewise order.
// [Store.SortedSetAt] and [Tx.SortedSetAt] return one. Each method finds the key anew. A missing
// key is an empty sorted set, Add creates it, and the removal of its last member deletes it.
//
// The first member has rank 0. Where a method selects members by rank, a negative rank counts from
// the end: the last member has -1. A score can be infinite, but not a NaN.
//
// The methods return [ErrWrongType] if the key holds a value of another type, [ErrNotFloat] for a
// NaN, and otherwise the errors of [Store.Get] and [Store.Set]. Members are arbitrary bytes of up
// to 512 MiB. The key has an expiry like any other, which changes of its members keep. Methods for
// several members are atomic, in memory and in the log.
//
// A SortedSet of a Tx returns [ErrTxDone] when the Tx has ended. Any other may be used
// concurrently.
type SortedSet struct{ collection }

// A Member is a member of a [SortedSet] and its score.
type Member struct {
	Name  string
	Score float64
}

// SortedSetAt returns the sorted set at key. It accesses nothing.
func (db *keyspace) SortedSetAt(key string) SortedSet { return SortedSet{db.collection(key)} }

// SortedSetAt returns the sorted set at key in the transaction. It accesses nothing.
func (t *Tx) SortedSetAt(key string) SortedSet { return SortedSet{t.collection(key)} }

// Add sets the score of member, and reports whether the member is new.
func (z SortedSet) Add(member string, score float64) (added bool, err error) {
	return z.command("ZADD").float(score).string(member).truth()
}

// AddMany sets the scores of members, and returns the number of those that are new.
func (z SortedSet) AddMany(members ...Member) (added int, err error) {
	if len(members) == 0 {
		return 0, nil
	}
	c := z.command("ZADD")
	for _, m := range members {
		c.float(m.Score).string(m.Name)
	}
	return c.count()
}

// IncrBy adds f to the score of member, treating a missing member as one with the score 0, and
// returns the new score.
func (z SortedSet) IncrBy(member string, f float64) (score float64, err error) {
	return z.command("ZINCRBY").float(f).string(member).number()
}

// Remove removes members and returns the number that existed.
func (z SortedSet) Remove(members ...string) (n int, err error) {
	if len(members) == 0 {
		return 0, nil
	}
	return z.command("ZREM").strings(members).count()
}

// RemoveRange removes the members from rank first to rank last, inclusive, and returns their
// number.
func (z SortedSet) RemoveRange(first, last int) (n int, err error) {
	return z.command("ZREMRANGEBYRANK").int(int64(first)).int(int64(last)).count()
}

// RemoveRangeByScore removes the members with scores from least to most, inclusive, and returns
// their number.
func (z SortedSet) RemoveRangeByScore(least, most float64) (n int, err error) {
	return z.command("ZREMRANGEBYSCORE").float(least).float(most).count()
}

// Score returns the score of member. It returns [ErrNotFound] if there is no such member.
func (z SortedSet) Score(member string) (float64, error) {
	return z.command("ZSCORE").string(member).number()
}

// Rank returns the number of members before member. It returns [ErrNotFound] if there is no such
// member.
func (z SortedSet) Rank(member string) (int, error) {
	return z.command("ZRANK").string(member).count()
}

// RevRank returns the number of members after member. It returns [ErrNotFound] if there is no such
// member.
func (z SortedSet) RevRank(member string) (int, error) {
	return z.command("ZREVRANK").string(member).count()
}

// Len returns the number of members.
func (z SortedSet) Len() (int, error) { return z.command("ZCARD").count() }

// Count returns the number of members with scores from least to most, inclusive.
func (z SortedSet) Count(least, most float64) (int, error) {
	return z.command("ZCOUNT").float(least).float(most).count()
}

// Range returns the members from rank first to rank last, inclusive, in ascending order. A last of
// -1 means to the end.
func (z SortedSet) Range(first, last int) ([]Member, error) {
	return z.command("ZRANGE").int(int64(first)).int(int64(last)).string("WITHSCORES").members()
}

// RevRange is like [SortedSet.Range], but the ranks count from the end and the order is descending:
// RevRange(0, 9) returns the ten members with the highest scores.
func (z SortedSet) RevRange(first, last int) ([]Member, error) {
	return z.command("ZREVRANGE").int(int64(first)).int(int64(last)).string("WITHSCORES").members()
}

// RangeByScore returns the members with scores from least to most, inclusive, in ascending order.
func (z SortedSet) RangeByScore(least, most float64) ([]Member, error) {
	return z.command("ZRANGEBYSCORE").float(least).float(most).string("WITHSCORES").members()
}

// PopMin removes the first member and returns it. It returns [ErrNotFound] if the sorted set is
// empty.
func (z SortedSet) PopMin() (Member, error) { return z.command("ZPOPMIN").member() }

// PopMax removes the last member and returns it. It returns [ErrNotFound] if the sorted set is
// empty.
func (z SortedSet) PopMax() (Member, error) { return z.command("ZPOPMAX").member() }

// All iterates over the members and their scores in ascending order. No lock is held while the body
// of the loop runs. If members are added, removed, or moved during the iteration, the ranks of
// others change, so that a member may be yielded twice or not at all. [SortedSet.Range] reads one
// point in time.
//
// All yields nothing if the key holds another type, and ends when a read returns an error.
// [SortedSet.Len] returns that error.
func (z SortedSet) All() iter.Seq2[string, float64] {
	return func(yield func(string, float64) bool) {
		for i := 0; ; i += scanBatch {
			batch, err := z.Range(i, i+scanBatch-1)
			if err != nil {
				return
			}
			for _, m := range batch {
				if !yield(m.Name, m.Score) {
					return
				}
			}
			if len(batch) < scanBatch {
				return
			}
		}
	}
}

// members executes the command and returns the members that it replies with.
func (c *command) members() ([]Member, error) {
	defer c.free()
	v, err := c.execute()
	if err != nil {
		return nil, err
	}
	all := make([]Member, len(v.Elements))
	for i, pair := range v.Elements {
		all[i] = memberOf(pair.Elements)
	}
	return all, nil
}

// member executes a command that replies with one member, or with an empty array.
func (c *command) member() (Member, error) {
	defer c.free()
	v, err := c.execute()
	switch {
	case err != nil:
		return Member{}, err
	case len(v.Elements) == 0:
		return Member{}, ErrNotFound
	}
	return memberOf(v.Elements), nil
}

func memberOf(pair []resp.Value) Member {
	return Member{Name: string(pair[0].Text), Score: pair[1].Double}
}
