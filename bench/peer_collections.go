package main

import (
	"strconv"
	"sync"

	"github.com/perduredb/perdure"
	"github.com/tidwall/btree"
)

// On implements collections.
func (p perdurePeer) On(command string) func(m string, v []byte, score float64) error {
	h, s, z, l := p.HashAt("hash"), p.SetAt("set"), p.SortedSetAt("sorted set"), p.ListAt("list")
	switch command {
	case "HSET":
		return func(m string, v []byte, _ float64) error { _, err := h.Set(m, v); return err }
	case "HGET":
		return func(m string, _ []byte, _ float64) error { _, err := h.Get(m); return err }
	case "SADD":
		return func(m string, _ []byte, _ float64) error { _, err := s.Add(m); return err }
	case "ZADD":
		return func(m string, _ []byte, score float64) error { _, err := z.Add(m, score); return err }
	case "ZRANK":
		return func(m string, _ []byte, _ float64) error { _, err := z.Rank(m); return err }
	case "RPUSH":
		return func(_ string, v []byte, _ float64) error { _, err := l.PushBack(v); return err }
	case "LPUSH":
		return func(_ string, v []byte, _ float64) error { _, err := l.PushFront(v); return err }
	case "LPOP":
		return func(string, []byte, float64) error {
			_, err := l.PopFront()
			if err == perdure.ErrNotFound {
				err = errMissing
			}
			return err
		}
	}
	return nil
}

// Small implements collections.
func (p perdurePeer) Small(kind, key string, number int) error {
	var err error
	switch kind {
	case "hash":
		var pairs [5]perdure.Pair
		for i := range pairs {
			pairs[i] = perdure.Pair{Key: smallField(i), Value: elementValue(5*number + i)}
		}
		_, err = p.HashAt(key).MSet(pairs[:]...)
	case "set":
		var members [5]string
		for i := range members {
			members[i] = string(elementValue(5*number + i))
		}
		_, err = p.SetAt(key).Add(members[:]...)
	case "sorted set":
		var members [5]perdure.Member
		for i := range members {
			members[i] = perdure.Member{Name: string(elementValue(5*number + i)), Score: float64(100 * i)}
		}
		_, err = p.SortedSetAt(key).AddMany(members[:]...)
	}
	return err
}

// On implements collections; it is for Pipeline's peers.
func (p redisPipePeer) On(command string) func(string, []byte, float64) error {
	return (&redisPipe{p.c.Pipeline()}).On(command)
}

// Small implements collections.
func (p redisPipePeer) Small(string, string, int) error { return errUnsupported }

// On implements collections.
func (r *redisPipe) On(command string) func(m string, v []byte, score float64) error {
	send := func(args ...any) error {
		r.p.Do(background, args...)
		return r.sent(64)
	}
	switch command {
	case "HSET":
		return func(m string, v []byte, _ float64) error { return send(command, "hash", m, v) }
	case "HGET":
		return func(m string, _ []byte, _ float64) error { return send(command, "hash", m) }
	case "SADD":
		return func(m string, _ []byte, _ float64) error { return send(command, "set", m) }
	case "ZADD":
		return func(m string, _ []byte, score float64) error { return send(command, "sorted set", score, m) }
	case "ZRANK":
		return func(m string, _ []byte, _ float64) error { return send(command, "sorted set", m) }
	case "RPUSH", "LPUSH":
		return func(_ string, v []byte, _ float64) error { return send(command, "list", v) }
	case "LPOP":
		return func(string, []byte, float64) error { return send(command, "list") }
	}
	return nil
}

// Small implements collections.
func (r *redisPipe) Small(kind, key string, number int) error {
	args := []any{"", key}
	for i := range 5 {
		v := elementValue(5*number + i)
		switch kind {
		case "hash":
			args[0] = "HSET"
			args = append(args, smallField(i), v)
		case "set":
			args[0] = "SADD"
			args = append(args, v)
		case "sorted set":
			args[0] = "ZADD"
			args = append(args, strconv.Itoa(100*i), v)
		}
	}
	r.p.Do(background, args...)
	return r.sent(64)
}

// btreePeer is the sorted set that a Go program could build: a map of scores and a B-tree of scores
// and members, under one lock.
type btreePeer struct {
	peer
	mu     sync.Mutex
	scores map[string]float64
	order  *btree.BTreeG[scored]
}

type scored struct {
	score  float64
	member string
}

func openBtree(dir, mode string, keys int) (peer, error) {
	p, err := openRWMap(dir, mode, keys)
	less := func(a, b scored) bool {
		return a.score < b.score || a.score == b.score && a.member < b.member
	}
	return &btreePeer{peer: p, scores: map[string]float64{}, order: btree.NewBTreeGOptions(less, btree.Options{NoLocks: true})}, err
}

// On implements collections.
func (p *btreePeer) On(command string) func(m string, v []byte, score float64) error {
	if command != "ZADD" {
		return nil
	}
	return func(m string, _ []byte, score float64) error {
		p.mu.Lock()
		defer p.mu.Unlock()
		if old, ok := p.scores[m]; ok {
			p.order.Delete(scored{old, m})
		}
		p.scores[m] = score
		p.order.Set(scored{score, m})
		return nil
	}
}

// Small implements collections.
func (p *btreePeer) Small(string, string, int) error { return errUnsupported }
