package clients_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// TestGoRedis uses go-redis with both versions of the protocol.
func TestGoRedis(t *testing.T) {
	address := serve(t)
	for _, protocol := range []int{2, 3} {
		c := redis.NewClient(&redis.Options{Addr: address, Password: password, DB: protocol, Protocol: protocol, ClientName: "test"})
		t.Cleanup(func() { c.Close() })
		ctx := t.Context()
		if err := c.Set(ctx, "k", "v", time.Hour).Err(); err != nil {
			t.Fatalf("Set = %v, want nil", err)
		}
		if v, err := c.Get(ctx, "k").Result(); err != nil || v != "v" {
			t.Errorf("Get = %q, %v, want v", v, err)
		}
		if _, err := c.Get(ctx, "missing").Result(); err != redis.Nil {
			t.Errorf("Get of a missing key = %v, want redis.Nil", err)
		}
		if ttl, err := c.TTL(ctx, "k").Result(); err != nil || ttl <= 59*time.Minute {
			t.Errorf("TTL = %v, %v, want about an hour", ttl, err)
		}
		cmds, err := c.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.Incr(ctx, "n")
			p.IncrBy(ctx, "n", 41)
			return nil
		})
		if err != nil || cmds[1].(*redis.IntCmd).Val() != 42 {
			t.Errorf("TxPipelined = %v, %v, want 42", cmds, err)
		}
		err = c.Watch(ctx, func(tx *redis.Tx) error {
			if err := c.Set(ctx, "k", "changed", 0).Err(); err != nil {
				return err
			}
			_, err := tx.TxPipelined(ctx, func(p redis.Pipeliner) error { return p.Set(ctx, "n", "0", 0).Err() })
			return err
		}, "k")
		if !errors.Is(err, redis.TxFailedErr) {
			t.Errorf("Watch of a changed key = %v, want TxFailedErr", err)
		}
		var keys []string
		for it := c.Scan(ctx, 0, "*", 10).Iterator(); it.Next(ctx); {
			keys = append(keys, it.Val())
		}
		slices.Sort(keys)
		if !slices.Equal(keys, []string{"k", "n"}) {
			t.Errorf("Scan = %q, want k and n", keys)
		}
		if values, err := c.MGet(ctx, "k", "missing").Result(); err != nil || values[0] != "changed" || values[1] != nil {
			t.Errorf("MGet = %q, %v, want a value and nil", values, err)
		}
		if settings, err := c.ConfigGet(ctx, "appendonly").Result(); err != nil || settings["appendonly"] != "no" {
			t.Errorf("ConfigGet = %q, %v, want no", settings, err)
		}
		if commands, err := c.Command(ctx).Result(); err != nil || commands["get"] == nil || commands["get"].Arity != 2 {
			t.Errorf("Command = %d commands, %v, want get with arity 2", len(commands), err)
		}
	}
}
