package engine

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/perduredb/perdure/internal/op"
	"github.com/perduredb/perdure/internal/resp"
)

// walkStore is a store with large collections of every type.
type walkStore struct {
	t      *testing.T
	e      *Engine
	during func()       // called while a command walks, if it is set
	walks  atomic.Int64 // number of these times
}

func newWalkStore(t *testing.T) *walkStore {
	w := &walkStore{t: t}
	var err error
	w.e, err = Open(t.Context(), Options{Databases: 2, SmallCollection: 200, Walking: func() {
		w.walks.Add(1)
		if w.during != nil {
			w.during()
		}
	}})
	if err != nil {
		t.Fatalf("Open = %v, want nil", err)
	}
	t.Cleanup(func() {
		w.during = nil
		w.check()
		if n := w.e.table.Trees().Pins(); n != 0 {
			t.Errorf("%d pins at the end, want 0", n)
		}
		w.e.Close()
	})
	w.fill()
	return w
}

// fill sets large collections, which share some elements, and small values.
func (w *walkStore) fill() {
	w.do("FLUSHALL")
	add := map[string]*strings.Builder{}
	for _, c := range []string{"HSET h", "SADD s", "SADD s2", "RPUSH l", "ZADD z", "ZADD z2"} {
		add[c] = &strings.Builder{}
		add[c].WriteString(c)
	}
	for i := range 300 {
		fmt.Fprintf(add["HSET h"], " field:%d %d", i, i)
		fmt.Fprintf(add["SADD s"], " %d", i)
		fmt.Fprintf(add["SADD s2"], " %d", i+100)
		fmt.Fprintf(add["RPUSH l"], " %d", i%100)
		fmt.Fprintf(add["ZADD z"], " %d m:%d", i/150, i)
		fmt.Fprintf(add["ZADD z2"], " %d m:%d", i, i+100)
	}
	for _, c := range add {
		w.do(c.String())
	}
	for _, c := range []string{"SET small text", "HSET th f v", "SADD t 1 2 400", "RPUSH tl 3 1 2", "ZADD tz 1 m:1 2 m:400"} {
		w.do(c)
	}
}

func (w *walkStore) do(command string) string {
	w.t.Helper()
	return execute(w.t, w.e, command)
}

// locked executes a command in a transaction of a client, which holds the locks.
func (w *walkStore) locked(command string) string {
	w.t.Helper()
	r := &resp.Reply{V3: true}
	q := Queued{Words: words(command)}
	q.Command = op.Lookup(string(q.Words[0]))
	s := Session{e: w.e}
	if ok, err := s.Transaction([]Queued{q}, r, func(do func(db int, q Queued)) { do(0, q) }); !ok || err != nil {
		w.t.Fatalf("%.40s in a transaction = %v, %v, want true, nil", command, ok, err)
	}
	return string(r.Buf)
}

func (w *walkStore) check() {
	w.t.Helper()
	if err := w.e.CheckTable(); err != nil {
		w.t.Fatal(err)
	}
}

// change changes every key.
func (w *walkStore) change() {
	for _, c := range []string{
		"HSET h field:1 changed new new", "HDEL h field:2", "SADD s new", "SREM s 150 151", "SREM s2 150 152",
		"LSET l 0 changed", "RPUSH l new", "LPOP l", "ZADD z 9 new 5 m:3", "ZREM z2 m:150", "SET small changed", "SADD t 3", "RPUSH tl 9", "ZADD tz 3 m:3", "HSET th g w",
	} {
		w.do(c)
	}
}

// TestWalkHoldsNoLock changes the collections that a command has begun to read, on the same
// goroutine, so that it would block if the command held a lock. The reply must be that of the time
// before.
func TestWalkHoldsNoLock(t *testing.T) {
	w := newWalkStore(t)
	for _, c := range []string{
		"HGETALL h", "HKEYS h", "HVALS h", "HSCAN h 0 COUNT 1000", "HRANDFIELD h 1000",
		"SMEMBERS s", "SSCAN s 0 COUNT 1000", "SRANDMEMBER s 1000",
		"SUNION s s2", "SINTER s s2", "SDIFF s s2", "SDIFF s none", "SINTERCARD 2 s s2",
		"LRANGE l 0 -1", "LRANGE l 10 -10", "LPOS l 7 COUNT 0", "LPOS l missing",
		"ZRANGE z 0 -1 WITHSCORES", "ZREVRANGE z 0 -1", "ZRANGE z (0 +inf BYSCORE", "ZRANGEBYSCORE z -inf +inf WITHSCORES",
		"ZREVRANGEBYSCORE z +inf -inf", "ZRANGEBYLEX z - +", "ZREVRANGEBYLEX z + -", "ZSCAN z 0 COUNT 1", "ZRANDMEMBER z 1000",
		"ZUNION 2 z z2 WITHSCORES", "ZINTER 2 z s2", "ZDIFF 2 z z2 WITHSCORES", "ZINTERCARD 2 z z2",
		"SORT l", "SORT s DESC LIMIT 0 10", "SORT z ALPHA", "SORT_RO l BY nosort GET #",
		"DUMP h", "DUMP s", "DUMP l", "DUMP z",
		"SUNION s h", "SUNION t s", "SDIFF t s", "SINTER s2 t", "ZUNION 3 z tz t WITHSCORES", "ZINTER 2 tz z", "ZRANGE l 0 -1", "LREM l 0 missing", "LINSERT l BEFORE missing e",
	} {
		w.fill()
		want := w.locked(c)
		w.walks.Store(0)
		w.during = w.change
		got := w.do(c)
		w.during = nil
		if got != want {
			t.Errorf("%s during changes = %.60q, want %.60q", c, got, want)
		}
		if n := w.walks.Load(); n != 1 {
			t.Errorf("%s walked %d times, want once", c, n)
		}
		w.check()
	}
}

// storing are commands that walk collections and change a key.
var storing = []string{
	"SUNIONSTORE d s s2", "SINTERSTORE d s s2", "SDIFFSTORE d s s2", "SUNIONSTORE s s s2", "SDIFFSTORE d none s",
	"ZUNIONSTORE d 2 z z2", "ZINTERSTORE d 2 z s2", "ZDIFFSTORE d 2 z z2", "ZRANGESTORE d z 0 -1", "ZRANGESTORE z z 2 5",
	"SORT l STORE d", "SORT s STORE s", "SORT l BY w_* STORE d", "SORT l BY nosort GET w_* GET # STORE d",
	"COPY h d", "COPY s d", "COPY l d", "COPY z d", "COPY h s", "COPY h s REPLACE", "COPY small s REPLACE", "COPY small s",
	"COPY th s REPLACE", "COPY t s REPLACE", "SUNIONSTORE s t", "SINTERSTORE s t s2", "SDIFFSTORE s t t", "ZUNIONSTORE z 2 tz t",
	"ZRANGESTORE z tz 0 -1", "COPY z z DB 1",
	"LREM l 0 7", "LREM l -2 55", "LINSERT l AFTER 99 e", "LINSERT l BEFORE 50 e",
}

// state returns the contents of all keys.
func (w *walkStore) state() (all string) {
	for _, key := range []string{"h", "s", "s2", "l", "z", "z2", "d", "small", "t", "th", "tl", "tz"} {
		all += fmt.Sprintf("%s %q\n", key, w.do("DUMP "+key))
	}
	reply, err := w.e.Do(w.t.Context(), 1, false, words("DUMP z"))
	return all + fmt.Sprintf("%q %v", reply, err)
}

// TestWalkStoresOfChangedKeys changes the keys of a command that stores a result, once or whenever
// it has captured them. The command must have the effect that it has after the changes.
func TestWalkStoresOfChangedKeys(t *testing.T) {
	for _, c := range storing {
		w := newWalkStore(t)
		w.change()
		want := w.locked(c) + w.state()
		for _, times := range []int{0, 1, 1000} {
			w.fill()
			left := times
			w.during = func() {
				if left > 0 {
					left--
					w.do("FLUSHALL")
					w.fill()
					w.change()
				}
			}
			if times == 0 {
				w.change()
			}
			w.walks.Store(0)
			reply := w.do(c)
			walks := w.walks.Load()
			w.during = nil
			if got := reply + w.state(); got != want {
				t.Errorf("%s with %d changes = %q, and other contents than after them, want %.20q", c, times, reply, want)
			}
			if walks > largeTries {
				t.Errorf("%s walked %d times, want at most %d", c, walks, largeTries)
			}
			w.check()
		}
	}
}

// TestWalkSeesOnePointInTime sets all elements of collections to one number, in one command or
// transaction, while others walk them. No walk may find two numbers.
func TestWalkSeesOnePointInTime(t *testing.T) {
	w := newWalkStore(t)
	w.do("DEL h l")
	const fields = 100
	write := func(n int) {
		hset, rpush := &strings.Builder{}, &strings.Builder{}
		hset.WriteString("HSET h")
		rpush.WriteString("RPUSH l")
		for i := range fields {
			fmt.Fprintf(hset, " %d %d", i, n)
			fmt.Fprintf(rpush, " %d", n)
		}
		tx := new(Tx)
		err := w.e.Update(tx, 0, false, func() error {
			for _, c := range []string{hset.String(), "DEL l", rpush.String()} {
				if _, err := tx.Do(0, words(c)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	write(0)
	read := func(setup, command string) {
		if setup != "" {
			w.do(setup)
		}
		v, _ := resp.Decode([]byte(w.do(command)))
		if len(v.Elements) != fields {
			t.Errorf("%s has %d elements, want %d", command, len(v.Elements), fields)
		}
		for _, e := range v.Elements {
			if string(e.Text) != string(v.Elements[0].Text) {
				t.Errorf("%s has %s and %s, want one number", command, v.Elements[0].Text, e.Text)
				break
			}
		}
	}
	var all sync.WaitGroup
	for _, fn := range []func(n int){
		write,
		func(int) { read("", "HVALS h") },
		func(int) { read("", "LRANGE l 0 -1") },
		func(int) { read("COPY h h2 REPLACE", "HVALS h2") },
		func(int) { read("SORT l STORE l2", "LRANGE l2 0 -1") },
		func(n int) { w.do(fmt.Sprintf("ZADD z %d m:%d", n, n)) },
		func(int) { w.do("ZUNIONSTORE z3 2 z z2") },
	} {
		all.Go(func() {
			for n := range 200 {
				fn(n)
			}
		})
	}
	all.Wait()
}
