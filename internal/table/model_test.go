package table_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/perduredb/perdure/internal/table"
)

// model is a table with a plain map of its expected contents.
type model struct {
	t      *testing.T
	tab    *table.Table
	defrag *table.Defragmenter
	want   map[name]value
}

type name struct {
	db  int
	key string
}

type value struct {
	kind   table.Kind
	bytes  string
	expire int64
}

func newModel(t *testing.T, o table.Options) *model {
	tab := table.New(o)
	t.Cleanup(tab.Close)
	return &model{t: t, tab: tab, defrag: tab.Defragmenter(), want: map[name]value{}}
}

// do runs f with the shard of a key locked.
func do(tab *table.Table, key string, f func(s *table.Shard, h uint64)) {
	h := tab.Hash(key)
	s := tab.Shard(h)
	s.Lock()
	defer s.Unlock()
	f(s, h)
}

func (m *model) set(n name, v value) {
	m.t.Helper()
	old, had := m.want[n]
	do(m.tab, n.key, func(s *table.Shard, h uint64) {
		m.checkPlain(s, h, n, old, had)
		if v.kind == table.String && v.expire == 0 && s.SetString(n.db, h, n.key, []byte(v.bytes)) {
			if !had || old.kind != table.String || old.expire != 0 || len(old.bytes) != len(v.bytes) {
				m.t.Fatalf("SetString(%.40q) = true over %+.40v, want false", n.key, old)
			}
			m.checkPlain(s, h, n, v, true)
			return
		}
		if existed, err := s.Set(n.db, h, n.key, v.kind, []byte(v.bytes), v.expire); err != nil || existed != had {
			m.t.Fatalf("Set %.40q existed = %v, want %v", n.key, existed, had)
		}
	})
	m.want[n] = v
}

// checkPlain checks the fast path to a value, which may return false for any value.
func (m *model) checkPlain(s *table.Shard, h uint64, n name, v value, had bool) {
	m.t.Helper()
	out, ok := s.AppendString([]byte("prefix"), n.db, h, n.key)
	want := "prefix"
	if ok {
		want += v.bytes
	}
	if string(out) != want || ok && (!had || v.kind != table.String || v.expire != 0) {
		m.t.Fatalf("AppendString(%.40q) = %.40q, %v, want %.40q of %+.40v",
			n.key, out, ok, want, v)
	}
}

func (m *model) setInt(n name, i, expire int64) {
	m.t.Helper()
	old, had := m.want[n]
	do(m.tab, n.key, func(s *table.Shard, h uint64) {
		if sum, ok := s.AddInt(n.db, h, n.key, 7); ok {
			was, err := strconv.ParseInt(old.bytes, 10, 64)
			if !had || err != nil || old.kind != table.String || old.expire != 0 || sum != was+7 || sum < was {
				m.t.Fatalf("AddInt(%.40q, 7) = %d, true over %+.40v, want %d", n.key, sum, old, was+7)
			}
		}
		s.SetInt(n.db, h, n.key, i, expire)
	})
	m.want[n] = value{bytes: strconv.FormatInt(i, 10), expire: expire}
}

func (m *model) delete(n name) {
	m.t.Helper()
	_, had := m.want[n]
	do(m.tab, n.key, func(s *table.Shard, h uint64) {
		if ok := s.Delete(n.db, h, n.key); ok != had {
			m.t.Fatalf("Delete %.40q = %v, want %v", n.key, ok, had)
		}
	})
	delete(m.want, n)
}

func (m *model) expire(n name, at int64) {
	m.t.Helper()
	v, had := m.want[n]
	do(m.tab, n.key, func(s *table.Shard, h uint64) {
		if ok, err := s.SetExpire(n.db, h, n.key, at); err != nil || ok != had {
			m.t.Fatalf("SetExpire %.40q = %v, want %v", n.key, ok, had)
		}
	})
	if had {
		v.expire = at
		m.want[n] = v
	}
}

func (m *model) append(n name, suffix string) {
	m.t.Helper()
	v, had := m.want[n]
	if !had || v.kind != table.String {
		m.set(n, value{bytes: suffix})
		return
	}
	v.bytes += suffix
	do(m.tab, n.key, func(s *table.Shard, h uint64) {
		if size, err := s.Append(n.db, h, n.key, []byte(suffix)); err != nil || size != len(v.bytes) {
			m.t.Fatalf("Append %.40q = %d, want %d", n.key, size, len(v.bytes))
		}
	})
	m.want[n] = v
}

func (m *model) flush(db int) {
	var removed int64
	for i := range m.tab.NumShards() {
		s := m.tab.ShardAt(i)
		s.Lock()
		removed += s.Flush(db)
		s.Unlock()
	}
	var had int64
	for n := range m.want {
		if n.db == db {
			delete(m.want, n)
			had++
		}
	}
	if removed != had {
		m.t.Fatalf("Flush removed %d, want %d", removed, had)
	}
}

// swap exchanges two databases.
func (m *model) swap(a, b int) {
	for i := range m.tab.NumShards() {
		s := m.tab.ShardAt(i)
		s.Lock()
		s.SwapDB(a, b)
		s.Unlock()
	}
	old := m.want
	m.want = make(map[name]value, len(old))
	for n, v := range old {
		switch n.db {
		case a:
			n.db = b
		case b:
			n.db = a
		}
		m.want[n] = v
	}
}

func (m *model) sweep(now int64) {
	m.t.Helper()
	removed := 0
	for i := range m.tab.NumShards() {
		s := m.tab.ShardAt(i)
		s.Lock()
		_, n := s.SweepExpired(now, 1<<30, func(db int, key []byte) {
			n := name{db, string(key)}
			v, ok := m.want[n]
			if !ok || v.expire == 0 || now <= v.expire {
				m.t.Fatalf("Sweep removed %.40q, want only expired keys removed", key)
			}
			delete(m.want, n)
		})
		removed += n
		s.Unlock()
	}
	for n, v := range m.want {
		if v.expire != 0 && now > v.expire {
			m.t.Fatalf("Sweep removed %d keys, want the expired %.40q among them", removed, n.key)
		}
	}
}

// defragment runs defragmentation to its end.
func (m *model) defragment() {
	m.t.Helper()
	for step, more := 0, true; more; step++ {
		if step == 1_000_000 {
			m.t.Fatalf("Step after %d steps = true, want false", step)
		}
		_, more = m.defrag.Step()
	}
}

// get compares one key.
func (m *model) get(n name) {
	m.t.Helper()
	want, had := m.want[n]
	do(m.tab, n.key, func(s *table.Shard, h uint64) {
		it, ok := s.Find(n.db, h, n.key)
		if ok != had {
			m.t.Fatalf("Find %.40q = %v, want %v", n.key, ok, had)
		}
		if !ok {
			return
		}
		got := it.AppendValue([]byte("prefix"))
		if string(got[6:]) != want.bytes || it.ValueLen() != len(want.bytes) {
			m.t.Fatalf("Find %.40q = %d bytes %.40q, want %d bytes %.40q",
				n.key, it.ValueLen(), got[6:], len(want.bytes), want.bytes)
		}
		if it.Kind() != want.kind || it.ExpireAtMs() != want.expire {
			m.t.Fatalf("Find %.40q = %v, expires at %d, want %v", n.key, it.Kind(), it.ExpireAtMs(), want)
		}
		i, err := strconv.ParseInt(want.bytes, 10, 64)
		canonical := err == nil && strconv.FormatInt(i, 10) == want.bytes && want.kind == table.String
		if j, ok := it.Int(); ok != canonical || ok && i != j {
			m.t.Fatalf("integer of %.40q = %d, %v, want %.40q", n.key, j, ok, want.bytes)
		}
	})
}

// check compares everything.
func (m *model) check() {
	m.t.Helper()
	if err := m.tab.Check(); err != nil {
		m.t.Fatal(err)
	}
	keys, expires := map[int]int64{}, map[int]int64{}
	for n, v := range m.want {
		m.get(n)
		keys[n.db]++
		if v.expire != 0 {
			expires[n.db]++
		}
	}
	for db := range m.tab.Databases() {
		if m.tab.Len(db) != keys[db] || m.tab.Expires(db) != expires[db] {
			m.t.Fatalf("database %d: %d keys, %d with expiry, want %d, %d",
				db, m.tab.Len(db), m.tab.Expires(db), keys[db], expires[db])
		}
	}
	got := map[name]value{}
	for db := range m.tab.Databases() {
		scan(m.tab, db, func(e table.Entry) { m.collect(got, e) })
	}
	m.equal(got, m.want)
}

// collect adds an entry, which must be new.
func (m *model) collect(got map[name]value, e table.Entry) {
	m.t.Helper()
	n := name{e.DB, string(e.Key)}
	if _, twice := got[n]; twice {
		m.t.Fatalf("view yielded %.40q twice, want once", e.Key)
	}
	got[n] = value{e.Kind, string(e.Value), e.ExpireAtMs}
}

func (m *model) equal(got, want map[name]value) {
	m.t.Helper()
	for n, v := range want {
		if g, ok := got[n]; !ok || g != v {
			m.t.Fatalf("%d %.40q: got %v %.60q, want %.60q (expire %d, %d)",
				n.db, n.key, ok, g.bytes, v.bytes, g.expire, v.expire)
		}
	}
	if len(got) != len(want) {
		for n := range got {
			if _, ok := want[n]; !ok {
				m.t.Fatalf("unexpected entry %d %.40q; got %d entries, want %d", n.db, n.key, len(got), len(want))
			}
		}
	}
}

func scan(tab *table.Table, db int, f func(table.Entry)) {
	var buf table.ScanBuffer
	for c, more := table.Cursor(0), true; more; {
		c, more = tab.Scan(db, c, &buf)
		for _, e := range buf.Entries() {
			f(e)
		}
	}
}

// random returns random names and values.
type random struct {
	*rand.Rand
	keys, dbs, maxValue int
}

func newRandom(seed uint64, keys int) *random {
	return &random{rand.New(rand.NewPCG(seed, 1)), keys, 3, 4 << 10}
}

func (r *random) name() name {
	i := r.IntN(r.keys)
	n := name{db: i % r.dbs, key: fmt.Sprintf("key:%d", i)}
	switch i % 50 {
	case 0:
		n.key += string(bytes.Repeat([]byte{'k'}, i%700))
	case 1:
		n.key += string(bytes.Repeat([]byte{'K'}, i%5000))
	case 2:
		n.key = string([]byte{byte(i), byte(i >> 8)})
	}
	if i == 3 {
		n.key = ""
	}
	return n
}

func (r *random) bytes(size int) string {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(r.Uint32())
		if i >= 16 {
			copy(b[i:], b[:i])
			i = min(2*i, size)
			for ; i < size; i *= 2 {
				copy(b[i:], b[:i])
			}
			break
		}
	}
	return string(b)
}

// opaque returns bytes that are not the roots of trees.
func (r *random) opaque(n int) string {
	b := []byte(r.bytes(n))
	if n > 1 {
		b[1] &^= table.TreeMark
	}
	return string(b)
}

func (r *random) value() value {
	v := value{}
	switch r.IntN(8) {
	case 0:
		v.bytes = strconv.FormatInt(r.Int64()>>r.IntN(63), 10)
	case 1:
		v.bytes = strconv.FormatInt(-r.Int64N(1000), 10)
	case 2:
		v.kind = table.Opaque
		v.bytes = r.opaque(r.IntN(300))
	case 3:
		v.bytes = r.bytes(r.IntN(r.maxValue))
	default:
		v.bytes = r.bytes(r.IntN(100))
	}
	if r.IntN(3) == 0 {
		v.expire = 1 + r.Int64N(1000)
	}
	return v
}

// step runs one random operation.
func (m *model) step(r *random) {
	n := r.name()
	m.defrag.Step()
	switch r.IntN(12) {
	case 0, 1:
		m.delete(n)
	case 2:
		m.setInt(n, r.Int64()>>r.IntN(64), r.Int64N(3))
	case 3:
		m.expire(n, r.Int64N(2)*r.Int64N(1000))
	case 4:
		m.append(n, r.bytes(r.IntN(20)))
	case 5:
		m.append(n, strconv.Itoa(r.IntN(100)))
	case 6:
		m.get(n)
	default:
		m.set(n, r.value())
	}
}
