package campaign

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/perduredb/perdure"
)

// smallTree is the size in bytes above which collections have trees in the modes with trees. It is
// so low that short scripts convert collections.
const smallTree = 48

// doer executes commands: a store's database or a transaction.
type doer interface {
	Do(ctx context.Context, args ...any) (perdure.Reply, error)
}

// execute runs a command. A command that replies with an error has changed nothing, and the model
// knows.
func execute(t doer, args []string) error {
	_, err := t.Do(context.Background(), words(args)...)
	if refused := new(perdure.ReplyError); errors.As(err, &refused) {
		return nil
	}
	return err
}

// words returns the arguments of Do.
func words(args []string) []any {
	all := make([]any, len(args))
	for i, arg := range args {
		all[i] = arg
	}
	return all
}

// A vocabulary is a number of keys of each type, and of short members. A small one makes commands
// meet, and a large one makes collections grow.
type vocabulary struct {
	keys, members int
}

// few is the vocabulary of short scripts and programs.
var few = vocabulary{2, 12}

// command returns a command on collections that the model can execute.
func (v vocabulary) command(rng *rand.Rand) []string {
	kind := "hslz"[rng.IntN(4)]
	first := rng.IntN(v.keys)
	k, other := fmt.Sprintf("%c%d", kind, first), fmt.Sprintf("%c%d", kind, (first+1)%v.keys)
	if rng.IntN(10) == 0 {
		return [][]string{{"RENAME", k, other}, {"COPY", k, other, "REPLACE"}}[rng.IntN(2)]
	}
	m := func() string { return v.member(rng) }
	n := func() string { return fmt.Sprint(rng.IntN(6)) }
	common := fmt.Sprint("m", rng.IntN(3)) // often several times in a list
	many := func(name string) []string { return v.many(rng, name, k) }
	list := [][]string{
		{"HSET", k, m(), m(), m(), m()}, many("HSET"), {"HDEL", k, m(), m()}, {"HINCRBY", k, "n" + n(), n()}, {"HINCRBY", k, m(), n()},
		{"SADD", k, m(), m()}, many("SADD"), {"SREM", k, m(), m()}, {"SMOVE", k, other, m()}, {"SPOP", k},
		{"RPUSH", k, common, m(), common}, many("RPUSH"), {"LPUSH", k, m(), m()}, {"LPOP", k, n()}, {"RPOP", k, "1"},
		{"LSET", k, n(), m()}, {"LINSERT", k, "BEFORE", m(), m()}, {"LREM", k, "1", common}, {"LTRIM", k, "1", "-1"}, {"RPOPLPUSH", k, other},
		{"ZADD", k, n(), m(), n(), m()}, many("ZADD"), {"ZINCRBY", k, "1.5", m()}, {"ZREM", k, m()}, {"ZPOPMIN", k, n()},
	}
	from := map[byte]int{'h': 0, 's': 5, 'l': 10, 'z': 20}[kind]
	return list[from+rng.IntN(pick(kind == 'l', 10, 5))]
}

// deterministic is command for a command whose effect is not random.
func (v vocabulary) deterministic(rng *rand.Rand) []string {
	for {
		if args := v.command(rng); args[0] != "SPOP" {
			return args
		}
	}
}

// member returns a member, which may be equal to another one. Some are integers near the limit of
// an encoding, and some are too long for a page of a tree, which then refers to them.
func (v vocabulary) member(rng *rand.Rand) string {
	switch rng.IntN(12) {
	case 0:
		n := int64(1)<<[]int{7, 12, 15, 23, 31, 62}[rng.IntN(6)] + rng.Int64N(3) - 1
		return fmt.Sprint(pick(rng.IntN(2) == 0, n, -n))
	case 1:
		return strings.Repeat(string(rune('a'+rng.IntN(26))), 100+rng.IntN(600))
	}
	return fmt.Sprint("m", rng.IntN(v.members))
}

// many returns a command with so many elements that a page of a tree splits.
func (v vocabulary) many(rng *rand.Rand, name, key string) []string {
	args := []string{name, key}
	for range 16 {
		if name == "ZADD" {
			args = append(args, fmt.Sprint(rng.IntN(4)))
		}
		args = append(args, fmt.Sprint("m", rng.IntN(v.members), strings.Repeat(string(rune('a'+rng.IntN(26))), 90)))
		if name == "HSET" {
			args = append(args, fmt.Sprint(rng.IntN(16)))
		}
	}
	return args
}

// settle changes the state to the effect that a random command had on a store. SPOP must have
// removed one member.
func (o op) settle(s *perdure.Store, after state) error {
	if o.kind != opCommand || o.args[0] != "SPOP" {
		return nil
	}
	c := after.collection("set", o.name())
	if c == nil {
		return nil
	}
	reply, err := s.DB(o.db).Do(context.Background(), "SMEMBERS", o.key)
	if err != nil {
		return fmt.Errorf("SMEMBERS after SPOP = %w, want nil", err)
	}
	left := &collection{kind: "set", fields: map[string]string{}}
	for _, e := range reply.All() {
		m, _ := e.Text()
		if _, there := c.fields[m]; !there {
			return fmt.Errorf("SPOP left %q, want a member from before", m)
		}
		left.fields[m] = ""
	}
	if removed := c.len() - left.len(); removed > 1 {
		return fmt.Errorf("SPOP removed %d members, want 1", removed)
	}
	after.put(o.name(), left)
	return nil
}

// clipped returns the op with values and arguments of at most n bytes.
func (o op) clipped(n int) op {
	o.value = o.value[:min(n, len(o.value))]
	o.args = append([]string(nil), o.args...)
	for i, arg := range o.args {
		o.args[i] = arg[:min(n, len(arg))]
	}
	inner := o.inner
	o.inner = nil
	for _, in := range inner {
		o.inner = append(o.inner, in.clipped(n))
	}
	return o
}
