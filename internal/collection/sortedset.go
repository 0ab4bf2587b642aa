package collection

import (
	"bytes"
	"math"
	"slices"
	"strconv"

	"github.com/perduredb/perdure/internal/listpack"
	"github.com/perduredb/perdure/internal/resp"
	"github.com/perduredb/perdure/internal/tree"
	"github.com/perduredb/perdure/rdb"
)

// A SortedSet is a set of members with scores, in the order of the scores and, for equal scores, of
// the bytes of the members. The rank of a member is its number in this order.
type SortedSet struct {
	pack
	ranked
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
func OpenSortedSet(env Env, stored []byte) (SortedSet, error) {
	small := ranked{large: large{env: env}}
	switch {
	case len(stored) == 0:
		return SortedSet{pack: newPack(env), ranked: small}, nil
	case IsLarge(stored):
		return SortedSet{ranked: openRanked(env, stored)}, nil
	}
	if p, ok := openPack(env, typeSortedSet, stored); ok {
		return SortedSet{pack: p, ranked: small}, nil
	}
	return decodeSortedSet(env, stored)
}

// decodeSortedSet opens a sorted set in another encoding.
func decodeSortedSet(env Env, stored []byte) (z SortedSet, err error) {
	if z, err = loadSortedSet(env, stored); err != errOneByOne {
		return z, err
	}
	v, err := decode[*rdb.SortedSet](stored)
	if err != nil {
		return z, err
	}
	all := make([]Member, 0, v.Len())
	for m := range v.All() {
		all = append(all, Member{bytes.Clone(m.Member), m.Score})
	}
	return NewSortedSet(env, all), nil
}

// NewSortedSet returns a sorted set of members, which it sorts. The members must be different.
func NewSortedSet(env Env, all []Member) (z SortedSet) {
	z.env = env
	z.pack = newPack(env)
	Sort(all)
	for _, m := range all {
		if z.on {
			z.put(m.Name, m.Score)
			continue
		}
		z.append(listpack.Of(m.Name))
		z.append(scoreElement(m.Score))
		z.grow()
	}
	return z
}

// put sets the score of a member of a large set.
func (z *SortedSet) put(name []byte, score float64) {
	z.changeLarge(name, score, func(float64, bool) (float64, bool) { return score, true })
}

// changeLarge is Change for a large set.
func (z *SortedSet) changeLarge(name []byte, likely float64, fn func(old float64, found bool) (score float64, ok bool)) {
	if z.err == nil {
		z.err = z.ranked.change(name, likely, fn)
	}
}

// grow makes the set large if it is too long.
func (z *SortedSet) grow() {
	if z.err != nil || !z.mustGrow(len(z.p)) {
		return
	}
	small := *z
	z.on, z.pack = true, pack{}
	for _, m := range small.From(0) {
		z.put(m.Name, m.Score)
	}
	if z.err == nil {
		z.err = small.err
	}
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
func (z *SortedSet) Stored() []byte {
	if z.on {
		return z.storedRanked()
	}
	return z.stored(typeSortedSet)
}

// Len returns the number of members.
func (z *SortedSet) Len() int {
	if z.on {
		return int(z.root.Count)
	}
	return z.n / 2
}

// Score returns the score of a member.
func (z *SortedSet) Score(name []byte) (score float64, ok bool) {
	if z.on {
		s, ok := z.ranked.find(name)
		return tree.Float(s), ok
	}
	at, _, ok := z.pack.find(name, 2)
	if !ok {
		return 0, false
	}
	m, _, ok := z.next(at)
	return m.Score, ok
}

// Put sets the score of a member, which it adds if the set does not have it. The name must not be a
// part of the SortedSet.
func (z *SortedSet) Put(name []byte, score float64) {
	z.Change(name, score, func(float64, bool) (float64, bool) { return score, true })
}

// Change is Put with the score that fn returns. fn gets the present score of the member, if there
// is one, and reports whether to set a score. Score and Put would search twice. If the score is
// likely to be a certain one, its place is fetched from memory during the search; NaN means none.
func (z *SortedSet) Change(name []byte, likely float64, fn func(old float64, found bool) (score float64, ok bool)) {
	if z.on {
		z.changeLarge(name, likely, fn)
		return
	}
	at, _, found := z.pack.find(name, 2)
	old, next := Member{}, at
	if found {
		old, next, found = z.next(at)
	}
	score, ok := fn(old.Score, found)
	if !ok || z.err != nil {
		return
	}
	from := 0 // members before it have lower scores
	if found {
		z.splice(at, next, 2)
		if score > old.Score {
			from = at
		}
	}
	z.insert(from, Member{name, score})
	z.grow()
}

// insert adds a member that the set does not have, after all members before an offset.
func (z *SortedSet) insert(at int, m Member) {
	for z.err == nil && at < len(z.p) {
		e, next, _ := z.read(z.skip(at, 1))
		score, ok := z.score(e)
		if ok && (m.Score < score || m.Score == score && z.precedes(m, at)) {
			break
		}
		at = next
	}
	z.splice(at, at, 0, listpack.Of(m.Name), scoreElement(m.Score))
}

// precedes reports whether m precedes the member at an offset, which has the same score.
func (z *SortedSet) precedes(m Member, at int) bool {
	other, _, _ := z.next(at)
	return m.before(other)
}

// Remove removes a member, and reports whether the set had it.
func (z *SortedSet) Remove(name []byte) bool {
	if z.on {
		existed, err := z.remove(name)
		if z.err == nil {
			z.err = err
		}
		return existed
	}
	at, _, ok := z.pack.find(name, 2)
	if ok {
		z.splice(at, z.skip(at, 2), 2)
	}
	return ok
}

// Scan calls fn with some members, and returns the cursor of the next ones, or 0 at the end.
func (z *SortedSet) Scan(cursor uint64, count int, fn func(m Member)) (next uint64) {
	if z.on {
		return z.scanRanked(cursor, count, fn)
	}
	for _, m := range z.From(0) {
		fn(m)
	}
	return 0
}

// Encoding returns the result of OBJECT ENCODING.
func (z *SortedSet) Encoding() string {
	if !z.on {
		return z.encoding(z.Len(), members, "listpack", "skiplist")
	}
	names := func(yield func(e []byte) bool) {
		for _, m := range z.From(0) {
			if !yield(m.Name) {
				return
			}
		}
	}
	if shortElements(z.Len(), members, names) {
		return "listpack"
	}
	return "skiplist"
}
