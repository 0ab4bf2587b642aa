package collection

import (
	"bytes"
	"iter"
	"math"

	"github.com/perduredb/perdure/internal/tree"
)

// This file has the operations of a SortedSet by rank.

// Rank returns the rank of a member, and its score.
func (z *SortedSet) Rank(name []byte) (rank int, score float64, ok bool) {
	if z.on {
		s, ok := z.ranked.find(name)
		if !ok {
			return 0, 0, false
		}
		n, _ := z.sorted().Rank(z.root, s, name)
		return int(n), tree.Float(s), true
	}
	at, _, ok := z.pack.find(name, 2)
	if !ok {
		return 0, 0, false
	}
	for i := 0; i < at; i = z.skip(i, 2) {
		rank++
	}
	m, _, ok := z.next(at)
	return rank, m.Score, ok
}

// Delete removes the members with the ranks from first up to end.
func (z *SortedSet) Delete(first, end int) {
	if z.on {
		if err := z.removeRange(first, end); z.err == nil {
			z.err = err
		}
		return
	}
	from := z.skip(0, 2*first)
	z.splice(from, z.skip(from, 2*(end-first)), 2*(end-first))
}

// From yields members with their ranks, from rank i on to the end. Each is valid until the next
// iteration.
func (z *SortedSet) From(i int) iter.Seq2[int, Member] {
	return func(yield func(i int, m Member) bool) {
		if z.on {
			for c := z.sorted().From(z.root, uint64(i)); c.Next() && yield(i, member(&c)); i++ {
			}
			return
		}
		for at := z.entry(2 * i); ; i++ {
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
		if z.on {
			for c := z.sorted().From(z.root, uint64(i+1)); c.Prev() && yield(i, member(&c)); i-- {
			}
			return
		}
		for at := z.entry(2 * i); i >= 0; i-- {
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
	if z.on {
		if rank < 0 || rank >= z.Len() {
			return Member{}
		}
		score, name := z.sorted().At(z.root, uint64(rank))
		return Member{name, tree.Float(score)}
	}
	m, _, _ := z.next(z.at(rank, 2))
	return m
}

// Below returns the number of members whose score is below a score, or equal to it if equal is set.
func (z *SortedSet) Below(score float64, equal bool) (n int) {
	if z.on {
		if !equal {
			return int(z.sorted().Seek(z.root, tree.Score(score), nil, true))
		}
		if math.IsInf(score, 1) {
			return z.Len()
		}
		return int(z.sorted().Seek(z.root, tree.Score(score)+1, nil, true))
	}
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
	if z.on && i < z.Len() {
		score, _ := z.sorted().At(z.root, uint64(i))
		return max(i, int(z.sorted().Seek(z.root, score, name, !equal)))
	}
	rank = i
	for _, m := range z.From(i) {
		if order := bytes.Compare(m.Name, name); order > 0 || order == 0 && !equal {
			return rank
		}
		rank++
	}
	return rank
}
