package valkey_test

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perduredb/perdure"
)

// A step is a call of the conformance table. Each table runs on an empty KV that holds a list at
// {t}list. All keys have the hash tag {t}, so that a cluster stores them in one slot.
type step struct {
	name string
	do   func(kv perdure.KV) (any, error)
	want any
	err  error // the error matches it
}

// conform runs every table.
func conform(t *testing.T, kv perdure.KV, fill func(t *testing.T)) {
	for name, steps := range map[string][]step{
		"strings": stringSteps, "options": optionSteps, "counters": counterSteps, "keys": keySteps, "types": typeSteps, "limits": limitSteps,
	} {
		t.Run(name, func(t *testing.T) {
			if err := kv.FlushDB(); err != nil {
				t.Fatalf("FlushDB = %v, want nil", err)
			}
			fill(t)
			for i, s := range steps {
				got, err := s.do(kv)
				if !errors.Is(err, s.err) || s.err == nil && err != nil {
					t.Errorf("step %d: %s: error %v, want %v", i, s.name, err, s.err)
				}
				if err != nil && (!strings.HasPrefix(err.Error(), "perdure: ") || strings.Count(err.Error(), "perdure: ") != 1) {
					t.Errorf("step %d: %s: error %q, want the prefix once", i, s.name, err)
				}
				if err != nil && repeats(err.Error()) {
					t.Errorf("step %d: %s: error %q, want each part once", i, s.name, err)
				}
				if diff := cmp.Diff(s.want, got, sameBytes); diff != "" {
					t.Errorf("step %d: %s: -want +got\n%s", i, s.name, diff)
				}
			}
		})
	}
}

// repeats reports whether a part of an error between colons contains a later one.
func repeats(text string) bool {
	parts := strings.Split(text, ": ")
	for i, part := range parts {
		for _, later := range parts[i+1:] {
			if strings.Contains(part, later) {
				return true
			}
		}
	}
	return false
}

// sameBytes distinguishes nil from an empty value.
var sameBytes = cmp.Comparer(func(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) })

// pair is the two results of a call with three results.
type pair struct {
	Value   []byte
	Existed bool
}

var (
	none = []byte(nil)
	long = []byte(strings.Repeat("x", 1<<20))
	raw  = []byte("\x00\xff\r\n$5\r\n")
)

func get(key string) func(perdure.KV) (any, error) {
	return func(kv perdure.KV) (any, error) { return kv.Get("{t}" + key) }
}

func set(key string, value []byte, opts ...perdure.SetOption) func(perdure.KV) (any, error) {
	return func(kv perdure.KV) (any, error) { return nil, kv.Set("{t}"+key, value, opts...) }
}

func setIfAbsent(key, value string, opts ...perdure.SetOption) func(perdure.KV) (any, error) {
	return func(kv perdure.KV) (any, error) { return kv.SetIfAbsent("{t}"+key, []byte(value), opts...) }
}

func swap(key, value string, opts ...perdure.SetOption) func(perdure.KV) (any, error) {
	return func(kv perdure.KV) (any, error) {
		old, existed, err := kv.Swap("{t}"+key, []byte(value), opts...)
		return pair{old, existed}, err
	}
}

func compareAndSwap(key, old, value string, opts ...perdure.SetOption) func(perdure.KV) (any, error) {
	return func(kv perdure.KV) (any, error) {
		return kv.CompareAndSwap("{t}"+key, []byte(old), []byte(value), opts...)
	}
}

// left reports the time to live of a key, rounded up to whole minutes.
func left(key string) func(perdure.KV) (any, error) {
	return func(kv perdure.KV) (any, error) {
		d, err := kv.TTL("{t}" + key)
		if d > 0 {
			d = (d + time.Minute - 1).Truncate(time.Minute)
		}
		return d, err
	}
}

var stringSteps = []step{
	{"Get of nothing", get("a"), none, perdure.ErrNotFound},
	{"AppendGet of nothing", func(kv perdure.KV) (any, error) { return kv.AppendGet([]byte("x"), "{t}a") }, []byte("x"), perdure.ErrNotFound},
	{"Set", set("a", []byte("1")), nil, nil},
	{"Get", get("a"), []byte("1"), nil},
	{"AppendGet", func(kv perdure.KV) (any, error) { return kv.AppendGet([]byte("x"), "{t}a") }, []byte("x1"), nil},
	{"Set nil", set("a", nil), nil, nil},
	{"Get of empty", get("a"), []byte{}, nil},
	{"Set of bytes", set(string(raw), raw), nil, nil},
	{"Get of bytes", get(string(raw)), raw, nil},
	{"Set long", set("long", long), nil, nil},
	{"Get long", get("long"), long, nil},
	{"SetIfAbsent of present", setIfAbsent("a", "2"), false, nil},
	{"SetIfAbsent of absent", setIfAbsent("b", "2"), true, nil},
	{"Swap of absent", swap("c", "3"), pair{}, nil},
	{"Swap of present", swap("c", ""), pair{[]byte("3"), true}, nil},
	{"Swap of empty", swap("c", "4"), pair{[]byte{}, true}, nil},
	{"CompareAndSwap of absent", compareAndSwap("d", "", "1"), false, nil},
	{"CompareAndSwap of other", compareAndSwap("c", "3", "5"), false, nil},
	{"CompareAndSwap of same", compareAndSwap("c", "4", "5"), true, nil},
	{"Get after CompareAndSwap", get("c"), []byte("5"), nil},
	{"Append to absent", func(kv perdure.KV) (any, error) { return kv.Append("{t}e", []byte("ab")) }, 2, nil},
	{"Append", func(kv perdure.KV) (any, error) { return kv.Append("{t}e", []byte("cd")) }, 4, nil},
	{"MSet", func(kv perdure.KV) (any, error) {
		return nil, kv.MSet(perdure.Pair{Key: "{t}x", Value: []byte("1")}, perdure.Pair{Key: "{t}y"}, perdure.Pair{Key: "{t}x", Value: []byte("2")})
	}, nil, nil},
	{"MGet", func(kv perdure.KV) (any, error) { return kv.MGet("{t}x", "{t}none", "{t}y", "{t}list", "{t}x") },
		[][]byte{[]byte("2"), nil, {}, nil, []byte("2")}, nil},
	{"MSet of nothing", func(kv perdure.KV) (any, error) { return nil, kv.MSet() }, nil, nil},
	{"MGet of nothing", func(kv perdure.KV) (any, error) { return kv.MGet() }, [][]byte{}, nil},
}

var optionSteps = []step{
	{"Set with TTL", set("a", nil, perdure.TTL(time.Hour)), nil, nil},
	{"TTL", left("a"), time.Hour, nil},
	{"Set with KeepTTL", set("a", nil, perdure.KeepTTL()), nil, nil},
	{"TTL after KeepTTL", left("a"), time.Hour, nil},
	{"Swap removes expiry", swap("a", "1"), pair{[]byte{}, true}, nil},
	{"TTL without expiry", left("a"), perdure.NoExpiry, nil},
	{"CompareAndSwap with TTL", compareAndSwap("a", "1", "2", perdure.TTL(time.Minute)), true, nil},
	{"TTL after CompareAndSwap", left("a"), time.Minute, nil},
	{"CompareAndSwap with KeepTTL", compareAndSwap("a", "2", "3", perdure.KeepTTL()), true, nil},
	{"TTL after KeepTTL", left("a"), time.Minute, nil},
	{"CompareAndSwap removes expiry", compareAndSwap("a", "3", "4"), true, nil},
	{"TTL without expiry", left("a"), perdure.NoExpiry, nil},
	{"Set with ExpireAt", set("a", nil, perdure.ExpireAt(time.Now().Add(time.Hour))), nil, nil},
	{"TTL after ExpireAt", left("a"), time.Hour, nil},
	{"SetIfAbsent with TTL", setIfAbsent("b", "1", perdure.TTL(1)), true, nil},
	{"Swap with KeepTTL", swap("a", "5", perdure.KeepTTL()), pair{[]byte{}, true}, nil},
	{"TTL after Swap", left("a"), time.Hour, nil},
	{"Set with ExpireAt in the past", set("c", nil, perdure.ExpireAt(time.Unix(1, 0))), nil, nil},
	{"Get of expired", get("c"), none, perdure.ErrNotFound},
	{"Set with TTL 0", set("a", nil, perdure.TTL(0)), nil, perdure.ErrTTL},
	{"Set with ExpireAt before 1970", set("a", nil, perdure.ExpireAt(time.Time{})), nil, perdure.ErrTTL},
	{"Set with TTL and KeepTTL", set("a", nil, perdure.TTL(1), perdure.KeepTTL()), nil, perdure.ErrTTL},
	{"Set with TTL and ExpireAt", set("a", nil, perdure.TTL(1), perdure.ExpireAt(time.Now())), nil, perdure.ErrTTL},
	{"SetIfAbsent with TTL -1", setIfAbsent("d", "", perdure.TTL(-1)), false, perdure.ErrTTL},
	{"Swap with TTL -1", swap("a", "", perdure.TTL(-1)), pair{}, perdure.ErrTTL},
	{"CompareAndSwap with TTL -1", compareAndSwap("a", "5", "", perdure.TTL(-1)), false, perdure.ErrTTL},
	{"Set with two TTLs", set("a", nil, perdure.TTL(time.Second), perdure.TTL(time.Hour)), nil, nil},
	{"TTL after two TTLs", left("a"), time.Hour, nil},
	{"Set with longest TTL", set("a", nil, perdure.TTL(math.MaxInt64)), nil, nil},
}

func incrBy(key string, n int64) func(perdure.KV) (any, error) {
	return func(kv perdure.KV) (any, error) { return kv.IncrBy("{t}"+key, n) }
}

func decrBy(key string, n int64) func(perdure.KV) (any, error) {
	return func(kv perdure.KV) (any, error) { return kv.DecrBy("{t}"+key, n) }
}

var counterSteps = []step{
	{"Incr of absent", func(kv perdure.KV) (any, error) { return kv.Incr("{t}n") }, int64(1), nil},
	{"Decr", func(kv perdure.KV) (any, error) { return kv.Decr("{t}n") }, int64(0), nil},
	{"IncrBy", incrBy("n", 41), int64(41), nil},
	{"DecrBy", decrBy("n", -1), int64(42), nil},
	{"Get", get("n"), []byte("42"), nil},
	{"IncrBy to the maximum", incrBy("n", math.MaxInt64-42), int64(math.MaxInt64), nil},
	{"Incr of maximum", func(kv perdure.KV) (any, error) { return kv.Incr("{t}n") }, int64(0), perdure.ErrOverflow},
	{"DecrBy of minimum", decrBy("n", math.MinInt64), int64(0), perdure.ErrOverflow},
	{"DecrBy below minimum", decrBy("m", math.MaxInt64), int64(-math.MaxInt64), nil},
	{"DecrBy to minimum", decrBy("m", 1), int64(math.MinInt64), nil},
	{"Decr of minimum", func(kv perdure.KV) (any, error) { return kv.Decr("{t}m") }, int64(0), perdure.ErrOverflow},
	{"Set text", set("s", []byte("one")), nil, nil},
	{"Incr of text", func(kv perdure.KV) (any, error) { return kv.Incr("{t}s") }, int64(0), perdure.ErrNotInteger},
	{"Set plus sign", set("s", []byte("+1")), nil, nil},
	{"IncrBy of plus sign", incrBy("s", 1), int64(0), perdure.ErrNotInteger},
	{"Set large", set("s", []byte("9223372036854775808")), nil, nil},
	{"DecrBy of large", decrBy("s", 1), int64(0), perdure.ErrNotInteger},
	{"Set with TTL", set("t", []byte("1"), perdure.TTL(time.Hour)), nil, nil},
	{"Incr keeps expiry", func(kv perdure.KV) (any, error) { return kv.Incr("{t}t") }, int64(2), nil},
	{"TTL", left("t"), time.Hour, nil},
}

func exists(keys ...string) func(perdure.KV) (any, error) {
	return func(kv perdure.KV) (any, error) { return kv.Exists(keys...) }
}

func remove(keys ...string) func(perdure.KV) (any, error) {
	return func(kv perdure.KV) (any, error) { return kv.Delete(keys...) }
}

func expire(key string, d time.Duration) func(perdure.KV) (any, error) {
	return func(kv perdure.KV) (any, error) { return kv.Expire("{t}"+key, d) }
}

func expireAt(key string, at time.Time) func(perdure.KV) (any, error) {
	return func(kv perdure.KV) (any, error) { return kv.ExpireAt("{t}"+key, at) }
}

func persist(key string) func(perdure.KV) (any, error) {
	return func(kv perdure.KV) (any, error) { return kv.Persist("{t}" + key) }
}

var keySteps = []step{
	{"Set", set("a", nil), nil, nil},
	{"Set", set("b", nil), nil, nil},
	{"Exists", exists("{t}a", "{t}none", "{t}b", "{t}a"), 3, nil},
	{"Exists of nothing", exists(), 0, nil},
	{"Delete", remove("{t}a", "{t}none", "{t}a"), 1, nil},
	{"Delete of nothing", remove(), 0, nil},
	{"Delete of list", remove("{t}list"), 1, nil},
	{"TTL of absent", left("none"), time.Duration(0), perdure.ErrNotFound},
	{"TTL without expiry", left("b"), perdure.NoExpiry, nil},
	{"Persist without expiry", persist("b"), false, nil},
	{"Expire of absent", expire("none", time.Hour), false, nil},
	{"Expire", expire("b", time.Hour), true, nil},
	{"TTL", left("b"), time.Hour, nil},
	{"Persist", persist("b"), true, nil},
	{"Persist of absent", persist("none"), false, nil},
	{"TTL after Persist", left("b"), perdure.NoExpiry, nil},
	{"ExpireAt", expireAt("b", time.Now().Add(time.Minute)), true, nil},
	{"TTL after ExpireAt", left("b"), time.Minute, nil},
	{"ExpireAt far away", expireAt("b", time.Unix(1<<62, 0)), true, nil},
	{"Expire with longest time", expire("b", math.MaxInt64), true, nil},
	{"Expire with 0", expire("b", 0), true, nil},
	{"Get of expired", get("b"), none, perdure.ErrNotFound},
	{"Set", set("b", nil), nil, nil},
	{"Expire with shortest time", expire("b", math.MinInt64), true, nil},
	{"Get of expired", get("b"), none, perdure.ErrNotFound},
	{"Set", set("b", nil), nil, nil},
	{"ExpireAt in the past", expireAt("b", time.Time{}), true, nil},
	{"Exists of expired", exists("{t}b"), 0, nil},
	{"Set", set("b", nil), nil, nil},
	{"FlushDB", func(kv perdure.KV) (any, error) { return nil, kv.FlushDB() }, nil, nil},
	{"Exists after FlushDB", exists("{t}b"), 0, nil},
}

func typeOf(key string) func(perdure.KV) (any, error) {
	return func(kv perdure.KV) (any, error) { return kv.Type("{t}" + key) }
}

var typeSteps = []step{
	{"Type of absent", typeOf("none"), "", perdure.ErrNotFound},
	{"Set", set("a", nil), nil, nil},
	{"Type of string", typeOf("a"), "string", nil},
	{"Type of list", typeOf("list"), "list", nil},
	{"Get", get("list"), none, perdure.ErrWrongType},
	{"AppendGet", func(kv perdure.KV) (any, error) { return kv.AppendGet(nil, "{t}list") }, none, perdure.ErrWrongType},
	{"Swap", swap("list", "1"), pair{}, perdure.ErrWrongType},
	{"CompareAndSwap", compareAndSwap("list", "", ""), false, perdure.ErrWrongType},
	{"Append", func(kv perdure.KV) (any, error) { return kv.Append("{t}list", nil) }, 0, perdure.ErrWrongType},
	{"Incr", func(kv perdure.KV) (any, error) { return kv.Incr("{t}list") }, int64(0), perdure.ErrWrongType},
	{"DecrBy", decrBy("list", 1), int64(0), perdure.ErrWrongType},
	{"SetIfAbsent", setIfAbsent("list", ""), false, nil},
	{"Exists", exists("{t}list"), 1, nil},
	{"Expire", expire("list", time.Hour), true, nil},
	{"TTL", left("list"), time.Hour, nil},
	{"Set", set("list", []byte("1")), nil, nil},
	{"Type after Set", typeOf("list"), "string", nil},
}

// tooLarge is a value that the test never touches, so the operating system gives it no memory.
var tooLarge = make([]byte, 512<<20+1)

var limitSteps = []step{
	{"Set of too large value", set("a", tooLarge), nil, perdure.ErrTooLarge},
	{"Append of too large value", func(kv perdure.KV) (any, error) { return kv.Append("{t}a", tooLarge) }, 0, perdure.ErrTooLarge},
	{"Exists", exists("{t}a"), 0, nil},
}
