package valkey_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/internal/redistest"
)

// TestRandomCallsAgree makes random calls on a Store and on a server, and compares the
// results and the sentinels of the errors.
func TestRandomCallsAgree(t *testing.T) {
	server := open(t, "unix://"+redistest.Start(t, "").Socket)
	s, err := perdure.New()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for seed := range uint64(20) {
		if err := errors.Join(server.FlushDB(), s.FlushDB()); err != nil {
			t.Fatal(err)
		}
		restoreList(t, s)
		pushList(t, server)
		r := rand.New(rand.NewPCG(seed, 1))
		var log []string
		for range 500 {
			c := randomCall(r)
			log = append(log, c.name)
			want, wantErr := c.do(s)
			got, gotErr := c.do(server)
			if diff := cmp.Diff(want, got, sameBytes); diff != "" || sentinel(wantErr) != sentinel(gotErr) {
				t.Fatalf("seed %d: %q\nStore: %v, server: %v\n-Store +server\n%s", seed, log[max(0, len(log)-10):], wantErr, gotErr, diff)
			}
		}
	}
}

// sentinel returns the sentinel that an error matches, or the error.
func sentinel(err error) error {
	for _, s := range []error{perdure.ErrNotFound, perdure.ErrWrongType, perdure.ErrNotInteger, perdure.ErrOverflow, perdure.ErrTTL} {
		if errors.Is(err, s) {
			return s
		}
	}
	return err
}

// randomCall returns a call with random arguments on a few keys. Only Set has invalid options: a
// Store reports those of the other calls only if it would store the value.
func randomCall(r *rand.Rand) step {
	key := []string{"a", "b", "c", "list"}[r.IntN(4)]
	value := []string{"", "0", "-7", "007", "9223372036854775807", "-9223372036854775808", "text", "\x00\xff"}[r.IntN(8)]
	other := []string{"", "0", "1", "-7", "text"}[r.IntN(5)]
	n := []int64{0, 1, -1, 7, math.MaxInt64, math.MinInt64, -math.MaxInt64}[r.IntN(7)]
	d := []time.Duration{-time.Hour, 0, 1, time.Hour, 30 * time.Hour}[r.IntN(5)]
	if d == 1 {
		d = 100 * time.Hour // a shorter one would end during the test
	}
	opts := randomOptions(r, d)
	valid := []perdure.SetOption{perdure.KeepTTL(), perdure.TTL(time.Hour), perdure.ExpireAt(time.Now().Add(d - time.Second))}[r.IntN(3):][:1]
	calls := []step{
		{name: "Get", do: get(key)},
		{name: "Set", do: set(key, []byte(value), opts...)},
		{name: "SetIfAbsent", do: setIfAbsent(key, value, valid...)},
		{name: "Swap", do: swap(key, value, valid...)},
		{name: "CompareAndSwap", do: compareAndSwap(key, other, value, valid...)},
		{name: "Append", do: func(kv perdure.KV) (any, error) { return kv.Append("{t}"+key, []byte(other)) }},
		{name: "Incr", do: func(kv perdure.KV) (any, error) { return kv.Incr("{t}" + key) }},
		{name: "Decr", do: func(kv perdure.KV) (any, error) { return kv.Decr("{t}" + key) }},
		{name: "IncrBy", do: incrBy(key, n)},
		{name: "DecrBy", do: decrBy(key, n)},
		{name: "MGet", do: func(kv perdure.KV) (any, error) { return kv.MGet("{t}a", "{t}"+key, "{t}list") }},
		{name: "MSet", do: func(kv perdure.KV) (any, error) {
			return nil, kv.MSet(perdure.Pair{Key: "{t}" + key, Value: []byte(value)}, perdure.Pair{Key: "{t}a", Value: []byte(other)})
		}},
		{name: "Delete", do: remove("{t}"+key, "{t}b")},
		{name: "Exists", do: exists("{t}"+key, "{t}b", "{t}list")},
		{name: "Expire", do: expire(key, d)},
		{name: "ExpireAt", do: expireAt(key, time.Now().Add(d-time.Second))},
		{name: "Persist", do: persist(key)},
		{name: "TTL", do: left(key)},
		{name: "Type", do: typeOf(key)},
	}
	c := calls[r.IntN(len(calls))]
	c.name = fmt.Sprintf("%s %s value %q other %q n %d d %v options %d", c.name, key, value, other, n, d, len(opts))
	return c
}

// randomOptions returns up to two options.
func randomOptions(r *rand.Rand, d time.Duration) (opts []perdure.SetOption) {
	for range []int{0, 0, 1, 1, 2}[r.IntN(5)] {
		opts = append(opts, []perdure.SetOption{
			perdure.TTL(d), perdure.ExpireAt(time.Now().Add(d - time.Second)), perdure.ExpireAt(time.Time{}), perdure.KeepTTL(),
		}[r.IntN(4)])
	}
	return opts
}
