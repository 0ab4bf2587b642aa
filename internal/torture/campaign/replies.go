package campaign

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/internal/redistest"
)

// unordered lists the commands whose replies have no order.
var unordered = []string{"HGETALL", "SMEMBERS", "SUNION", "SDIFF"}

// compared returns a command on collections whose replies can be compared: neither its effect nor
// its reply is random. Some are beyond the model.
func (v vocabulary) compared(rng *rand.Rand) []string {
	args := v.deterministic(rng)
	if rng.IntN(2) == 0 {
		m, n := v.member(rng), fmt.Sprint(rng.IntN(12)-6)
		k := fmt.Sprint(rng.IntN(v.keys))
		h, s, l, z := "h"+k, "s"+k, "l"+k, "z"+k
		list := [][]string{
			{"HGETALL", h}, {"HGET", h, m}, {"HLEN", h}, {"HSETNX", h, m, n}, {"HINCRBYFLOAT", h, "f" + n, "0.5"},
			{"SMEMBERS", s}, {"SISMEMBER", s, m}, {"SCARD", s}, {"SUNION", "s0", "s1"}, {"SDIFF", "s0", "s1"}, {"SINTERSTORE", s, "s1", "s0"},
			{"LRANGE", l, "0", "-1"}, {"LINDEX", l, n}, {"LLEN", l}, {"LPOS", l, m}, {"LREM", l, n, m}, {"LTRIM", l, "0", n}, {"LINSERT", l, "AFTER", m, n}, {"LMOVE", "l0", "l1", "RIGHT", "LEFT"},
			{"ZRANGE", z, "0", "-1", "WITHSCORES"}, {"ZSCORE", z, m}, {"ZRANK", z, m}, {"ZCARD", z}, {"ZADD", z, "GT", "CH", n, m}, {"ZRANGEBYSCORE", z, "(1", "3"},
			{"ZREMRANGEBYRANK", z, "-3", "-2"}, {"ZPOPMAX", z}, {"ZRANGESTORE", z, "z0", "0", "5"}, {"ZUNIONSTORE", z, "2", "z0", "z1"}, {"ZCOUNT", z, "1", "inf"},
		}
		args = list[rng.IntN(len(list))]
	}
	return args
}

// execute runs a command on a store, and returns the reply in the form of serverReply.
func (c redisCommand) execute(s *perdure.Store) string {
	reply, err := s.Do(context.Background(), words(c.args)...)
	if refused := new(perdure.ReplyError); errors.As(err, &refused) {
		return "-" + refused.Text
	}
	if err != nil {
		return err.Error()
	}
	return joined(c.args[0], storeReply(reply))
}

// storeReply returns a reply as texts. A nested reply becomes flat.
func storeReply(r perdure.Reply) (all []string) {
	switch r.Kind() {
	case perdure.ReplyInteger:
		n, _ := r.Int()
		return []string{strconv.FormatInt(n, 10)}
	case perdure.ReplyDouble:
		f, _ := r.Float()
		return []string{formatScore(f)}
	}
	if text, err := r.Text(); err == nil {
		return []string{text}
	}
	for k, v := range r.Pairs() {
		if r.Kind() == perdure.ReplyMap {
			all = append(append(all, storeReply(k)...), storeReply(v)...)
		}
	}
	for _, e := range r.All() {
		if r.Kind() != perdure.ReplyMap {
			all = append(all, storeReply(e)...)
		}
	}
	return all
}

// serverReply runs a command on a server, and returns its reply as one text.
func (c redisCommand) serverReply(server *redistest.Server) string {
	r := server.Do(c.args...)
	if c.do != nil || r.Err {
		return r.Text
	}
	return joined(c.args[0], serverTexts(r))
}

// serverTexts returns a reply of a server in the form of storeReply.
func serverTexts(r redistest.Reply) (all []string) {
	switch {
	case r.Elements != nil:
		for _, e := range r.Elements {
			all = append(all, e.Text)
		}
	case !r.Null && r.Text != "":
		all = []string{strings.TrimLeft(r.Text, ":+")}
	}
	return all
}

// joined returns the texts of a reply as one.
func joined(name string, all []string) string {
	if slices.Contains(unordered, name) {
		slices.Sort(all)
	}
	return strings.Join(all, " ")
}

// serverValue returns the value at a key of a server in the form of a cell.
func serverValue(server *redistest.Server, key string) string {
	if server.Must("TYPE", key).Text == "+string" {
		return server.Must("GET", key).Text
	}
	return readCollection(key, func(args ...string) []string { return serverTexts(server.Must(args...)) })
}

// storeCollection returns the collection at a key of a store in the form of a cell, or "" if the
// key does not exist. It reads it by commands, and so from its newest trees.
func storeCollection(s *perdure.Store, key string) (text string, err error) {
	text = readCollection(key, func(args ...string) []string {
		reply, failed := s.Do(context.Background(), words(args)...)
		err = firstError(err, failed)
		return storeReply(reply)
	})
	return text, err
}

// readCollection returns the collection at a key in the form of a cell, or "" if the key does not
// exist.
func readCollection(key string, read func(args ...string) []string) string {
	c := &collection{kind: strings.Join(read("TYPE", key), ""), fields: map[string]string{}}
	switch c.kind {
	case "none":
		return ""
	case "list":
		c.list = read("LRANGE", key, "0", "-1")
	case "set":
		for _, m := range read("SMEMBERS", key) {
			c.fields[m] = ""
		}
	case "hash":
		for pair := range slices.Chunk(read("HGETALL", key), 2) {
			c.fields[pair[0]] = pair[1]
		}
	case "zset":
		for pair := range slices.Chunk(read("ZRANGE", key, "0", "-1", "WITHSCORES"), 2) {
			f, _ := strconv.ParseFloat(pair[1], 64)
			c.fields[pair[0]] = formatScore(f)
		}
	}
	return c.text()
}
