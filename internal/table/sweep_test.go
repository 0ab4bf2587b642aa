package table_test

import (
	"fmt"
	"testing"

	"github.com/perduredb/perdure/internal/table"
)

// TestSweep checks that a sweep in small steps removes every expired key, and reads only pages that
// may contain one.
func TestSweep(t *testing.T) {
	m := newModel(t, table.Options{Shards: 1, Databases: 3})
	const now, n = 1000, 6000
	for i := range n {
		v := value{bytes: "a value"}
		switch i % 3 {
		case 0:
			v.expire = now - int64(i%2) // a key whose expiry equals now still exists
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
					t.Fatalf("Sweep at %d removed %q, want it kept with expiry %d", now, key, e)
				}
				delete(m.want, n)
			})
			s.Unlock()
			visited, removed = visited+v, removed+r
			if v < 50 {
				return visited, removed, calls + 1
			}
			if v > 50+16<<10/24 {
				t.Fatalf("Sweep visited %d records, want fewer", v)
			}
		}
		return visited, removed, calls
	}
	if v, r, _ := sweep(now - 1); v != 0 || r != 0 {
		t.Errorf("Sweep without expired keys: visited %d, removed %d, want 0, 0", v, r)
	}
	if _, r, calls := sweep(now); r != n/6 || calls < 3 {
		t.Errorf("Sweep removed %d keys in %d calls, want %d", r, calls, n/6)
	}
	m.check()
	if v, r, _ := sweep(now); r != 0 || v != 0 {
		t.Errorf("second Sweep: visited %d, removed %d, want 0, 0", v, r)
	}
	if _, r, _ := sweep(now + 2*n); r != n*2/3-n/6 {
		t.Errorf("last Sweep removed %d keys, want %d", r, n*2/3-n/6)
	}
	m.check()
	if got := m.tab.Expires(0) + m.tab.Expires(1); got != 0 {
		t.Errorf("%d keys with an expiry after the last Sweep, want 0", got)
	}
}
