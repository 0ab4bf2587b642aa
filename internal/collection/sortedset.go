package collection

import (
	"bytes"
	"iter"
	"math"
	"slices"
	"strconv"

	"github.com/perduredb/perdure/internal/listpack"
	"github.com/perduredb/perdure/internal/resp"
	"github.com/perduredb/perdure/rdb"
)

// A SortedSet is a set of members with scores, in the order of the scores and, for equal scores, of
// the bytes of the members. The rank of a member is its number in this order.
type SortedSet struct {
	pack
	member text
}

// A Member is a member of a SortedSet with its score.
type Member struct {
	Name  []byte
	Score float64 // never NaN
}

// before reports whether m precedes another member.
func (m Member) before(o Member) bool {
	return m.Score < o.Score || m.Score == o.Score && bytes.Compare(m.Name, o.Name) < 0
}

// OpenSortedSet opens a stored sorted set. An empty stored form is an empty one. The SortedSet may
// read stored until its first change.
func OpenSortedSet(stored []byte) (z SortedSet, err error) {
	switch {
	case len(stored) == 0:
		z.pack = newPack()
		return z, nil
	case Type(stored) == typeSortedSet:
		var ok bool
		if z.pack, ok = openPack(Value(stored)); ok {
			return z, nil
		}
	}
	v, err := decode[*rdb.SortedSet](stored)
	if err != nil {
		return z, err
	}
	all := make([]Member, 0, v.Len())
	for m := range v.All() {
		all = append(all, Member{bytes.Clone(m.Member), m.Score})
	}
	return NewSortedSet(all), nil
}

// NewSortedSet returns a sorted set of members, which it sorts. The members must be different.
func NewSortedSet(all []Member) (z SortedSet) {
	z.pack = newPack()
	Sort(all)
	for _, m := range all {
		z.append(listpack.Of(m.Name))
		z.append(scoreElement(m.Score))
	}
	return z
}

// Sort sorts different members in the order of a SortedSet.
func Sort(all []Member) {
	slices.SortFunc(all, func(a, b Member) int {
		if a.before(b) {
			return -1
		}
		return 1
	})
}

// AppendScore appends a score as the result of ZSCAN.
func AppendScore(dst []byte, score float64) []byte { return scoreElement(score).Append(dst) }

// scoreElement returns a score as Redis stores it: an integer, or 17 significant digits.
func scoreElement(score float64) listpack.Element {
	const most = math.MaxInt64 / 2
	if n := int64(score); score >= -most && score <= most && float64(n) == score {
		return listpack.Integer(n)
	}
	return listpack.Of(resp.AppendDouble(nil, score))
}

// score returns the score in an entry.
func (z *SortedSet) score(e listpack.Element) (float64, bool) {
	if e.IsInt {
		return float64(e.Int), true
	}
	f, err := strconv.ParseFloat(string(e.Bytes), 64)
	if err != nil || math.IsNaN(f) {
		if z.err == nil {
			z.err = damage(&listpack.Error{What: "want a score, found something else"})
		}
		return 0, false
	}
	return f, true
}

// next returns the member at an offset, and the offset of the next.
func (z *SortedSet) next(at int) (m Member, next int, ok bool) {
	e, at, ok := z.read(at)
	if !ok {
		return m, at, false
	}
	s, next, ok := z.read(at)
	if ok {
		m.Score, ok = z.score(s)
	}
	m.Name = z.member.of(e)
	return m, next, ok
}

// Stored returns the stored form.
func (z *SortedSet) Stored() []byte { return z.stored(typeSortedSet, "") }

// Len returns the number of members.
func (z *SortedSet) Len() int { return z.entries() / 2 }

// Score returns the score of a member.
func (z *SortedSet) Score(name []byte) (score float64, ok bool) {
	at, _, ok := z.find(name, 2)
	if !ok {
		return 0, false
	}
	m, _, ok := z.next(at)
	return m.Score, ok
}

// Rank returns the rank of a member, and its score.
func (z *SortedSet) Rank(name []byte) (rank int, score float64, ok bool) {
	at, _, ok := z.find(name, 2)
	if !ok {
		return 0, 0, false
	}
	for i := listpack.Head; i < at; i = z.skip(i, 2) {
		rank++
	}
	m, _, ok := z.next(at)
	return rank, m.Score, ok
}

// Put sets the score of a member, which it adds if the set does not have it. The name must not be a
// part of the SortedSet.
func (z *SortedSet) Put(name []byte, score float64) {
	if at, _, ok := z.find(name, 2); ok {
		z.splice(at, z.skip(at, 2), 2)
	}
	z.insert(Member{name, score})
}

// insert adds a member that the set does not have.
func (z *SortedSet) insert(m Member) {
	for at := listpack.Head; z.err == nil; {
		other, next, ok := z.next(at)
		if !ok || m.before(other) {
			z.splice(at, at, 0, listpack.Of(m.Name), scoreElement(m.Score))
			return
		}
		at = next
	}
}

// Remove removes a member, and reports whether the set had it.
func (z *SortedSet) Remove(name []byte) bool {
	at, _, ok := z.find(name, 2)
	if ok {
		z.splice(at, z.skip(at, 2), 2)
	}
	return ok
}

// Delete removes the members with the ranks from first up to end.
func (z *SortedSet) Delete(first, end int) {
	from := z.skip(listpack.Head, 2*first)
	z.splice(from, z.skip(from, 2*(end-first)), 2*(end-first))
}

// From yields members with their ranks, from rank i on to the end. Each is valid until the next
// iteration.
func (z *SortedSet) From(i int) iter.Seq2[int, Member] {
	return func(yield func(i int, m Member) bool) {
		for at := z.entry(2*i, z.entries()); ; i++ {
			m, next, ok := z.next(at)
			if !ok || !yield(i, m) {
				return
			}
			at = next
		}
	}
}

// Backward yields members with their ranks, from rank i to 0. Each is valid until the next
// iteration.
func (z *SortedSet) Backward(i int) iter.Seq2[int, Member] {
	return func(yield func(i int, m Member) bool) {
		for at := z.entry(2*i, z.entries()); i >= 0; i-- {
			m, _, ok := z.next(at)
			if !ok || !yield(i, m) {
				return
			}
			at = z.back(at, 2)
		}
	}
}

// At returns the member with a rank from 0 to Len()-1. Its name is valid until the next call.
func (z *SortedSet) At(rank int) Member {
	m, _, _ := z.next(z.at(rank, 2))
	return m
}

// Below returns the number of members whose score is below a score, or equal to it if equal is set.
func (z *SortedSet) Below(score float64, equal bool) (n int) {
	for _, m := range z.From(0) {
		if m.Score > score || m.Score == score && !equal {
			return n
		}
		n++
	}
	return n
}

// BelowName returns the rank of the first member, from rank i on, that is not below a name, or
// equal to it if equal is set. The scores of the members are equal.
func (z *SortedSet) BelowName(i int, name []byte, equal bool) (rank int) {
	rank = i
	for _, m := range z.From(i) {
		if order := bytes.Compare(m.Name, name); order > 0 || order == 0 && !equal {
			return rank
		}
		rank++
	}
	return rank
}

// Scan calls fn with some members, and returns the cursor of the next ones, or 0 at the end.
func (z *SortedSet) Scan(_ uint64, _ int, fn func(m Member)) (next uint64) {
	for _, m := range z.From(0) {
		fn(m)
	}
	return 0
}

// Encoding returns the result of OBJECT ENCODING.
func (z *SortedSet) Encoding() string { return z.encoding(z.Len(), members, "listpack", "skiplist") }
