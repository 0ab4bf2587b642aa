package integration_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/op"
)

// verbs are the methods that Store, DB, and Tx share.
type verbs interface {
	Get(key string) ([]byte, error)
	Exists(keys ...string) (int, error)
	TTL(key string) (time.Duration, error)
	Type(key string) (string, error)
	Set(key string, value []byte, opts ...perdure.SetOption) error
	SetIfAbsent(key string, value []byte, opts ...perdure.SetOption) (bool, error)
	Swap(key string, value []byte, opts ...perdure.SetOption) ([]byte, bool, error)
	CompareAndSwap(key string, old, value []byte, opts ...perdure.SetOption) (bool, error)
	Append(key string, suffix []byte) (int, error)
	Incr(key string) (int64, error)
	Decr(key string) (int64, error)
	IncrBy(key string, n int64) (int64, error)
	DecrBy(key string, n int64) (int64, error)
	Delete(keys ...string) (int, error)
	Expire(key string, d time.Duration) (bool, error)
	ExpireAt(key string, t time.Time) (bool, error)
	Persist(key string) (bool, error)
}

// An operation is a row of the table of operations: a call through the methods that Store, DB, and
// Tx share, and through a Batch, if a Batch has the operation.
type operation struct {
	code   op.Code
	name   string
	direct func(v verbs, key string) string
	batch  func(b *perdure.Batch, key string) func() string
}

// result returns the text that the test compares.
func result(r any, err error) string { return fmt.Sprintf("%v %v", r, err) }

func boolean(n int, err error) string { return result(n == 1, err) }

// plainly returns the row of an operation that has neither options nor a value.
func plainly[R any](code op.Code, name string, direct func(verbs, string) (R, error), batch func(*perdure.Batch, string) func() (R, error)) operation {
	o := operation{code, name, func(v verbs, key string) string { return result(direct(v, key)) }, nil}
	if batch != nil {
		o.batch = func(b *perdure.Batch, key string) func() string {
			read := batch(b, key)
			return func() string { return result(read()) }
		}
	}
	return o
}

// operationTable returns the table of all operations on one key, some of them with several
// arguments.
func operationTable() []operation {
	v, far := []byte("v"), time.Now().Add(time.Hour)
	table := []operation{
		plainly(op.Get, "Get", func(d verbs, k string) (string, error) { v, err := d.Get(k); return string(v), err },
			func(b *perdure.Batch, k string) func() (string, error) {
				h := b.Get(k)
				return func() (string, error) { v, err := h.Value(); return string(v), err }
			}),
		{op.Exists, "Exists", func(d verbs, k string) string { return boolean(d.Exists(k)) },
			func(b *perdure.Batch, k string) func() string {
				h := b.Exists(k)
				return func() string { return result(h.Bool()) }
			}},
		plainly(op.TTL, "TTL", func(d verbs, k string) (time.Duration, error) { return d.TTL(k) }, nil),
		plainly(op.Type, "Type", func(d verbs, k string) (string, error) { return d.Type(k) }, nil),
		{op.Swap, "Swap", func(d verbs, k string) string {
			old, existed, err := d.Swap(k, v)
			return result(string(old)+fmt.Sprint(existed), err)
		}, nil},
		plainly(op.CompareAndSwap, "CompareAndSwap", func(d verbs, k string) (bool, error) { return d.CompareAndSwap(k, []byte("5"), v) }, nil),
		plainly(op.Append, "Append", func(d verbs, k string) (int64, error) { n, err := d.Append(k, v); return int64(n), err },
			func(b *perdure.Batch, k string) func() (int64, error) { return b.Append(k, v).Int }),
		plainly(op.Incr, "Incr", verbs.Incr, func(b *perdure.Batch, k string) func() (int64, error) { return b.Incr(k).Int }),
		plainly(op.Decr, "Decr", verbs.Decr, func(b *perdure.Batch, k string) func() (int64, error) { return b.Decr(k).Int }),
		plainly(op.Persist, "Persist", verbs.Persist, func(b *perdure.Batch, k string) func() (bool, error) { return b.Persist(k).Bool }),
		{op.Delete, "Delete", func(d verbs, k string) string { return boolean(d.Delete(k)) },
			func(b *perdure.Batch, k string) func() string {
				h := b.Delete(k)
				return func() string { return result(h.Bool()) }
			}},
	}
	for _, n := range []int64{0, 7, -7, 1 << 62, -1 << 63} {
		table = append(table,
			plainly(op.IncrBy, fmt.Sprint("IncrBy ", n), func(d verbs, k string) (int64, error) { return d.IncrBy(k, n) },
				func(b *perdure.Batch, k string) func() (int64, error) { return b.IncrBy(k, n).Int }),
			plainly(op.DecrBy, fmt.Sprint("DecrBy ", n), func(d verbs, k string) (int64, error) { return d.DecrBy(k, n) },
				func(b *perdure.Batch, k string) func() (int64, error) { return b.DecrBy(k, n).Int }))
	}
	for _, d := range []time.Duration{time.Hour, 1, 0, -time.Second} {
		at := time.Now().Add(d)
		table = append(table,
			plainly(op.Expire, fmt.Sprint("Expire ", d), func(v verbs, k string) (bool, error) { return v.Expire(k, d) },
				func(b *perdure.Batch, k string) func() (bool, error) { return b.Expire(k, d).Bool }),
			plainly(op.ExpireAt, fmt.Sprint("ExpireAt ", d), func(v verbs, k string) (bool, error) { return v.ExpireAt(k, at) },
				func(b *perdure.Batch, k string) func() (bool, error) { return b.ExpireAt(k, at).Bool }))
	}
	for i, opts := range [][]perdure.SetOption{
		nil, {perdure.TTL(time.Hour)}, {perdure.TTL(-1)}, {perdure.ExpireAt(far)}, {perdure.KeepTTL()},
		{perdure.TTL(time.Hour), perdure.ExpireAt(far)}, {perdure.ExpireAt(time.Unix(-5, 0))}, {perdure.TTL(1), perdure.KeepTTL()},
	} {
		name := fmt.Sprint("with options ", i)
		table = append(table,
			operation{op.Set, "Set " + name, func(d verbs, k string) string { return result(nil, d.Set(k, v, opts...)) },
				func(b *perdure.Batch, k string) func() string {
					h := b.Set(k, v, opts...)
					return func() string { return result(nil, h.Err()) }
				}},
			plainly(op.SetIfAbsent, "SetIfAbsent "+name, func(d verbs, k string) (bool, error) { return d.SetIfAbsent(k, v, opts...) },
				func(b *perdure.Batch, k string) func() (bool, error) { return b.SetIfAbsent(k, v, opts...).Bool }))
	}
	return table
}

// ways are the ways to execute an operation on database 0. Each returns its result.
var ways = map[string]func(t *testing.T, s *perdure.Store, o operation, key string) string{
	"DB": func(_ *testing.T, s *perdure.Store, o operation, key string) string { return o.direct(s.DB(0), key) },
	"Durable": func(_ *testing.T, s *perdure.Store, o operation, key string) string {
		return o.direct(s.Durable(), key)
	},
	"Update": func(t *testing.T, s *perdure.Store, o operation, key string) (got string) {
		ok(t, s.Update(func(tx *perdure.Tx) error { got = o.direct(tx, key); return nil }))
		return got
	},
	"UpdateKeys": func(t *testing.T, s *perdure.Store, o operation, key string) (got string) {
		ok(t, s.UpdateKeys([]string{key}, func(tx *perdure.Tx) error { got = o.direct(tx, key); return nil }))
		return got
	},
	"Batch": func(t *testing.T, s *perdure.Store, o operation, key string) string {
		if o.batch == nil {
			return o.direct(s, key)
		}
		var b perdure.Batch
		read := o.batch(&b, key)
		ok(t, s.Run(&b))
		return read()
	},
}

// TestOperationsAgree executes each operation on keys of all kinds in each way. The results, the
// errors, the log, and the data that a replay of the log restores must be equal.
func TestOperationsAgree(t *testing.T) {
	covered := map[op.Code]bool{}
	for _, o := range operationTable() {
		covered[o.code] = true
	}
	if len(covered) != int(op.NumCodes) {
		t.Errorf("the table has %d operations, want all %d", len(covered), op.NumCodes)
	}
	var want execution
	synctest.Test(t, func(t *testing.T) {
		want = executeAll(t, func(_ *testing.T, s *perdure.Store, o operation, key string) string { return o.direct(s, key) })
	})
	for name, way := range ways {
		synctest.Test(t, func(t *testing.T) { // all at the same time of day
			if diff := cmp.Diff(want, executeAll(t, way)); diff != "" {
				t.Errorf("%s differs, want the results of Store:\n%s", name, diff)
			}
		})
	}
}

// An execution has the results and the log of a table of operations. Data is the data set that a
// replay of the log restores.
type execution struct {
	Results, Log []string
	Data         map[string]string
}

// readExpired matches the deletion of an expired key that was only read.
var readExpired = regexp.MustCompile(`DEL\r\n\$\d+\r\n(Get|Exists|TTL|Type):expired`)

// executeAll executes every operation on a missing key, strings with and without an expiry, and an
// expired key.
func executeAll(t *testing.T, way func(*testing.T, *perdure.Store, operation, string) string) (x execution) {
	t.Helper()
	dir := t.TempDir()
	s := open(t, dir, logOnly(aof.Checksums(false))...)
	prepare := map[string]func(key string) error{
		"missing": func(string) error { return nil },
		"text":    func(k string) error { return s.Set(k, []byte("text")) },
		"number":  func(k string) error { return s.Set(k, []byte("5")) },
		"most":    func(k string) error { return s.Set(k, []byte("9223372036854775807"), perdure.TTL(time.Minute)) },
		"expired": func(k string) error { return s.Set(k, []byte("5"), perdure.TTL(time.Millisecond)) },
	}
	for _, o := range operationTable() {
		for _, kind := range []string{"missing", "text", "number", "most", "expired"} {
			key := strings.ReplaceAll(o.name, " ", "_") + ":" + kind
			ok(t, prepare[kind](key))
			if kind == "expired" {
				time.Sleep(2 * time.Millisecond)
			}
			x.Results = append(x.Results, key+": "+way(t, s, o, key))
		}
	}
	x.Data = content(t, s)
	ok(t, s.Close())
	s = open(t, dir, logOnly()...)
	same(t, content(t, s), x.Data)
	log, _, _ := strings.Cut(logText(t, dir), "#") // without the closing marker
	x.Log = slices.DeleteFunc(strings.Split(log, "*"), func(c string) bool {
		return readExpired.MatchString(c) // a read may leave an expired key to active expiration
	})
	return x
}
