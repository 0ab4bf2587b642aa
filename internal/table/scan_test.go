package table_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/perduredb/perdure/internal/table"
)

// TestScanUnderChange checks that a scan finds each permanent key once while the table grows and
// shrinks.
func TestScanUnderChange(t *testing.T) {
	for _, grow := range []bool{true, false} {
		m := newModel(t, small)
		lasting, passing := 3000, 40000/scale
		for i := range lasting {
			m.set(name{1, fmt.Sprint("lasting", i)}, value{bytes: "v"})
		}
		if !grow {
			for i := range passing {
				m.set(name{1, fmt.Sprint("passing", i)}, value{bytes: "v"})
			}
		}
		seen, calls, i := map[string]int{}, 0, 0
		var buf table.ScanBuffer
		buf.KeysOnly = true
		for c, more := table.Cursor(0), true; more; calls++ {
			before := c
			c, more = m.tab.Scan(1, c, &buf)
			if more && c <= before {
				t.Fatalf("cursor changed from %#x to %#x, want a larger one", before, c)
			}
			for _, e := range buf.Entries() {
				if seen[string(e.Key)]++; e.Value != nil {
					t.Fatalf("Scan of keys returned a value of %d bytes, want none", len(e.Value))
				}
			}
			for range 400 {
				n := name{1, fmt.Sprint("passing", i)}
				if i++; grow {
					m.set(n, value{bytes: "v"})
				} else if i < passing {
					m.delete(n)
				}
			}
		}
		for key, n := range seen {
			if n != 1 {
				t.Fatalf("Scan returned %q %d times, want 1", key, n)
			}
		}
		for i := range lasting {
			if seen[fmt.Sprint("lasting", i)] != 1 {
				t.Fatalf("Scan returned key %d %d times, want 1", i, seen[fmt.Sprint("lasting", i)])
			}
		}
		if calls < 8 {
			t.Errorf("%d calls of Scan, want more", calls)
		}
	}
}

// TestScanBytes checks that one call copies a bounded number of bytes.
func TestScanBytes(t *testing.T) {
	m := newModel(t, table.Options{Shards: 1, Databases: 1})
	big := strings.Repeat("b", 300<<10)
	for i := range 40 {
		m.set(name{0, fmt.Sprint(i)}, value{bytes: big})
	}
	m.check()
	var buf table.ScanBuffer
	for c, more := table.Cursor(0), true; more; {
		c, more = m.tab.Scan(0, c, &buf)
		if n := len(buf.Entries()); n > 4 {
			t.Fatalf("Scan returned %d values of 300 KiB, want fewer", n)
		}
	}
}

func TestScanLocked(t *testing.T) {
	m := newModel(t, small)
	r := newRandom(1, 5000)
	for range 5000 {
		m.step(r)
	}
	m.tab.LockAll()
	defer m.tab.UnlockAll()
	got := map[name]value{}
	var buf table.ScanBuffer
	for db := range 3 {
		for c, more := table.Cursor(0), true; more; {
			c, more = m.tab.ScanLocked(db, c, &buf)
			for _, e := range buf.Entries() {
				m.collect(got, e)
			}
		}
	}
	m.equal(got, m.want)
}

// TestScanCursor checks that Scan accepts any number as a cursor.
func TestScanCursor(t *testing.T) {
	for _, shards := range []int{1, 4, 64} {
		m := newModel(t, table.Options{Shards: shards, Databases: 1})
		var buf table.ScanBuffer
		for _, keys := range []int{0, 1, 5000} {
			for i := range keys {
				m.set(name{0, fmt.Sprint(i)}, value{})
			}
			for _, c := range []table.Cursor{0, 1, 1 << 63, 1<<63 + 1, 1<<64 - 1} {
				for more := true; more; {
					before := c
					if c, more = m.tab.Scan(0, c, &buf); more && c <= before || !more && c != 0 {
						t.Fatalf("cursor changed from %#x to %#x, want a larger one", before, c)
					}
				}
			}
		}
	}
}
