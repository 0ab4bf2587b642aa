package table_test

import (
	"fmt"
	"testing"

	"github.com/perduredb/perdure/internal/table"
)

// A sweep in small steps comes to every expired key, and only pages that may have one are read.
func TestSweep(t *testing.T) {
	m := newModel(t, table.Options{Shards: 1, Databases: 3})
	const now, n = 1000, 6000
	for i := range n {
		v := value{bytes: "a value"}
		switch i % 3 {
		case 0:
			v.expire = now - int64(i%2) // at now itself it is still there
		case 1:
			v.expire = now + 1 + int64(i)
		}
		m.set(name{i % 2, fmt.Sprint("key", i)}, v)
	}
	s := m.tab.ShardAt(0)
	sweep := func(now int64) (visited, removed, calls int) {
		for ; calls < 1000; calls++ {
			s.Lock()
			v, r := s.SweepExpired(now, 50, func(db int, key []byte) {
				n := name{db, string(key)}
				if e := m.want[n].expire; e == 0 || e >= now {
					t.Fatalf("%q expires at %d, not at %d", key, e, now)
				}
				delete(m.want, n)
			})
			s.Unlock()
			visited, removed = visited+v, removed+r
			if v < 50 {
				return visited, removed, calls + 1
			}
			if v > 50+16<<10/24 {
				t.Fatalf("%d visited in a call", v)
			}
		}
		return visited, removed, calls
	}
	if v, r, _ := sweep(now - 1); v != 0 || r != 0 {
		t.Errorf("nothing is expired, %d visited, %d removed", v, r)
	}
	if _, r, calls := sweep(now); r != n/6 || calls < 3 {
		t.Errorf("%d removed in %d calls, want %d", r, calls, n/6)
	}
	m.check()
	if v, r, _ := sweep(now); r != 0 || v != 0 {
		t.Errorf("%d visited again, %d removed", v, r)
	}
	if _, r, _ := sweep(now + 2*n); r != n*2/3-n/6 {
		t.Errorf("%d removed at the end, want %d", r, n*2/3-n/6)
	}
	m.check()
	if got := m.tab.Expires(0) + m.tab.Expires(1); got != 0 {
		t.Errorf("%d keys with an expiry are left", got)
	}
}
