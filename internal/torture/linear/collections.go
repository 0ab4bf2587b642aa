package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/perduredb/perdure"
)

// The operations on lists and sorted sets, whose keys are collectionKeys. Elements and members are
// letters, which the store pads, so that a few of them fill a page of a tree.
const (
	opPushFront = 100 + iota
	opPushBack
	opPopFront
	opPopBack
	opLen
	opAdd    // sets the score of a member, and reports whether that changed anything
	opIncrBy // always changes the score
	opScore
	opRank
	opCard
	opPopMin
	opRead // all elements, or all members with their scores
)

var collectionKeys = []string{"l0", "l1", "z0", "z1", "z2"}

// padding follows the letter of an element or a member.
var padding = strings.Repeat(".", 150)

// randomCollection makes a random operation on a list or a sorted set.
func randomCollection(rng *rand.Rand) input {
	in := input{keys: []string{collectionKeys[rng.IntN(len(collectionKeys))]}}
	first, last := opPushFront, opLen
	if in.keys[0][0] == 'z' {
		first, last = opAdd, opPopMin
	}
	in.kind = first + rng.IntN(last-first+1)
	if rng.IntN(30) == 0 {
		in.kind = opDelete
	}
	in.arg, in.score = string(rune('a'+rng.IntN(12))), 1+rng.IntN(5)
	return in
}

// applyList applies an operation on a list to its letters.
func (in input) applyList(list string) (next string, out output) {
	n := len(list)
	switch in.kind {
	case opPushFront:
		return in.arg + list, output{values: []string{strconv.Itoa(n + 1)}}
	case opPushBack:
		return list + in.arg, output{values: []string{strconv.Itoa(n + 1)}}
	case opLen:
		return list, output{values: []string{strconv.Itoa(n)}}
	case opRead:
		return list, output{values: strings.Split(list, "")}
	case opDelete:
		return "", output{found: n > 0}
	}
	if n == 0 {
		return list, output{}
	}
	if in.kind == opPopFront {
		return list[1:], output{values: []string{list[:1]}, found: true}
	}
	return list[:n-1], output{values: []string{list[n-1:]}, found: true}
}

// applySortedSet applies an operation on a sorted set to its text, which has the form "a=1 b=3".
func (in input) applySortedSet(text string) (next string, out output) {
	scores := map[string]int{}
	for _, pair := range strings.Fields(text) {
		scores[pair[:1]], _ = strconv.Atoi(pair[2:])
	}
	ranked := slices.SortedFunc(maps.Keys(scores), func(a, b string) int {
		if d := scores[a] - scores[b]; d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	old, there := scores[in.arg]
	switch in.kind {
	case opAdd:
		scores[in.arg], out.found = in.score, !there || old != in.score
	case opIncrBy:
		scores[in.arg] = old + in.score
		out.values = []string{strconv.Itoa(old + in.score)}
	case opScore:
		out = output{values: []string{strconv.Itoa(old)}, found: there}
	case opRank:
		out = output{values: []string{strconv.Itoa(max(0, slices.Index(ranked, in.arg)))}, found: there}
	case opCard:
		out.values = []string{strconv.Itoa(len(scores))}
	case opPopMin:
		if out.found = len(ranked) > 0; out.found {
			out.values = []string{ranked[0], strconv.Itoa(scores[ranked[0]])}
			delete(scores, ranked[0])
		}
	case opRead:
		for _, m := range ranked {
			out.values = append(out.values, m, strconv.Itoa(scores[m]))
		}
	case opDelete:
		out.found = len(scores) > 0
		clear(scores)
	}
	var b strings.Builder
	for _, m := range slices.Sorted(maps.Keys(scores)) {
		fmt.Fprintf(&b, "%s=%d ", m, scores[m])
	}
	return b.String(), out
}

// doCollection runs an operation on a list or a sorted set of a store.
func (in input) doCollection(s *perdure.Store) (out output, err error) {
	number := func(n int) { out.values = []string{strconv.Itoa(n)} }
	l, z, m, n := s.ListAt(in.keys[0]), s.SortedSetAt(in.keys[0]), in.arg+padding, 0
	var popped []byte
	switch in.kind {
	case opPushFront:
		n, err = l.PushFront([]byte(m))
		number(n)
	case opPushBack:
		n, err = l.PushBack([]byte(m))
		number(n)
	case opPopFront, opPopBack:
		pop := l.PopFront
		if in.kind == opPopBack {
			pop = l.PopBack
		}
		if popped, err = pop(); err == nil {
			out = output{values: []string{string(popped[:1])}, found: true}
		}
	case opLen:
		n, err = l.Len()
		number(n)
	case opAdd:
		var r perdure.Reply
		r, err = s.Do(context.Background(), "ZADD", in.keys[0], "CH", in.score, m)
		changed, _ := r.Int()
		out.found = changed == 1
	case opIncrBy:
		var f float64
		f, err = z.IncrBy(m, float64(in.score))
		number(int(f))
	case opScore:
		var f float64
		f, err = z.Score(m)
		number(int(f))
		out.found = err == nil
	case opRank:
		n, err = z.Rank(m)
		number(max(n, 0))
		out.found = err == nil
	case opCard:
		n, err = z.Len()
		number(n)
	case opPopMin:
		var least perdure.Member
		if least, err = z.PopMin(); err == nil {
			out = output{values: []string{least.Name[:1], strconv.Itoa(int(least.Score))}, found: true}
		}
	case opRead:
		out.values, err = in.read(s)
	}
	if errors.Is(err, perdure.ErrNotFound) {
		err = nil
	}
	return out, err
}

// read returns all elements of a list, or all members of a sorted set with their scores.
func (in input) read(s *perdure.Store) (all []string, err error) {
	if in.keys[0][0] == 'l' {
		elements, err := s.ListAt(in.keys[0]).Range(0, -1)
		for _, e := range elements {
			all = append(all, string(e[:1]))
		}
		return all, err
	}
	members, err := s.SortedSetAt(in.keys[0]).Range(0, -1)
	for _, m := range members {
		all = append(all, m.Name[:1], strconv.Itoa(int(m.Score)))
	}
	return all, err
}
