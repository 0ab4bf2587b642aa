package integration_test

import (
	"fmt"
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

// arguments are arguments after the key of a Small command. One is large, and some are incorrect.
var arguments = [][]any{
	{}, {"v"}, {"70000"}, {"-9223372036854775808"}, {strings.Repeat("x", op.LargeValue+1)},
	{"100000", "v"}, {"0", "v"}, {"100000", "GT"}, {"v", "GET"}, {"v", "KEEPTTL"},
	{"v", "EX", "100000"}, {"v", "NX", "GET"}, {"v", "PX", "x"},
}

// TestSmallCommandsAgree executes each Small command alone and in a transaction, which has room for
// large values. Replies, data, and logs must be equal.
func TestSmallCommandsAgree(t *testing.T) {
	alone := func(s *perdure.Store, words []any) (perdure.Reply, error) { return s.Do(t.Context(), words...) }
	inTransaction := func(s *perdure.Store, words []any) (r perdure.Reply, err error) {
		return r, s.Update(func(tx *perdure.Tx) error {
			r, err = tx.Do(t.Context(), words...)
			return err
		})
	}
	var executions [2]execution
	for i, do := range []func(*perdure.Store, []any) (perdure.Reply, error){alone, inTransaction} {
		synctest.Test(t, func(t *testing.T) { // both at the same time of day
			executions[i] = executeSmall(t, do)
		})
	}
	if len(executions[0].Results) < 400 {
		t.Errorf("%d commands, want at least 400", len(executions[0].Results))
	}
	if diff := cmp.Diff(executions[1], executions[0]); diff != "" {
		t.Errorf("alone differs (-in a transaction +alone):\n%.3000s", diff)
	}
}

// executeSmall executes every Small command on keys of all kinds.
func executeSmall(t *testing.T, do func(*perdure.Store, []any) (perdure.Reply, error)) (x execution) {
	t.Helper()
	dir := t.TempDir()
	s := open(t, dir, logOnly(aof.Checksums(false), aof.AutoRewrite(0, 0))...)
	large := make([]byte, op.LargeValue+64<<10)
	prepare := map[string]func(key string) error{
		"missing": func(string) error { return nil },
		"text":    func(k string) error { return s.Set(k, []byte("text")) },
		"number":  func(k string) error { return s.Set(k, []byte("5"), perdure.TTL(time.Minute)) },
		"large":   func(k string) error { return s.Set(k, large) },
		"list":    func(k string) error { _, err := s.ListAt(k).PushBack([]byte("e")); return err },
		"expired": func(k string) error { return s.Set(k, []byte("5"), perdure.TTL(time.Millisecond)) },
	}
	kinds := []string{"missing", "text", "number", "large", "list", "expired"}
	for _, c := range op.ForClients() {
		if c.Flags&op.Small == 0 {
			continue
		}
		for i, args := range arguments {
			if !op.Accepts(c.Arity, 2+len(args)) {
				continue
			}
			for _, kind := range kinds {
				key := fmt.Sprintf("%s:%d:%s", c.Name, i, kind)
				ok(t, prepare[kind](key))
				time.Sleep(2 * time.Millisecond)
				r, err := do(s, append([]any{c.Name, key}, args...))
				x.Results = append(x.Results, fmt.Sprintf("%s: %.200v %v", key, r, err))
				if kind == "large" {
					_, err = s.Delete(key)
					ok(t, err)
				}
			}
		}
	}
	x.Data = content(t, s)
	ok(t, s.Close())
	s = open(t, dir, logOnly(aof.AutoRewrite(0, 0))...)
	same(t, content(t, s), x.Data)
	log, _, _ := strings.Cut(logText(t, dir), "#") // without the closing marker
	x.Log = slices.DeleteFunc(strings.Split(log, "*"), func(c string) bool {
		return strings.Contains(c, ":expired") // active expiration may be first
	})
	return x
}
