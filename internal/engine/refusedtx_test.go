package engine

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/perduredb/perdure/internal/op"
)

// transactionCommands are commands on a few collections. %m is a member, and %d a score.
var transactionCommands = []string{
	"HSET h %m %m", "HSET h %m 1 %m 2 %m 3", "HDEL h %m %m", "HINCRBY h n 1", "SADD s %m %m %m", "SADD t %m", "SREM s %m %m", "SMOVE s t %m", "SMOVE t s %m",
	"SUNIONSTORE u s t", "SINTERSTORE l s t", "RPUSH l %m %m", "LPUSH k %m", "LMOVE l k LEFT RIGHT", "RPOPLPUSH k l", "LTRIM l 1 -2", "LINSERT l BEFORE %m %m", "LREM k 0 %m",
	"ZADD z %d %m", "ZADD z %d %m %d %m", "ZINCRBY z %d %m", "ZMPOP 1 z MIN COUNT 2", "BZPOPMAX z y 0.001", "ZUNIONSTORE y 2 z s", "ZRANGESTORE u z 0 20", "ZREMRANGEBYRANK z 0 1",
	"COPY s c REPLACE", "COPY z c REPLACE", "RENAME c u", "DEL u", "SET c text", "SCARD u", "ZRANK z %m",
}

// transactionCommand returns a random command.
func transactionCommand(rng *rand.Rand) string {
	words := strings.Fields(transactionCommands[rng.IntN(len(transactionCommands))])
	for i, w := range words {
		switch w {
		case "%m":
			words[i] = fmt.Sprintf("member:%d%s", rng.IntN(80), strings.Repeat("x", rng.IntN(2)*80))
		case "%d":
			words[i] = fmt.Sprint(rng.IntN(40))
		}
	}
	return strings.Join(words, " ")
}

// TestTransactionsWithoutMemory refuses memory at some point of transactions that ignore errors. A
// transaction that succeeds must have the effect of its commands that were not refused, as in
// another store with all memory. Any other transaction must change nothing.
func TestTransactionsWithoutMemory(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for _, small := range []int{1, 300} {
		rng := rand.New(rand.NewPCG(seed, uint64(small)))
		s, want := newScarce(t, small), newScarce(t, small)
		refused, partial := 0, 0
		for range 1500 {
			var commands []string
			for range 1 + rng.IntN(6) {
				commands = append(commands, transactionCommand(rng))
			}
			h, err := s.e.Snapshot()
			if err != nil {
				t.Fatal(err)
			}
			accepted, ok := s.update(commands, int64(rng.IntN(6)*4096))
			h.Close()
			switch {
			case !ok:
				refused++
			case len(accepted) < len(commands):
				partial++
			}
			for _, c := range accepted {
				want.do(c)
			}
			if diff := cmp.Diff(want.contents(), s.contents()); diff != "" {
				t.Fatalf("contents after %q, of which %q were accepted, differ (-want +got):\n%.2000s", commands, accepted, diff)
			}
			if err := s.e.CheckTable(); err != nil {
				t.Fatalf("after %q, of which %q were accepted: %v", commands, accepted, err)
			}
		}
		if refused == 0 || partial == 0 {
			t.Errorf("%d transactions were refused, and %d in part, want some of both", refused, partial)
		}
	}
}

// update executes commands in a transaction with a number of bytes of memory, and ignores their
// errors. It returns the commands that were not refused, and reports whether the transaction
// succeeded. If it did not, no command was accepted.
func (s *scarce) update(commands []string, memory int64) (accepted []string, ok bool) {
	tx := new(Tx)
	s.left.Store(memory)
	err := s.e.Update(tx, 0, false, func() error {
		for _, c := range commands {
			reply, err := tx.Do(0, words(c))
			if err == nil && !strings.HasPrefix(string(reply), "-OOM") {
				accepted = append(accepted, c)
			}
		}
		return nil
	})
	s.left.Store(plenty)
	if err != nil {
		return nil, false
	}
	return accepted, true
}

// contents returns the contents of the collections of transactionCommands.
func (s *scarce) contents() map[string][]string {
	all := map[string][]string{}
	for _, key := range strings.Fields("h s t u l k z y c") {
		for _, q := range []string{"HGETALL", "SMEMBERS", "LRANGE %s 0 -1", "ZRANGE %s 0 -1 WITHSCORES"} {
			if !strings.Contains(q, "%") {
				q += " %s"
			}
			reply := s.do(fmt.Sprintf(q, key))
			if strings.HasPrefix(reply, "-WRONGTYPE") {
				continue
			}
			lines := strings.Split(reply, "\r\n")
			if !strings.HasPrefix(q, "LRANGE") {
				slices.Sort(lines)
			}
			all[key+" "+q] = lines
		}
	}
	return all
}

// TestTransactionReadsAfterRefusal refuses memory from some point of a command of a transaction on.
// A later command of the transaction must not read a tree that the refused one has left incomplete.
func TestTransactionReadsAfterRefusal(t *testing.T) {
	members := func(from int) (text string) {
		for i := from; i < from+300; i++ {
			text += fmt.Sprintf(" member:%d", i)
		}
		return text
	}
	s, refused := newScarce(t, 1), 0
	for round := range 60 {
		tx := new(Tx)
		err := s.e.Update(tx, 0, false, func() error {
			if _, err := tx.Do(0, words("SADD s"+members(1000*round))); err != nil {
				return err
			}
			before, err := tx.Do(0, words("SMEMBERS s"))
			if err != nil {
				return err
			}
			s.left.Store(int64(round % 10 * 4096))
			reply, _ := tx.Do(0, words("SADD s"+members(1000000+1000*round)))
			s.left.Store(plenty)
			if !strings.HasPrefix(string(reply), "-OOM") {
				return nil
			}
			refused++
			if after, err := tx.Do(0, words("SMEMBERS s")); err != op.ErrNoMemory && !bytes.Equal(after, before) {
				t.Errorf("SMEMBERS after a refusal = %.20q, %v, want %.20q or ErrNoMemory", after, err, before)
			}
			return nil
		})
		if err != nil && err != op.ErrNoMemory {
			t.Errorf("Update = %v, want nil or ErrNoMemory", err)
		}
		if err := s.e.CheckTable(); err != nil {
			t.Fatal(err)
		}
	}
	if refused == 0 {
		t.Error("no command was refused, want some")
	}
}
