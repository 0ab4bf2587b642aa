package integration_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/internal/engine"
	"github.com/perduredb/perdure/internal/storefs"
)

// rolledBack are commands of every kind that write. %s is the key of a string, %v a short value,
// %n a small number, and %m a member of a collection.
var rolledBack = []string{
	"SET %s %v", "SET %s %v PX 100000", "SET %s %n", "SETNX %s %v", "SETEX %s 100 %v", "GETSET %s %v", "GETDEL %s", "GETEX %s PX 100000", "GETEX %s PERSIST", "APPEND %s %v",
	"SETRANGE %s %n %v", "MSET %s %v %s %v", "MSET %s %n %s %v %s %v", "MSETNX %s %v %s %v", "INCR %s", "DECRBY %s %n", "INCRBYFLOAT %s 0.5", "SETBIT %s %n 1", "SETBIT %s %n 0",
	"BITFIELD %s SET u8 %n 200 INCRBY i5 #1 1", "BITOP XOR %s %s %s", "EXPIRE %s 100", "PEXPIREAT %s 4102444800000", "PEXPIRE %s -1", "PERSIST %s", "DEL %s %s", "UNLINK %s", "RENAME %s %s",
	"RENAMENX %s %s", "COPY %s %s REPLACE", "MOVE %s 1", "COPY %s %s DB 1 REPLACE", "EXPIRE h 100", "PERSIST h", "DEL h", "RENAME h %s", "RENAME s %s", "COPY z %s REPLACE", "MOVE l 1",
	"HSET h %m %v", "HSET h %m %v %m %v", "HMSET h %m %v", "HSETNX h %m %v", "HDEL h %m %m", "HINCRBY h n 1", "HINCRBYFLOAT h f 0.5", "SADD s %m %m", "SADD i %n %n", "SADD i %m", "SREM s %m", "SREM i %n",
	"SPOP s", "SPOP i 2", "SMOVE s i %m", "SUNIONSTORE s s i", "SINTERSTORE %s s s", "SDIFFSTORE i s i", "RPUSH l %m %m", "LPUSH l %m", "RPUSHX l %v", "LPUSHX %s %v", "LPOP l", "RPOP l 2", "LSET l 0 %v",
	"LINSERT l AFTER %m %v", "LREM l 0 %m", "LTRIM l 1 -2", "LMOVE l k LEFT RIGHT", "RPOPLPUSH k l", "LMPOP 2 k l LEFT COUNT 2", "BLPOP k l 0", "BRPOP l k 0", "BLMOVE k l LEFT LEFT 0",
	"BLMPOP 0 2 k l LEFT", "ZADD z %n %m", "ZADD z XX CH %n %m %n %m", "ZADD z INCR 1 %m", "ZINCRBY z %n %m", "ZREM z %m %m", "ZREMRANGEBYRANK z 0 1", "ZREMRANGEBYSCORE z 1 5", "ZPOPMIN z", "ZPOPMAX z 2",
	"ZMPOP 1 z MIN COUNT 2", "BZMPOP 0 1 z MAX", "BZPOPMIN z 0", "BZPOPMAX z 0", "ZRANGESTORE y z 0 9", "ZUNIONSTORE z 2 z s", "ZINTERSTORE y 2 z s", "ZDIFFSTORE z 2 z y",
}

// rolledBackCommand returns a random command.
func rolledBackCommand(rng *rand.Rand) (args []any) {
	for _, w := range strings.Fields(rolledBack[rng.IntN(len(rolledBack))]) {
		switch w {
		case "%s":
			w = fmt.Sprint("string", rng.IntN(4))
		case "%v":
			w = fmt.Sprint("value:", 10+rng.IntN(90)) + strings.Repeat("v", rng.IntN(2)*rng.IntN(200))
		case "%n":
			w = fmt.Sprint(rng.IntN(40))
		case "%m":
			w = fmt.Sprint("member:", rng.IntN(30)) + strings.Repeat("m", rng.IntN(2)*60)
		}
		args = append(args, w)
	}
	return args
}

// TestRollbackOfEveryCommand executes commands in transactions that fail, and compares all bytes of
// all entries before and after. Other transactions, which succeed, change the entries, and the log
// must have their effect.
func TestRollbackOfEveryCommand(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	failed := errors.New("failed")
	for _, small := range []int{1, 400} {
		dir := t.TempDir()
		opts := func() []perdure.Option { return append(logOnly(), storefs.SmallCollections(small)) }
		s, rng := open(t, dir, opts()...), rand.New(rand.NewPCG(seed, uint64(small)))
		for range 1500 {
			before, result := entriesOf(t, s), failed
			if rng.IntN(3) == 0 {
				result = nil
			}
			var commands []string
			err := s.Update(func(tx *perdure.Tx) error {
				for range 1 + rng.IntN(4) {
					args := rolledBackCommand(rng)
					commands = append(commands, fmt.Sprintf("%.80q", args))
					_, err := tx.Do(t.Context(), args...)
					if refused := new(perdure.ReplyError); err != nil && !errors.As(err, &refused) {
						t.Errorf("%.80q = %v, want nil or a reply", args, err)
					}
				}
				return result
			})
			if err != result {
				t.Fatalf("Update = %v, want %v", err, result)
			}
			if result == nil {
				continue
			}
			if diff := cmp.Diff(before, entriesOf(t, s)); diff != "" {
				t.Fatalf("entries after the rollback of %q differ (-want +got):\n%.1000s", commands, diff)
			}
		}
		ok(t, engine.Of(s).CheckTable())
		want := entriesOf(t, s)
		ok(t, s.Close())
		if diff := cmp.Diff(want, entriesOf(t, open(t, dir, opts()...))); diff != "" {
			t.Fatalf("entries after Open differ (-want +got):\n%.1000s", diff)
		}
	}
}

// entriesOf returns all entries of a store: the type, the expiry, and the bytes of each.
func entriesOf(t *testing.T, s *perdure.Store) map[string]string {
	t.Helper()
	snap, err := s.Snapshot()
	ok(t, err)
	defer snap.Close()
	all := map[string]string{}
	for e, err := range snap.All(context.Background()) {
		ok(t, err)
		all[fmt.Sprintf("%d/%s", e.DB, e.Key)] = fmt.Sprint(e.Type, " ", e.ExpireAtMs, " ", string(e.AppendPayload(nil)))
	}
	return all
}
